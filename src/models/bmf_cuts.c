/*
 * Ratings as levels in the chain of bmf: each is where a latent lies between cut points, and the
 * rows are drawn as if latents were the ratings (Albert and Chib 1993, doi:10.2307/2290350).
 *
 * Cut points given latents hardly move where ratings are many, so they are drawn with the latents
 * integrated out, by Metropolis' rule (Cowles 1996, doi:10.1007/BF00162520), and latents after. The
 * outer two stay where the shares of the outer levels put them for latents of variance 1, the noise
 * being free instead (Nandram and Chen 1996, doi:10.1080/00949659608811740): so the priors of
 * ratings hold for latents. With two levels the noise is 1, as nothing could tell.
 *
 * A level lies between one odd and one even cut point: all odd ones are drawn at once, then all
 * even ones. Steps are set in burn_in, and stay. Cost of a sweep: eight times the normal
 * distribution function and two logarithms a rating.
 */
#include "core/par.h"
#include "kern/math.h"
#include "models/bmf_fit.h"
#include "solve/draw.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- Levels ---- */

/* Place of a value in level[0..n) or where it would be. */
static int32_t place_of(const float *level, int32_t n, float value)
{
    int32_t lo = 0, hi = n;
    while (lo < hi) {
        int32_t at = lo + (hi - lo) / 2;
        if (level[at] < value)
            lo = at + 1;
        else
            hi = at;
    }
    return lo;
}

static akin_status find_levels(struct bmf_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct bmf_latents *l = &f->latents;
    const float *val = f->by_user.val;
    for (int64_t e = 0; e < csr_nnz(&f->by_user); e++) {
        int32_t at = place_of(l->level, l->n, val[e]);
        if (!isfinite(val[e]))
            AKIN_FAIL(AKIN_E_INPUT, "bmf: a rating is not finite");
        if (at < l->n && !(val[e] < l->level[at]))
            continue;
        if (l->n == BMF_LEVELS)
            AKIN_FAIL(AKIN_E_INPUT,
                      "bmf: likelihood=ordinal takes ratings of at most %d different values, this "
                      "data has more (use likelihood=normal, or round the ratings)",
                      BMF_LEVELS);
        memmove(l->level + at + 1, l->level + at, (size_t)(l->n - at) * sizeof *l->level);
        l->level[at] = val[e];
        l->n++;
    }
    l->n = l->n > 0 ? l->n : 1; /* no ratings: the one level is 0 */
done:
    return status;
}

/* Cut points, and steps that are near what ratings tell of them, by the shares of the levels. */
static void start_cuts(struct bmf_latents *l, const int64_t *count, int64_t total)
{
    static const double ROOT_TWO_PI = 0x1.40d931ff62706p+1;
    int64_t below = 0;
    l->cut[0] = -HUGE_VAL;
    l->cut[l->n] = HUGE_VAL;
    for (int32_t c = 1; c < l->n; c++) {
        below += count[c - 1];
        l->cut[c] = kern_normal_quantile((double)below / (double)total);
        double density = kern_exp(-0.5 * l->cut[c] * l->cut[c]) / ROOT_TWO_PI;
        double near = 1.0 / (double)count[c - 1] + 1.0 / (double)count[c];
        l->step[c] = 2.4 / (density * (double)total * sqrt(near));
    }
}

