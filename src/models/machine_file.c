/*
 * What fm and ffm keep of their data, as sections of a model's file: the specs of features, rows of
 * users and contexts, base and spread. Cost: of the file.
 */
#include "models/csr_file.h"
#include "models/machine.h"
#include "models/model_impl.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *const spec_names[FM_SIDES] = {"m.item", "m.context", "m.user"};
static const struct csr_sections user_sections = {"m.user.ptr", "m.user.col", "m.user.val"};
static const struct csr_sections context_sections = {"m.ctx.ptr", "m.ctx.col", "m.ctx.val"};

/* Which specs there are; base, spread, seed. */
struct head {
    double base, spread;
    uint64_t seed;
    uint64_t specs; /* bit s: that of side s */
    int64_t n_contexts;
};

akin_status fm_known_save(const struct fm_known *s, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct histories *hist = &s->owner->hist;
    struct head head = {s->base, s->spread, s->seed, 0, s->context_rows.n_rows};
    for (int side = 0; side < FM_SIDES; side++)
        head.specs |= (uint64_t)(s->spec[side] != NULL) << side;
    AKIN_TRY(container_add(w, "m.head", CONTAINER_REQUIRED, &head, sizeof head, err));
    for (int side = 0; side < FM_SIDES; side++)
        if (s->spec[side])
            AKIN_TRY(features_save(w, spec_names[side], s->spec[side], err));
    if (s->spec[FM_USERS])
        AKIN_TRY(csr_save(w, &user_sections, &s->user_rows, err));
    if (s->spec[FM_CONTEXT]) {
        int64_t n = hist->ptr[hist->n_users];
        AKIN_TRY(csr_save(w, &context_sections, &s->context_rows, err));
        AKIN_TRY(container_add(w, "m.ctx.of", CONTAINER_REQUIRED, s->context_of,
                               n * (int64_t)sizeof *s->context_of, err));
    }
done:
    return status;
}

static akin_status load_head(struct fm_known *s, struct container *c, struct head *out,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    const void *data;
    int64_t n;
    AKIN_TRY(container_get(c, "m.head", sizeof *out, false, &data, &n, err));
    if (n == 1)
        memcpy(out, data, sizeof *out);
    if (n != 1 || !isfinite(out->base) || !isfinite(out->spread) || !(out->spread > 0) ||
        out->specs >> FM_SIDES || out->n_contexts < 0 || out->n_contexts > INT32_MAX)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.head is damaged", container_path(c));
    s->base = out->base;
    s->spread = out->spread;
    s->seed = out->seed;
done:
    return status;
}

static akin_status load_rows(struct fm_known *s, struct container *c, const struct head *head,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    if (s->spec[FM_USERS])
        AKIN_TRY(csr_load(c, &user_sections, s->owner->users.n, fm_count(s, FM_USERS), false,
                          &s->user_rows, err));
    if (s->spec[FM_CONTEXT]) {
        const void *data;
        int64_t n, n_events = s->owner->hist.ptr[s->owner->hist.n_users];
        AKIN_TRY(csr_load(c, &context_sections, head->n_contexts, fm_count(s, FM_CONTEXT), false,
                          &s->context_rows, err));
        AKIN_TRY(container_get(c, "m.ctx.of", sizeof *s->context_of, false, &data, &n, err));
        s->context_of = data;
        if (n != n_events)
            AKIN_FAIL(AKIN_E_FORMAT,
                      "%s: section m.ctx.of has %" PRId64 " rows for %" PRId64 " events",
                      container_path(c), n, n_events);
        for (int64_t e = 0; e < n; e++)
            if (s->context_of[e] < 0 || s->context_of[e] >= head->n_contexts)
                AKIN_FAIL(AKIN_E_FORMAT,
                          "%s: section m.ctx.of: context %d of %" PRId64 " at %" PRId64,
                          container_path(c), s->context_of[e], head->n_contexts, e);
    }
done:
    return status;
}

akin_status fm_known_load(struct fm_known *s, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct head head;
    s->is_mapped = true;
    AKIN_TRY(load_head(s, c, &head, err));
    for (int side = 0; side < FM_SIDES; side++) {
        const struct feature_options options = fm_options(side);
        if (head.specs >> side & 1)
            AKIN_TRY(features_load(s->ctx, c, spec_names[side], &options, &s->spec[side], err));
    }
    AKIN_TRY(load_rows(s, c, &head, err));
done:
    return status;
}

void fm_known_free(struct fm_known *s)
{
    for (int side = 0; side < FM_SIDES; side++)
        features_free(s->spec[side]);
    if (s->is_mapped)
        return;
    model_free_array(s->ctx, s->context_of);
    csr_free(s->ctx, &s->user_rows);
    csr_free(s->ctx, &s->context_rows);
}

uint32_t fm_task_flags(int64_t task)
{
    return task == FM_REGRESSION ? SCORER_RATES : task == FM_CLASSIFICATION ? SCORER_LOG_ODDS : 0;
}
