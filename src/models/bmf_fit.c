/*
 * The chain of bmf: sweeps of Gibbs sampling, of which every thin-th after burn_in is kept.
 *
 *   sweep: what items share → items → what times share → times → what users share → users → noise,
 *          and with levels cut points → latents (bmf_cuts.c)
 *
 * A row given all else is normal (bmf_rows.c) and needs nothing of the other rows of its side, so a
 * side is one parallel loop; its normals are numbered by (row, sweep). Users are drawn last: kept
 * are the items and what users share, from which any user's mean follows (bmf.c).
 *
 * Cost of a sweep: ratings · (k1² + 6 k1) + rows · k1³ / 6, and bmf_side.c's; with times half as
 * much again. Not here: several ranks, warm start.
 */
#include "models/bmf_fit.h"
#include "core/par.h"
#include "models/model_impl.h"
#include "solve/draw.h"

#include <math.h>
#include <string.h>

/* ---- Rows ---- */

struct rows_job {
    struct bmf_fit *f;
    struct bmf_side *s;
};

/* What a row's step needs of a worker's scratch. */
struct row_room {
    float *target;  /* (longest) */
    float *gather;  /* (longest, k1) only with time */
    float *ratio;   /* (k1) */
    float *noise;   /* (k1) */
    float *x;       /* (k1) */
    float *scratch; /* of bmf_rows.c */
};

static int64_t room_size(const struct bmf_fit *f)
{
    int64_t size = f->longest + 3 * f->k1 + bmf_row_scratch(f->k1);
    return f->times.n > 0 ? size + f->longest * f->k1 : size;
}

static struct row_room room_of(const struct bmf_fit *f, int worker)
{
    float *at = f->scratch + worker * f->scratch_size;
    struct row_room room = {.target = at};
    at += f->longest;
    room.gather = at;
    at += f->times.n > 0 ? f->longest * f->k1 : 0;
    room.ratio = at;
    room.noise = at + f->k1;
    room.x = at + 2 * f->k1;
    room.scratch = at + 3 * f->k1;
    return room;
}

static inline const float *time_of(const struct bmf_fit *f, float bin)
{
    return f->times.X + (int64_t)bin * f->ld;
}

/* Users and their times together, p + τ: what an item's ratings see of them. */
static void item_features(const struct bmf_fit *f, const struct bmf_side *s, int64_t lo, int64_t n,
                          struct row_room *room, struct bmf_row *row)
{
    for (int64_t e = 0; e < n; e++) {
        const float *u = f->users.X + (int64_t)s->col[lo + e] * f->ld;
        room->target[e] = s->val[lo + e] - u[f->k + 1];
        if (!s->bin)
            continue;
        const float *time = time_of(f, s->bin[lo + e]);
        float *to = room->gather + e * f->k1;
        for (int64_t t = 0; t < f->k; t++)
            to[t] = u[t] + time[t];
        to[f->k] = 1.0F;
        room->target[e] -= time[f->k + 1];
    }
    if (s->bin) {
        row->X = room->gather;
        row->ldx = f->k1;
        row->rows = f->iota;
    }
}

static void user_targets(const struct bmf_fit *f, const struct bmf_side *s, int64_t lo, int64_t n,
                         struct row_room *room)
{
    for (int64_t e = 0; e < n; e++) {
        const float *q = f->items.X + (int64_t)s->col[lo + e] * f->ld;
        room->target[e] = s->val[lo + e] - q[f->k + 1];
        if (s->bin) {
            const float *time = time_of(f, s->bin[lo + e]);
            room->target[e] -= f->ctx->kern->dot(time, q, f->k) + time[f->k + 1];
        }
    }
}

static void time_targets(const struct bmf_fit *f, const struct bmf_side *s, int64_t lo, int64_t n,
                         struct row_room *room)
{
    for (int64_t e = 0; e < n; e++) {
        const float *q = f->items.X + (int64_t)s->col[lo + e] * f->ld;
        const float *u = f->users.X + (int64_t)f->time_user[lo + e] * f->ld;
        room->target[e] =
            s->val[lo + e] - q[f->k + 1] - u[f->k + 1] - f->ctx->kern->dot(u, q, f->k);
    }
}

