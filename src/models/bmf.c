/*
 * bmf: Bayesian matrix factorization of ratings by Gibbs sampling.
 *
 * Salakhutdinov and Mnih 2008, doi:10.1145/1390156.1390267; implicit, flipped and time terms as in
 * Rendle, Zhang, Koren 2019, arXiv:1905.01395. Ratings of mean 0 and variance 1 are normal around
 *
 *   x̂_ui = (p_u + τ_t) · q_i + b_u + b_i + b_t,   precision α,
 *   (p, b)_u ~ N(m + Σ_{j rated by u} y_j / √n_u, 1/λ),   (q, b)_i ~ N(m' + Σ features / √n, 1/λ'),
 *
 * with normal and gamma priors on all of m, y, λ, α. The chain is in bmf_fit.c. A score is the mean
 * over kept samples of E[x̂ | the sample, the asker's ratings]: for items, what was drawn; for the
 * asker, the exact mean of her row, which makes strangers and trained users one case: no user is
 * stored. τ is that of the time of asking.
 *
 * Cost of a fold-in: samples · (n·k²/2 + k³/6); memory and files 4 · items · samples · (factors +
 * 2) bytes, twice with implicit terms. Not here: several ranks, warm start, intervals of
 * predictions.
 */
#include "models/bmf.h"

#include "models/model_impl.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static const akin_param bmf_rows[] = {
    PARAM_INT(struct bmf_params, factors, "16", 1, 512, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
              "length of the user and item vectors"),
    PARAM_INT(struct bmf_params, samples, "16", 1, 10000, "", 0,
              "samples kept, whose predictions are averaged; files and requests grow with them"),
    PARAM_INT(struct bmf_params, burn_in, "20", 0, 1000000, "sweeps", 0,
              "sweeps before the first sample is kept"),
    PARAM_INT(struct bmf_params, thin, "8", 1, 100000, "sweeps", 0,
              "sweeps from one kept sample to the next"),
    PARAM_BOOL(struct bmf_params, implicit, "true", AKIN_PARAM_TUNE,
               "let the items that a user rated shift the user's vector, whatever the ratings "
               "(SVD++)"),
    PARAM_BOOL(struct bmf_params, flipped, "true", AKIN_PARAM_TUNE,
               "let the users who rated an item shift the item's vector"),
    PARAM_BOOL(struct bmf_params, features, "true", AKIN_PARAM_TUNE,
               "let categories and tags of an item shift its vector"),
    PARAM_REAL(struct bmf_params, bin_days, "0", 0, 100000, "days", AKIN_PARAM_TUNE,
               "length of a bin of time; each bin has a vector and a bias; 0 = no time terms"),
    PARAM_REAL(
        struct bmf_params, noise, "0.75", 0.001, 1000, "", AKIN_PARAM_TUNE,
        "least standard deviation of a rating around its prediction, in units of that of all "
        "ratings; above it is drawn"),
};

static void bmf_vectors(const void *self, struct item_vectors *out)
{
    const struct bmf *s = self;
    *out = (struct item_vectors){s->items, s->bias, (int32_t)(s->S * s->k1)};
}

/* ---- The asker ---- */

/* The asker's history and the room of a fold-in; arrays in scratch. */
struct asker {
    int32_t n;          /* items */
    int32_t *item;      /* ascending */
    float *value;       /* unit ratings; NULL = not known */
    float *bin;         /* of each item's time, NULL without time */
    float *target;      /* (n) in a sample */
    float *prior;       /* (k1) in a sample */
    float *x;           /* (k1) */
    const float *now;   /* τ of the time of asking in a sample, NULL without time */
    struct bmf_row row; /* in a sample */
    float *room;
};

static bool is_known(const struct bmf *s, int32_t item, float value)
{
    return item >= 0 && item < s->n_items && fabsf(value) <= FLT_MAX;
}

