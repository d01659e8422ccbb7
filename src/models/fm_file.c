/* The files of fm: its samples, the specs of its features, rows of users and contexts. */
#include "models/csr_file.h"
#include "models/fm.h"
#include "models/model_impl.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct section {
    const char *name;
    const float **field;
    int64_t n;
};
enum { N_SECTIONS = 6 + FM_SIDES };

static const char *const spec_names[FM_SIDES] = {"m.item", "m.context", "m.user"};
static const struct csr_sections user_sections = {"m.user.ptr", "m.user.col", "m.user.val"};
static const struct csr_sections context_sections = {"m.ctx.ptr", "m.ctx.col", "m.ctx.val"};

static void sections(struct fm *s, struct section out[N_SECTIONS])
{
    static const char *const theta[FM_SIDES] = {"m.item.theta", "m.context.theta", "m.user.theta"};
    const struct section all[N_SECTIONS - FM_SIDES] = {
        {"m.items", &s->items, s->n_items * s->S * s->k1},
        {"m.drawn", &s->drawn, s->params->solver == FM_MCMC ? s->n_items * s->S * s->k1 : 0},
        {"m.offset", &s->offset, s->n_items * s->S},
        {"m.bias", &s->bias, s->n_items},
        {"m.prior", &s->prior, 2 * s->S * s->k1},
        {"m.newcomer", &s->newcomer, s->S * s->k1},
    };
    memcpy(out, all, sizeof all);
    for (int side = 0; side < FM_SIDES; side++)
        out[N_SECTIONS - FM_SIDES + side] =
            (struct section){theta[side], &s->theta[side], s->S * fm_count(s, side) * s->k1};
}

/* Which specs there are; base, spread, seed. */
struct head {
    double base, spread;
    uint64_t seed;
    uint64_t specs; /* bit s: that of side s */
    int64_t n_contexts;
};

akin_status fm_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fm s = *(const struct fm *)m->self;
    struct section part[N_SECTIONS];
    struct head head = {s.base, s.spread, s.seed, 0, s.context_rows.n_rows};
    for (int side = 0; side < FM_SIDES; side++)
        head.specs |= (uint64_t)(s.spec[side] != NULL) << side;
    AKIN_TRY(container_add(w, "m.head", CONTAINER_REQUIRED, &head, sizeof head, err));
    sections(&s, part);
    for (int i = 0; i < N_SECTIONS; i++)
        if (part[i].n > 0)
            AKIN_TRY(container_add(w, part[i].name, CONTAINER_REQUIRED, *part[i].field,
                                   part[i].n * (int64_t)sizeof(float), err));
    for (int side = 0; side < FM_SIDES; side++)
        if (s.spec[side])
            AKIN_TRY(features_save(w, spec_names[side], s.spec[side], err));
    if (s.spec[FM_USERS])
        AKIN_TRY(csr_save(w, &user_sections, &s.user_rows, err));
    if (s.spec[FM_CONTEXT]) {
        int64_t n = m->hist.ptr[m->hist.n_users];
        AKIN_TRY(csr_save(w, &context_sections, &s.context_rows, err));
        AKIN_TRY(container_add(w, "m.ctx.of", CONTAINER_REQUIRED, s.context_of,
                               n * (int64_t)sizeof *s.context_of, err));
    }
done:
    return status;
}

static akin_status load_head(struct fm *s, struct container *c, struct head *out, akin_error *err)
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

static akin_status load_rows(struct model *m, struct container *c, const struct head *head,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fm *s = m->self;
    if (s->spec[FM_USERS])
        AKIN_TRY(csr_load(c, &user_sections, m->users.n, fm_count(s, FM_USERS), false,
                          &s->user_rows, err));
    if (s->spec[FM_CONTEXT]) {
        const void *data;
        int64_t n, n_events = m->hist.ptr[m->hist.n_users];
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

akin_status fm_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fm *s = m->self;
    struct section part[N_SECTIONS];
    struct head head;
    const struct fm_params *p = m->params;
    *s = (struct fm){.ctx = m->ctx, .owner = m, .params = p, .n_items = m->items.n};
    s->is_mapped = true;
    s->k = p->factors;
    s->k1 = s->k + 1;
    s->S = fm_samples(p);
    AKIN_TRY(load_head(s, c, &head, err));
    for (int side = 0; side < FM_SIDES; side++) {
        const struct feature_options options = fm_options(p, side);
        if (head.specs >> side & 1)
            AKIN_TRY(features_load(m->ctx, c, spec_names[side], &options, &s->spec[side], err));
    }
    sections(s, part);
    for (int i = 0; i < N_SECTIONS; i++)
        if (part[i].n > 0)
            AKIN_TRY(model_load_floats(m->ctx, c, part[i].name, part[i].n, part[i].field, err));
    if (p->solver != FM_MCMC)
        s->drawn = s->items;
    for (int64_t at = 0; at < s->S * s->k1; at++)
        if (!(s->prior[(2 * (at / s->k1) + 1) * s->k1 + at % s->k1] > 0))
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.prior: a precision is not above 0",
                      container_path(c));
    AKIN_TRY(load_rows(m, c, &head, err));
done:
    return status;
}

void fm_destroy(struct model *m)
{
    struct fm *s = m->self;
    for (int side = 0; side < FM_SIDES; side++)
        features_free(s->spec[side]);
    if (s->is_mapped)
        return;
    for (int side = 0; side < FM_SIDES; side++)
        model_free_array(m->ctx, s->theta[side]);
    if (s->drawn != s->items)
        model_free_array(m->ctx, s->drawn);
    model_free_array(m->ctx, s->items);
    model_free_array(m->ctx, s->offset);
    model_free_array(m->ctx, s->bias);
    model_free_array(m->ctx, s->prior);
    model_free_array(m->ctx, s->newcomer);
    model_free_array(m->ctx, s->context_of);
    csr_free(m->ctx, &s->user_rows);
    csr_free(m->ctx, &s->context_rows);
}