static akin_status draw_row(struct bmf_fit *f, struct bmf_side *s, int64_t r, struct row_room *room,
                            double *errors, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kern *kern = f->ctx->kern;
    int64_t lo = s->ptr[r], n = s->ptr[r + 1] - lo, k = f->k;
    struct bmf_row row = {.n = n,
                          .X = s->what == BMF_DRAW_ITEM ? f->users.X : f->items.X,
                          .ldx = f->ld,
                          .rows = s->col + lo,
                          .target = room->target,
                          .prior = s->prior + r * f->k1,
                          .ratio = room->ratio};
    if (s->what == BMF_DRAW_ITEM)
        item_features(f, s, lo, n, room, &row);
    else if (s->what == BMF_DRAW_USER)
        user_targets(f, s, lo, n, room);
    else
        time_targets(f, s, lo, n, room);
    draw_normals(kern, f->seed, RNG_GIBBS, bmf_index(s->what, (uint64_t)r), bmf_counter(f->sweep),
                 f->k1, room->noise);
    kern->scale((float)(1.0 / sqrt(f->noise)), room->noise, f->k1);
    float *mean = s->kept ? s->kept + r * f->self->S * f->k1 : NULL;
    AKIN_TRY(bmf_row_solve(kern, f->k1, &row, room->noise, mean, room->x, room->scratch, err));
    float *x = s->X + r * f->ld;
    memcpy(x, room->x, (size_t)k * sizeof *x);
    x[k + 1] = room->x[k];
    for (int64_t e = 0; s->what == BMF_DRAW_USER && e < n; e++) {
        double off = (double)(room->target[e] -
                              kern->dot(row.X + (int64_t)row.rows[e] * f->ld, room->x, f->k1));
        *errors += off * off;
        if (f->latents.n > 0)
            f->latents.mean[lo + e] = s->val[lo + e] - (float)off;
    }
done:
    return status;
}

static akin_status draw_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct rows_job *job = arg;
    struct bmf_fit *f = job->f;
    struct bmf_side *s = job->s;
    struct row_room room = room_of(f, worker);
    double errors = 0.0;
    for (int64_t t = 0; t < f->k1; t++)
        room.ratio[t] = (float)(s->precision[t] / f->noise);
    for (int64_t r = s->block[block]; r < s->block[block + 1]; r++)
        if (s->ptr[r + 1] > s->ptr[r])
            AKIN_TRY(draw_row(f, s, r, &room, &errors, err));
    if (s->what == BMF_DRAW_USER)
        f->errors[block] = errors;
    progress_add(f->ctx, s->block[block + 1] - s->block[block]);
done:
    return status;
}

static akin_status draw_side(struct bmf_fit *f, struct bmf_side *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct rows_job job = {f, s};
    AKIN_TRY(bmf_side_common(f, s, err));
    AKIN_TRY(par_for(f->ctx, s->n_blocks, draw_block, &job, err));
done:
    return status;
}

/* ---- A sweep ---- */

void bmf_fold_tree(double *x, int64_t n, int64_t width)
{
    for (int64_t step = 1; step < n; step *= 2)
        for (int64_t i = 0; i + step < n; i += 2 * step)
            for (int64_t t = 0; t < width; t++)
                x[i * width + t] += x[(i + step) * width + t];
}

static void draw_noise(struct bmf_fit *f)
{
    static const double shape = 1.0, rate = 0.01;
    struct rng rng = rng_make(f->seed, RNG_GIBBS_HYPER, bmf_index(BMF_DRAW_START, 1));
    rng.counter = bmf_counter(f->sweep);
    bmf_fold_tree(f->errors, f->users.n_blocks, 1);
    double errors = f->users.n_blocks > 0 ? f->errors[0] : 0.0;
    f->noise = draw_gamma(&rng, shape + (double)csr_nnz(&f->by_user) / 2, rate + errors / 2);
    double most = 1.0 / (f->p->noise * f->p->noise);
    f->noise = f->noise < most ? f->noise : most;
}

static akin_status sweep(struct bmf_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(draw_side(f, &f->items, err));
    if (f->times.n > 0)
        AKIN_TRY(draw_side(f, &f->times, err));
    AKIN_TRY(draw_side(f, &f->users, err));
    if (f->latents.n != 1 && f->latents.n != 2)
        draw_noise(f);
    if (f->latents.n > 0)
        AKIN_TRY(bmf_latents_draw(f, err));
done:
    return status;
}

/* ---- The whole ---- */