static akin_status asker_read(const struct bmf *s, const struct query *q, struct arena *scratch,
                              struct asker *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct history h = q->hist;
    int32_t n = 0;
    memset(a, 0, sizeof *a);
    a->item = arena_alloc(scratch, h.n, sizeof *a->item, err);
    a->value = arena_alloc(scratch, h.n, sizeof *a->value, err);
    a->target = arena_alloc(scratch, h.n, sizeof *a->target, err);
    a->prior = arena_alloc(scratch, s->k1, sizeof *a->prior, err);
    a->x = arena_alloc(scratch, s->k1, sizeof *a->x, err);
    a->room = arena_alloc(scratch, bmf_row_scratch(s->k1), sizeof *a->room, err);
    if (!a->item || !a->value || !a->target || !a->prior || !a->x || !a->room)
        AKIN_TRY(AKIN_E_MEMORY);
    if (s->time && h.time) { /* the fold keeps the last value of an item: here its last bin */
        float *bin = arena_alloc(scratch, h.n, sizeof *bin, err);
        a->bin = arena_alloc(scratch, h.n, sizeof *a->bin, err);
        if (!bin || !a->bin)
            AKIN_TRY(AKIN_E_MEMORY);
        for (int32_t e = 0; e < h.n; e++)
            bin[e] = (float)bmf_bin(s->clock, h.time[e]);
        struct history bins = h;
        bins.value = bin;
        (void)history_fold_values(&bins, a->item, a->bin);
    }
    int32_t found = history_fold_values(&h, a->item, a->value);
    for (int32_t e = 0; e < found; e++)
        if (is_known(s, a->item[e], a->value[e])) {
            a->item[n] = a->item[e];
            a->value[n] = bmf_unit(s, a->value[e]);
            if (a->bin)
                a->bin[n] = a->bin[e];
            n++;
        }
    a->n = n;
    a->value = h.value ? a->value : NULL;
done:
    return status;
}

static const float *time_of(const struct bmf *s, int64_t sample, int64_t bin)
{
    return s->time + (sample * s->clock[2] + bin) * s->k1;
}

/* The asker's row in a sample: what bmf_row_solve and _apply take. */
static void asker_in(const struct bmf *s, const struct query *q, int64_t sample, struct asker *a)
{
    int64_t k1 = s->k1, ld = s->S * k1;
    const struct kern *kern = s->ctx->kern;
    const float *mean = s->prior + 2 * sample * k1, *X = s->features + sample * k1;
    float scale = a->n > 0 ? (float)(1.0 / sqrt((double)a->n)) : 0.0F;
    memcpy(a->prior, mean, (size_t)k1 * sizeof *mean);
    for (int32_t e = 0; s->implicit && e < a->n; e++)
        kern->axpy(scale, s->implicit + (int64_t)a->item[e] * ld + sample * k1, a->prior, k1);
    for (int32_t e = 0; a->value && e < a->n; e++) {
        int64_t i = a->item[e];
        a->target[e] = a->value[e] - s->offset[i * s->S + sample];
        if (a->bin)
            a->target[e] -= kern->dot(time_of(s, sample, (int64_t)a->bin[e]), X + i * ld, k1);
    }
    a->now = s->time ? time_of(s, sample, bmf_bin(s->clock, q->now)) : NULL;
    a->row = (struct bmf_row){.n = a->value ? a->n : 0,
                              .X = X,
                              .ldx = ld,
                              .rows = a->item,
                              .target = a->target,
                              .prior = a->prior,
                              .ratio = mean + k1};
}

static akin_status bmf_fold_in(const void *self, const struct query *q, float *state,
                               struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct bmf *s = self;
    struct asker a;
    float part = (float)(s->spread / (double)s->S);
    AKIN_TRY(asker_read(s, q, scratch, &a, err));
    for (int64_t sample = 0; sample < s->S; sample++) {
        float *x = state + sample * s->k1;
        asker_in(s, q, sample, &a);
        AKIN_TRY(bmf_row_solve(s->ctx->kern, s->k1, &a.row, NULL, x, NULL, a.room, err));
        for (int64_t t = 0; t < s->k1; t++)
            x[t] = part * (a.now ? x[t] + a.now[t] : x[t]);
    }
done:
    return status;
}

/* ---- Reasons ---- */

/*
 * A mean is linear in the ratings and in y: with v = A⁻¹ z, z the item's features, an own item adds
 * x·v of its rating (what the item, the time and the prior without y leave of it), and
 * (ratio ∘ y)·v / √n by having been rated at all. These sum to the score less that of an asker of
 * whom nothing is known.
 */