akin_status bmf_levels_read(struct bmf_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct bmf_latents *l = &f->latents;
    int64_t nnz = csr_nnz(&f->by_user), count[BMF_LEVELS] = {0};
    float *val = f->by_user.val;
    MEM_ZERO(f->ctx, l->level, BMF_LEVELS);
    f->self->levels = l->level;
    AKIN_TRY(find_levels(f, err));
    f->self->n_levels = l->n;
    MEM_NEW(f->ctx, l->rated, nnz);
    MEM_NEW(f->ctx, l->cut, l->n + 1);
    MEM_NEW(f->ctx, l->proposal, l->n + 1);
    MEM_ZERO(f->ctx, l->step, l->n + 1);
    for (int64_t e = 0; e < nnz; e++) {
        l->rated[e] = (uint8_t)place_of(l->level, l->n, val[e]);
        count[l->rated[e]]++;
    }
    start_cuts(l, count, nnz);
    for (int64_t e = 0; e < nnz; e++)
        val[e] = (float)bmf_mean_between(l->cut[l->rated[e]], l->cut[l->rated[e] + 1]);
    f->self->mean = 0.0;
    f->self->spread = 1.0;
done:
    return status;
}

/* ---- Room ---- */

/* Where the ratings of rows ptr lie by user; row_of: col, or bin if not NULL. */
static akin_status where_from(struct bmf_fit *f, const int64_t *ptr, int64_t n, const float *bin,
                              int64_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *at = NULL, nnz = csr_nnz(&f->by_user);
    MEM_NEW(f->ctx, *out, nnz);
    MEM_NEW(f->ctx, at, n);
    memcpy(at, ptr, (size_t)n * sizeof *at);
    for (int64_t e = 0; e < nnz; e++)
        (*out)[at[bin ? (int64_t)bin[e] : f->by_user.col[e]]++] = e;
done:
    mem_free(f->ctx, at);
    return status;
}

akin_status bmf_latents_make(struct bmf_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct bmf_latents *l = &f->latents;
    MEM_NEW(f->ctx, l->mean, csr_nnz(&f->by_user));
    MEM_NEW(f->ctx, l->ratio, f->users.n_blocks * (l->n + 1));
    AKIN_TRY(where_from(f, f->items.ptr, f->items.n, NULL, &l->from_item, err));
    if (f->times.n > 0)
        AKIN_TRY(where_from(f, f->times.ptr, f->times.n, f->users.bin, &l->from_bin, err));
done:
    return status;
}

void bmf_latents_free(struct bmf_fit *f)
{
    struct bmf_latents *l = &f->latents; /* level is the model's */
    mem_free(f->ctx, l->rated);
    mem_free(f->ctx, l->mean);
    mem_free(f->ctx, l->from_item);
    mem_free(f->ctx, l->from_bin);
    mem_free(f->ctx, l->cut);
    mem_free(f->ctx, l->proposal);
    mem_free(f->ctx, l->step);
    mem_free(f->ctx, l->ratio);
}

/* ---- Cut points ---- */

struct cuts_job {
    struct bmf_fit *f;
    int32_t parity; /* of the cut points that move */
};

static akin_status ratio_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct cuts_job *job = arg;
    const struct bmf_fit *f = job->f;
    const struct bmf_latents *l = &f->latents;
    double *ratio = l->ratio + block * (l->n + 1), root = sqrt(f->noise);
    int64_t lo = f->users.ptr[f->users.block[block]], hi = f->users.ptr[f->users.block[block + 1]];
    (void)worker;
    (void)err;
    for (int32_t c = 0; c <= l->n; c++)
        ratio[c] = 0.0;
    for (int64_t e = lo; e < hi; e++) {
        int32_t low = l->rated[e], moved = low % 2 == job->parity ? low : low + 1;
        double mean = (double)l->mean[e], a = (l->cut[low] - mean) * root;
        double b = (l->cut[low + 1] - mean) * root, to = (l->proposal[moved] - mean) * root;
        if (l->proposal[moved] == l->cut[moved])
            continue;
        double was = bmf_between(a, b), is = moved == low ? bmf_between(to, b) : bmf_between(a, to);
        ratio[moved] += kern_log((is > DBL_MIN ? is : DBL_MIN) / (was > DBL_MIN ? was : DBL_MIN));
    }
    return AKIN_OK;
}