/* Users start at normal vectors, items at 0; the noise as if nothing were known. */
static void start(struct bmf_fit *f)
{
    for (int64_t u = 0; u < f->users.n; u++) {
        float *x = f->users.X + u * f->ld;
        draw_normals(f->ctx->kern, f->seed, RNG_GIBBS, bmf_index(BMF_DRAW_START, (uint64_t)u), 0,
                     f->k, x);
    }
    f->noise = 1.0;
}

static akin_status fit_make(struct bmf_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(bmf_side_make(f, &f->users, err));
    AKIN_TRY(bmf_side_make(f, &f->items, err));
    if (f->times.n > 0)
        AKIN_TRY(bmf_side_make(f, &f->times, err));
    AKIN_TRY(bmf_groups_make(f, err));
    if (f->latents.n > 0)
        AKIN_TRY(bmf_latents_make(f, err));
    MEM_NEW(f->ctx, f->errors, f->users.n_blocks);
    MEM_NEW(f->ctx, f->iota, f->longest);
    for (int64_t e = 0; e < f->longest; e++)
        f->iota[e] = (int32_t)e;
    int64_t rows = f->users.n > f->items.n ? f->users.n : f->items.n;
    rows = rows > f->times.n ? rows : f->times.n;
    f->scratch_size = room_size(f) > rows ? room_size(f) : rows;
    MEM_NEW(f->ctx, f->scratch, par_workers(f->ctx) * f->scratch_size);
done:
    return status;
}

static void fit_free(struct bmf_fit *f)
{
    akin_ctx *ctx = f->ctx;
    bmf_side_free(ctx, &f->users);
    bmf_side_free(ctx, &f->items);
    bmf_side_free(ctx, &f->times);
    csr_free(ctx, &f->by_user);
    csr_free(ctx, &f->by_item);
    csr_free(ctx, &f->bins_user);
    csr_free(ctx, &f->bins_item);
    mem_free(ctx, f->time_ptr);
    mem_free(ctx, f->time_item);
    mem_free(ctx, f->time_user);
    mem_free(ctx, f->time_val);
    bmf_latents_free(f);
    mem_free(ctx, f->iota);
    mem_free(ctx, f->errors);
    mem_free(ctx, f->scratch);
}

static akin_status run(struct bmf_fit *f, const struct bmf_kept *to, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_sweeps = f->p->burn_in + f->p->samples * f->p->thin;
    for (f->sweep = 1; f->sweep <= n_sweeps; f->sweep++) {
        int64_t after = f->sweep - f->p->burn_in, sample = after / f->p->thin - 1;
        bool is_kept = after > 0 && after % f->p->thin == 0;
        f->items.kept = is_kept ? to->items + sample * f->k1 : NULL;
        AKIN_TRY(sweep(f, err));
        if (is_kept)
            AKIN_TRY(bmf_keep(f, to, sample, err));
    }
    log_write(f->ctx, AKIN_LOG_DEBUG, "bmf: noise %.6g", 1.0 / sqrt(f->noise));
done:
    return status;
}

akin_status bmf_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                    akin_error *err)
{
    akin_status status = AKIN_OK;
    struct bmf *self = m->self;
    const struct bmf_params *p = m->params;
    struct bmf_kept to = {0};
    struct bmf_fit f = {.ctx = m->ctx, .m = m, .p = p, .self = self, .seed = tv->seed};
    (void)ctl;
    f.k = p->factors;
    f.k1 = f.k + 1;
    f.ld = f.k + 2;
    f.users = (struct bmf_side){.what = BMF_DRAW_USER, .n = m->users.n};
    f.items = (struct bmf_side){.what = BMF_DRAW_ITEM, .n = m->items.n};
    f.times = (struct bmf_side){.what = BMF_DRAW_TIME};
    *self = (struct bmf){
        .ctx = m->ctx, .params = p, .k = f.k, .k1 = f.k1, .S = p->samples, .n_items = m->items.n};
    AKIN_TRY(bmf_ratings_read(&f, tv, err));
    AKIN_TRY(fit_make(&f, err));
    status = bmf_kept_make(&f, &to, err);
    bmf_kept_hand_over(&to, self); /* also what a failure leaves: model_free frees it */
    AKIN_TRY(status);
    progress_begin(m->ctx, "bmf",
                   (p->burn_in + p->samples * p->thin) * (f.users.n + f.items.n + f.times.n));
    start(&f);
    status = run(&f, &to, err);
    progress_end(m->ctx);
done:
    fit_free(&f);
    return status;
}