static akin_status bmf_explain(const void *self, const struct query *q, int32_t item,
                               struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct bmf *s = self;
    const struct kern *kern = s->ctx->kern;
    struct asker a;
    *n = 0;
    AKIN_TRY(asker_read(s, q, scratch, &a, err));
    double *sum = arena_alloc(scratch, a.n, sizeof *sum, err);
    float *weighed = arena_alloc(scratch, s->k1, sizeof *weighed, err);
    if (!sum || !weighed)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int64_t sample = 0; sample < s->S; sample++) {
        asker_in(s, q, sample, &a);
        const float *mean = s->prior + 2 * sample * s->k1;
        AKIN_TRY(bmf_row_apply(kern, s->k1, &a.row, s->items + item * a.row.ldx + sample * s->k1,
                               a.x, a.room, err));
        for (int64_t t = 0; t < s->k1; t++)
            weighed[t] = a.row.ratio[t] * a.x[t] / (float)sqrt((double)(a.n > 0 ? a.n : 1));
        for (int32_t e = 0; e < a.n; e++) {
            int64_t at = (int64_t)a.item[e] * a.row.ldx;
            const float *z = a.row.X + at;
            if (a.value)
                sum[e] +=
                    (double)(kern->dot(z, a.x, s->k1) * (a.target[e] - kern->dot(z, mean, s->k1)));
            if (s->implicit)
                sum[e] += (double)kern->dot(weighed, s->implicit + at + sample * s->k1, s->k1);
        }
    }
    for (int32_t e = 0; e < a.n; e++)
        *n = reason_put(out, max, *n, a.item[e], (float)(s->spread * sum[e] / (double)s->S));
done:
    return status;
}

/* The cosine of vectors, samples side by side, without the constant that carries users' biases. */
static akin_status bmf_similar(const void *self, int32_t item, struct evidence *out,
                               struct arena *scratch, akin_error *err)
{
    enum { PIECE = 4096 };
    akin_status status = AKIN_OK;
    const struct bmf *s = self;
    const struct kern *kern = s->ctx->kern;
    int64_t ld = s->S * s->k1;
    const float *own = s->items + item * ld;
    double constants = (double)s->S, length = kern->dot64(own, own, ld) - constants;
    (void)scratch;
    for (int32_t i = 0; i < s->n_items && length > 0.0; i++) {
        const float *x = s->items + i * ld;
        if (i % PIECE == 0)
            AKIN_TRY(ctx_check(s->ctx, err));
        double other = kern->dot64(x, x, ld) - constants;
        if (i != item && other > 0.0)
            evidence_add(out, i,
                         (float)((kern->dot64(own, x, ld) - constants) / sqrt(length * other)));
    }
done:
    return status;
}

static uint32_t bmf_flags(const struct model *m)
{
    (void)m;
    return SCORER_RATES;
}

/* ---- Files ---- */

struct section {
    const char *name;
    const float **field;
    int64_t n; /* numbers; 0 = not there */
};
enum { N_SECTIONS = 7 };

static void sections(struct bmf *s, struct section out[N_SECTIONS])
{
    int64_t row = s->S * s->k1, n_bins = s->clock ? s->clock[2] : 0;
    const struct section all[N_SECTIONS] = {
        {"m.items", &s->items, s->n_items * row},
        {"m.features", &s->features, s->n_items * row},
        {"m.offset", &s->offset, s->n_items * s->S},
        {"m.bias", &s->bias, s->n_items},
        {"m.prior", &s->prior, 2 * row},
        {"m.implicit", &s->implicit, s->params->implicit ? s->n_items * row : 0},
        {"m.time", &s->time, n_bins * row},
    };
    memcpy(out, all, sizeof all);
}

static akin_status bmf_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct bmf s = *(const struct bmf *)m->self;
    struct section part[N_SECTIONS];
    const double scale[2] = {s.mean, s.spread};
    sections(&s, part);
    AKIN_TRY(container_add(w, "m.scale", CONTAINER_REQUIRED, scale, sizeof scale, err));
    if (s.clock)
        AKIN_TRY(
            container_add(w, "m.clock", CONTAINER_REQUIRED, s.clock, 3 * sizeof *s.clock, err));
    for (int i = 0; i < N_SECTIONS; i++)
        if (*part[i].field)
            AKIN_TRY(container_add(w, part[i].name, CONTAINER_REQUIRED, *part[i].field,
                                   part[i].n * (int64_t)sizeof(float), err));
