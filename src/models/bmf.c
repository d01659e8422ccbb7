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
    PARAM_CHOICE(
        struct bmf_params, likelihood, "normal", "normal|ordinal", 0,
        "what a rating is: a number with normal noise, or one of a few levels, which noise "
        "shifts across cut points that are drawn (ordered probit)"),
};

/* With levels a score is not linear: bmf_score makes it. */
static void bmf_vectors(const void *self, struct item_vectors *out)
{
    const struct bmf *s = self;
    *out = (struct item_vectors){0};
    if (s->n_levels == 0)
        *out = (struct item_vectors){s->items, s->bias, (int32_t)(s->S * s->k1)};
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
    const struct bmf *s = m->self;
    return SCORER_RATES | (s->time ? SCORER_TIMED : 0U);
}

/* ---- Files ---- */

struct section {
    const char *name;
    const float **field;
    int64_t n; /* numbers; 0 = not there */
};
enum { N_SECTIONS = 10 };

static void sections(struct bmf *s, struct section out[N_SECTIONS])
{
    int64_t row = s->S * s->k1, n_bins = s->clock ? s->clock[2] : 0;
    const struct section all[N_SECTIONS] = {
        {"m.items", &s->items, s->n_items * row},
        {"m.features", &s->features, s->n_items * row},
        {"m.offset", &s->offset, s->n_items * s->S},
        {"m.bias", &s->bias, s->n_levels > 0 ? s->n_items * s->S : s->n_items},
        {"m.prior", &s->prior, 2 * row},
        {"m.implicit", &s->implicit, s->params->implicit ? s->n_items * row : 0},
        {"m.time", &s->time, n_bins * row},
        {"m.levels", &s->levels, s->n_levels},
        {"m.cuts", &s->cuts, s->S * s->n_levels},
        {"m.expected", &s->expected, s->n_levels > 0 ? s->S * BMF_GRID : 0},
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
    if (s->params->likelihood == BMF_ORDINAL) {
        AKIN_TRY(container_get(c, "m.levels", sizeof(float), false, &data, &s->n_levels, err));
        if (s->n_levels < 1 || s->n_levels > BMF_LEVELS)
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.levels has %" PRId64 " levels (1 to %d)",
                      container_path(c), s->n_levels, BMF_LEVELS);
    }
    if (!(s->params->bin_days > 0.0))
        goto done;
    AKIN_TRY(container_get(c, "m.clock", sizeof *s->clock, false, &data, &n, err));
    s->clock = data;
    if (n != 3 || s->clock[1] <= 0 || s->clock[2] < 0 || s->clock[2] > BINS_MAX)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.clock counts no bins", container_path(c));
done:
    return status;
}

static bool ascends(const float *x, int64_t n, bool strictly)
{
    for (int64_t i = 1; i < n; i++)
        if (!(strictly ? x[i - 1] < x[i] : x[i - 1] <= x[i]))
            return false;
    return true;
}

static akin_status check_levels(const struct bmf *s, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!ascends(s->levels, s->n_levels, true))
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.levels does not ascend", container_path(c));
    for (int64_t sample = 0; s->n_levels > 0 && sample < s->S; sample++) {
        const float *row = s->cuts + sample * s->n_levels;
        if (!(row[0] > 0.0F) || !ascends(row + 1, s->n_levels - 1, false))
            AKIN_FAIL(AKIN_E_FORMAT,
                      "%s: section m.cuts does not ascend, or a scale is not above 0",
                      container_path(c));
    }
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
    AKIN_TRY(check_levels(s, c, err));
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
    model_free_array(m->ctx, s->levels);
    model_free_array(m->ctx, s->cuts);
    model_free_array(m->ctx, s->expected);
}

static void bmf_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                         double *bytes, double *flops)
{
    const struct bmf_params *p = params;
    double k1 = (double)p->factors + 1, rows = (double)n_users + (double)n_items;
    double items = (double)n_items, S = (double)p->samples, n = (double)nnz;
    double forms = p->implicit ? 3 : 2, times = p->bin_days > 0 ? 1 : 0;
    double sides = (double)(p->implicit + p->flipped), levels = p->likelihood == BMF_ORDINAL;
    /* kept samples; ratings both ways, with bins and by bin; rows, priors and feature weights */
    *bytes = 4 * items * S * (forms * k1 + 1) + 16 * n + 28 * times * n + 4 * rows * (2 * k1 + 1) +
             sides * 4 * rows * (k1 + 2) + 8 * rows +
             levels * (n * (13 + 8 * times) + 4 * items * S);
    *flops = (double)(p->burn_in + p->samples * p->thin) *
             ((2 + times) * n * (k1 * k1 + 8 * k1) + rows * (k1 * k1 * k1 / 3 + 40 * k1) +
              4 * sides * n * k1 + 600 * levels * n);
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
               .score = bmf_score,
               .fold_in = bmf_fold_in,
               .explain = bmf_explain,
               .similar = bmf_similar},
    .scorer_flags = bmf_flags,
    .save = bmf_save,
    .load = bmf_load,
    .destroy = bmf_destroy,
    .estimate = bmf_estimate,
};
