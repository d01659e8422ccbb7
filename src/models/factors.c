/*
 * Tables of factors: start, files, scores, similar items (see factors.h). Their training: sgd.c.
 *
 * Cost: 4·k bytes a row; a score is k multiply-adds.
 */
#include "models/factors.h"

#include "core/par.h"
#include "core/rng.h"
#include "models/model_impl.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { ROWS = 1024, TILE = 256 };

akin_status factors_alloc(struct model *m, int64_t width, struct factors *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = (struct factors){
        .ctx = m->ctx, .k = factors_width(width), .n_users = m->users.n, .n_items = m->items.n};
    MEM_ZERO(m->ctx, out->users, out->n_users * out->k);
    MEM_ZERO(m->ctx, out->items, out->n_items * out->k);
done:
    return status;
}

void factors_free(struct factors *f)
{
    if (f->is_mapped || !f->ctx)
        return;
    mem_free(f->ctx, f->users);
    mem_free(f->ctx, f->items);
}

/* ---- Files --------------------------------------------------------------------------------- */

akin_status factors_save(const struct factors *f, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t row = f->k * (int64_t)sizeof(float);
    AKIN_TRY(container_add(w, "m.users", CONTAINER_REQUIRED, f->users, f->n_users * row, err));
    AKIN_TRY(container_add(w, "m.items", CONTAINER_REQUIRED, f->items, f->n_items * row, err));
done:
    return status;
}

/* Mapped tables are only read: is_mapped says so. */
static float *as_table(const float *x)
{
    union {
        const float *in;
        float *out;
    } cast = {x};
    return cast.out;
}

akin_status factors_load(struct model *m, struct container *c, int64_t width, struct factors *out,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    const float *users, *items;
    *out = (struct factors){.ctx = m->ctx,
                            .k = factors_width(width),
                            .n_users = m->users.n,
                            .n_items = m->items.n,
                            .is_mapped = true};
    AKIN_TRY(model_load_floats(m->ctx, c, "m.users", out->n_users * out->k, &users, err));
    AKIN_TRY(model_load_floats(m->ctx, c, "m.items", out->n_items * out->k, &items, err));
    out->users = as_table(users);
    out->items = as_table(items);
done:
    return status;
}

/* ---- Start --------------------------------------------------------------------------------- */

struct begin_job {
    struct factors *f;
    const struct factors_start *start;
};

static akin_status begin_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct begin_job *job = arg;
    const struct factors_start *s = job->start;
    struct factors *f = job->f;
    int64_t n = f->n_users + f->n_items;
    (void)worker;
    (void)err;
    for (int64_t r = par_lo(block, ROWS); r < par_hi(block, ROWS, n); r++) {
        bool is_user = r < f->n_users;
        int64_t row = is_user ? r : r - f->n_users;
        float *x = (is_user ? f->users : f->items) + row * f->k;
        struct rng rng = rng_make(s->seed, is_user ? RNG_INIT_USER : RNG_INIT_ITEM, (uint64_t)row);
        for (int64_t t = 0; t < s->width; t++) {
            uint64_t bits = rng_next(&rng);
            int64_t sum = 0;
            for (int part = 0; part < 4; part++)
                sum += (int64_t)((bits >> (16 * part)) & 65535);
            /* the sum of four uniform numbers has a variance of a third */
            double z = (double)(2 * sum - 4 * 65535) * (0.5 / 65536.0) * 1.7320508075688772;
            double value = s->base + s->stddev * z;
            x[t] = (float)(value < s->least ? s->least : value);
        }
    }
    return AKIN_OK;
}

akin_status factors_begin(struct factors *f, const struct factors_start *start, akin_error *err)
{
    struct begin_job job = {f, start};
    return par_for(f->ctx, par_blocks(f->n_users + f->n_items, ROWS), begin_block, &job, err);
}

static akin_status warm_side(float *rows, int64_t n, const float *old, int64_t n_old, int64_t k,
                             const int32_t *map, const char *name, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int64_t r = 0; r < n; r++) {
        if (map[r] >= n_old)
            AKIN_FAIL(AKIN_E_ARG, "%s: row %d of the earlier model (it has %" PRId64 ")", name,
                      (int)map[r], n_old);
        if (map[r] >= 0)
            memcpy(rows + r * k, old + map[r] * k, (size_t)k * sizeof *rows);
    }
done:
    return status;
}

akin_status factors_warm(struct factors *f, const struct factors *old, int64_t width,
                         int64_t old_width, const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *name = ctl->warm->cls->name;
    if (!ctl->warm_user || !ctl->warm_item)
        AKIN_FAIL(AKIN_E_ARG, "%s: an earlier model needs the places of its users and items", name);
    if (width != old_width)
        AKIN_FAIL(AKIN_E_ARG, "%s: factors=%" PRId64 ", but the earlier model has %" PRId64, name,
                  width, old_width);
    AKIN_TRY(
        warm_side(f->users, f->n_users, old->users, old->n_users, f->k, ctl->warm_user, name, err));
    AKIN_TRY(
        warm_side(f->items, f->n_items, old->items, old->n_items, f->k, ctl->warm_item, name, err));
done:
    return status;
}

/* ---- Scores -------------------------------------------------------------------------------- */

akin_status factors_score(const struct factors *f, const float *states, int32_t n_queries,
                          const struct item_set *set, float *out, int64_t ldo,
                          struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kern *kern = f->ctx->kern;
    int32_t n = item_set_size(set);
    float *rows = NULL;
    float *panels = arena_alloc(scratch, TILE * f->k, sizeof *panels, err);
    if (!panels)
        AKIN_TRY(AKIN_E_MEMORY);
    if (set->ids && !(rows = arena_alloc(scratch, TILE * f->k, sizeof *rows, err)))
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t lo = 0; lo < n; lo += TILE) {
        int32_t m = n - lo < TILE ? n - lo : TILE;
        AKIN_TRY(ctx_check(f->ctx, err));
        for (int32_t i = 0; rows && i < m; i++)
            memcpy(rows + i * f->k, f->items + set->ids[lo + i] * f->k,
                   (size_t)f->k * sizeof *rows);
        kern->pack(rows ? rows : f->items + (set->lo + lo) * f->k, f->k, m, f->k, panels);
        kern->gemm(n_queries, m, f->k, states, f->k, panels, out + lo, ldo, 0);
    }
done:
    return status;
}

void factors_similar(const struct factors *f, int64_t width, int32_t item, struct evidence *out)
{
    const struct kern *kern = f->ctx->kern;
    const float *x = f->items + item * f->k;
    double own = kern->dot64(x, x, width);
    for (int32_t i = 0; i < f->n_items && own > 0; i++) {
        const float *y = f->items + i * f->k;
        double length = kern->dot64(y, y, width);
        if (length > 0)
            evidence_add(out, i, (float)(kern->dot64(x, y, width) / sqrt(own * length)));
    }
}