done:
    return status;
}

static akin_status load_scale(struct bmf *s, struct container *c, akin_error *err)
{
    enum { BINS_MAX = 1 << 24 }; /* what a float counts */
    akin_status status = AKIN_OK;
    const void *data;
    int64_t n;
    AKIN_TRY(container_get(c, "m.scale", sizeof(double), false, &data, &n, err));
    const double *scale = data;
    if (n != 2 || !isfinite(scale[0]) || !isfinite(scale[1]) || !(scale[1] > 0.0))
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.scale is no mean and spread", container_path(c));
    s->mean = scale[0];
    s->spread = scale[1];
    if (!(s->params->bin_days > 0.0))
        goto done;
    AKIN_TRY(container_get(c, "m.clock", sizeof *s->clock, false, &data, &n, err));
    s->clock = data;
    if (n != 3 || s->clock[1] <= 0 || s->clock[2] < 0 || s->clock[2] > BINS_MAX)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.clock counts no bins", container_path(c));
done:
    return status;
}

static akin_status bmf_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct bmf *s = m->self;
    struct section part[N_SECTIONS];
    *s = (struct bmf){.ctx = m->ctx, .params = m->params, .n_items = m->items.n, .is_mapped = true};
    s->k = s->params->factors;
    s->k1 = s->k + 1;
    s->S = s->params->samples;
    AKIN_TRY(load_scale(s, c, err));
    sections(s, part);
    for (int i = 0; i < N_SECTIONS; i++)
        if (part[i].n > 0)
            AKIN_TRY(model_load_floats(s->ctx, c, part[i].name, part[i].n, part[i].field, err));
    for (int64_t sample = 0; sample < s->S; sample++)
        for (int64_t t = 0; t < s->k1; t++)
            if (!(s->prior[(2 * sample + 1) * s->k1 + t] > 0.0F))
                AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.prior: a precision is not above 0",
                          container_path(c));
done:
    return status;
}

static void bmf_destroy(struct model *m)
{
    struct bmf *s = m->self;
    if (s->is_mapped)
        return;
    model_free_array(m->ctx, s->items);
    model_free_array(m->ctx, s->features);
    model_free_array(m->ctx, s->offset);
    model_free_array(m->ctx, s->bias);
    model_free_array(m->ctx, s->implicit);
    model_free_array(m->ctx, s->prior);
    model_free_array(m->ctx, s->time);
    model_free_array(m->ctx, s->clock);
}

static void bmf_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                         double *bytes, double *flops)
{
    const struct bmf_params *p = params;
    double k1 = (double)p->factors + 1, rows = (double)n_users + (double)n_items;
    double items = (double)n_items, S = (double)p->samples, n = (double)nnz;
    double forms = p->implicit ? 3 : 2, times = p->bin_days > 0 ? 1 : 0;
    double sides = (double)(p->implicit + p->flipped);
    /* kept samples; ratings both ways, with bins and by bin; rows, priors and feature weights */
    *bytes = 4 * items * S * (forms * k1 + 1) + 16 * n + 28 * times * n + 4 * rows * (2 * k1 + 1) +
             sides * 4 * rows * (k1 + 2) + 8 * rows;
    *flops = (double)(p->burn_in + p->samples * p->thin) *
             ((2 + times) * n * (k1 * k1 + 8 * k1) + rows * (k1 * k1 * k1 / 3 + 40 * k1) +
              4 * sides * n * k1);
}

const struct model_class model_bmf = {
    .name = "bmf",
    .summary = "Bayesian matrix factorization of ratings by Gibbs sampling",
    .flags = MODEL_CLOSED_FORM | MODEL_WANTS_VALUES,
    .params = bmf_rows,
    .n_params = PARAM_COUNT(bmf_rows),
    .params_size = sizeof(struct bmf_params),
    .self_size = sizeof(struct bmf),
    .fit = bmf_fit,
    .scorer = {.vectors = bmf_vectors,
               .fold_in = bmf_fold_in,
               .explain = bmf_explain,
               .similar = bmf_similar},
    .scorer_flags = bmf_flags,
    .save = bmf_save,
    .load = bmf_load,
    .destroy = bmf_destroy,
    .estimate = bmf_estimate,
};