/* The inner cut points of a parity; those whose proposal is out of order stay. */
static akin_status draw_cuts(struct bmf_fit *f, int32_t parity, akin_error *err)
{
    static const double AIM = 0.44; /* share of proposals taken that mixes best in one dimension */
    akin_status status = AKIN_OK;
    struct bmf_latents *l = &f->latents;
    struct cuts_job job = {f, parity};
    struct rng rng[BMF_LEVELS];
    memcpy(l->proposal, l->cut, (size_t)(l->n + 1) * sizeof *l->cut);
    for (int32_t c = 2; c + 1 < l->n; c++) {
        rng[c] = rng_make(f->seed, RNG_GIBBS_HYPER, bmf_index(BMF_DRAW_CUT, (uint64_t)c));
        rng[c].counter = bmf_counter(f->sweep);
        double to = l->cut[c] + l->step[c] * draw_normal(&rng[c]);
        if (c % 2 == parity && to > l->cut[c - 1] && to < l->cut[c + 1])
            l->proposal[c] = to;
    }
    AKIN_TRY(par_for(f->ctx, f->users.n_blocks, ratio_block, &job, err));
    bmf_fold_tree(l->ratio, f->users.n_blocks, l->n + 1);
    for (int32_t c = 2; c + 1 < l->n; c++) {
        if (c % 2 != parity)
            continue;
        double u = ((double)(rng_next(&rng[c]) >> 12) + 0.5) * 0x1p-52;
        bool is_taken = l->proposal[c] != l->cut[c] && kern_log(u) < l->ratio[c];
        if (is_taken)
            l->cut[c] = l->proposal[c];
        if (f->sweep <= f->p->burn_in)
            l->step[c] *= kern_exp(((is_taken ? 1.0 : 0.0) - AIM) / sqrt((double)f->sweep));
    }
done:
    return status;
}

/* ---- Latents ---- */

static akin_status latent_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct bmf_fit *f = arg;
    const struct bmf_latents *l = &f->latents;
    double root = sqrt(f->noise);
    int64_t lo = f->users.ptr[f->users.block[block]], hi = f->users.ptr[f->users.block[block + 1]];
    (void)worker;
    (void)err;
    for (int64_t e = lo; e < hi; e++) {
        double mean = (double)l->mean[e], a = (l->cut[l->rated[e]] - mean) * root;
        double b = (l->cut[l->rated[e] + 1] - mean) * root;
        uint64_t word = rng_u64(f->seed, RNG_GIBBS, bmf_index(BMF_DRAW_LATENT, (uint64_t)e),
                                (uint64_t)f->sweep);
        double u = ((double)(word >> 12) + 0.5) * 0x1p-52;
        f->by_user.val[e] = (float)(mean + draw_truncated(u, a, b) / root);
    }
    return AKIN_OK;
}

struct spread_job {
    const struct bmf_fit *f;
    const struct bmf_side *s;
    const int64_t *from;
    float *to;
};

static akin_status spread_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct spread_job *job = arg;
    const struct bmf_side *s = job->s;
    (void)worker;
    (void)err;
    for (int64_t e = s->ptr[s->block[block]]; e < s->ptr[s->block[block + 1]]; e++)
        job->to[e] = job->f->by_user.val[job->from[e]];
    return AKIN_OK;
}

akin_status bmf_latents_draw(struct bmf_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct bmf_latents *l = &f->latents;
    for (int32_t parity = 0; l->n > 3 && parity < 2; parity++)
        AKIN_TRY(draw_cuts(f, parity, err));
    AKIN_TRY(par_for(f->ctx, f->users.n_blocks, latent_block, f, err));
    struct spread_job item = {f, &f->items, l->from_item, f->by_item.val};
    AKIN_TRY(par_for(f->ctx, f->items.n_blocks, spread_block, &item, err));
    struct spread_job bin = {f, &f->times, l->from_bin, f->time_val};
    AKIN_TRY(par_for(f->ctx, f->times.n_blocks, spread_block, &bin, err));
done:
    return status;
}
