/*
 * Normalisation of values. Rows of a scope and the whole are described by the same five sums, which
 * are gathered in blocks of events (all), by user (user) or in event order (item), and folded in
 * index order.
 *
 * Cost: see the header. Not done: quantile transforms; ranks are what models learn anyway.
 */
#include "data/normalize.h"

#include "core/par.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { BLOCK = 1 << 16, USERS = 1024, POLL = 1 << 20 };

static const char *const kind_names[] = {"none", "minmax", "zscore", "mean"};
static const char *const scope_names[] = {"all", "user", "item"};

struct sums {
    int64_t n;
    double sum, lo, hi;
    double square; /* Σ (x - mean)², second pass */
};

static const struct sums sums_zero = {0, 0, DBL_MAX, -DBL_MAX, 0};

static void sums_add(struct sums *s, double x)
{
    s->n++;
    s->sum += x;
    s->lo = x < s->lo ? x : s->lo;
    s->hi = x > s->hi ? x : s->hi;
}

static void sums_fold(struct sums *to, const struct sums *from)
{
    to->n += from->n;
    to->sum += from->sum;
    to->lo = from->lo < to->lo ? from->lo : to->lo;
    to->hi = from->hi > to->hi ? from->hi : to->hi;
    to->square += from->square;
}

static double mean_of(const struct sums *s)
{
    return s->n > 0 ? s->sum / (double)s->n : 0;
}

static double value_at(const struct dataset *ds, int64_t e)
{
    return ds->value ? (double)ds->value[e] : 1;
}

static void center_scale(enum norm_kind kind, const struct sums *s, double *center, double *scale)
{
    *center = 0;
    *scale = 1;
    if (kind == NORM_NONE || s->n == 0)
        return;
    if (kind == NORM_MINMAX) {
        *center = s->lo;
        *scale = s->hi - s->lo;
    } else {
        *center = mean_of(s);
        if (kind == NORM_ZSCORE)
            *scale = sqrt(s->square / (double)s->n);
    }
    /* Rounding may leave a spread of nothing: values that are equal have none. */
    if (!(*scale > 0) || s->lo == s->hi)
        *scale = 1;
}

/* ---- Gathering ----------------------------------------------------------------------------- */

struct sums_job {
    const struct dataset *ds;
    struct sums *part; /* a block, or a row of the scope */
    double mean;       /* all, second pass */
    bool second;
};

static akin_status all_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct sums_job *job = arg;
    struct sums s = sums_zero;
    int64_t hi = par_hi(block, BLOCK, job->ds->n_events);
    (void)worker;
    (void)err;
    for (int64_t e = par_lo(block, BLOCK); e < hi; e++) {
        double x = value_at(job->ds, e);
        if (job->second)
            s.square += (x - job->mean) * (x - job->mean);
        else
            sums_add(&s, x);
    }
    job->part[block] = s;
    return AKIN_OK;
}

static akin_status sums_all(akin_ctx *ctx, const struct dataset *ds, bool squares, struct sums *out,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sums_job job = {.ds = ds};
    int64_t n_blocks = par_blocks(ds->n_events, BLOCK);
    struct sums total = sums_zero;
    MEM_NEW(ctx, job.part, n_blocks);
    AKIN_TRY(par_for(ctx, n_blocks, all_block, &job, err));
    for (int64_t b = 0; b < n_blocks; b++)
        sums_fold(&total, &job.part[b]);
    if (squares) {
        job.second = true;
        job.mean = mean_of(&total);
        AKIN_TRY(par_for(ctx, n_blocks, all_block, &job, err));
        for (int64_t b = 0; b < n_blocks; b++)
            total.square += job.part[b].square;
    }
    *out = total;
done:
    mem_free(ctx, job.part);
    return status;
}

static akin_status user_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct sums_job *job = arg;
    const struct dataset *ds = job->ds;
    int64_t hi = par_hi(block, USERS, ds->users.n);
    (void)worker;
    (void)err;
    for (int64_t u = par_lo(block, USERS); u < hi; u++) {
        struct sums s = sums_zero;
        for (int64_t e = ds->user_ptr[u]; e < ds->user_ptr[u + 1]; e++)
            sums_add(&s, value_at(ds, e));
        double mean = mean_of(&s);
        for (int64_t e = ds->user_ptr[u]; e < ds->user_ptr[u + 1]; e++)
            s.square += (value_at(ds, e) - mean) * (value_at(ds, e) - mean);
        job->part[u] = s;
    }
    return AKIN_OK;
}

static akin_status sums_items(akin_ctx *ctx, const struct dataset *ds, bool squares,
                              struct sums *part, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int64_t i = 0; i < ds->items.n; i++)
        part[i] = sums_zero;
    for (int64_t e = 0; e < ds->n_events; e++) {
        sums_add(&part[ds->item[e]], value_at(ds, e));
        if (e % POLL == 0)
            AKIN_TRY(ctx_check(ctx, err));
    }
    for (int64_t e = 0; squares && e < ds->n_events; e++) {
        struct sums *s = &part[ds->item[e]];
        double off = value_at(ds, e) - mean_of(s);
        s->square += off * off;
        if (e % POLL == 0)
            AKIN_TRY(ctx_check(ctx, err));
    }
done:
    return status;
}

static akin_status fit_rows(struct normalizer *norm, const struct dataset *ds, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = norm->ctx;
    struct sums_job job = {.ds = ds};
    norm->n = norm->scope == NORM_USER ? ds->users.n : ds->items.n;
    MEM_NEW(ctx, norm->row_center, norm->n);
    MEM_NEW(ctx, norm->row_scale, norm->n);
    MEM_NEW(ctx, job.part, norm->n);
    if (norm->scope == NORM_USER)
        AKIN_TRY(par_for(ctx, par_blocks(norm->n, USERS), user_block, &job, err));
    else
        AKIN_TRY(sums_items(ctx, ds, norm->kind == NORM_ZSCORE, job.part, err));
    for (int64_t i = 0; i < norm->n; i++) {
        norm->row_center[i] = norm->center;
        norm->row_scale[i] = norm->scale;
        if (job.part[i].n > 0)
            center_scale(norm->kind, &job.part[i], &norm->row_center[i], &norm->row_scale[i]);
    }
done:
    mem_free(ctx, job.part);
    return status;
}

akin_status normalizer_fit(akin_ctx *ctx, const struct dataset *ds, enum norm_kind kind,
                           enum norm_scope scope, struct normalizer *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct normalizer norm = {.ctx = ctx, .kind = kind, .scope = scope, .scale = 1};
    struct sums all;
    if ((int)kind < 0 || kind > NORM_MEAN || (int)scope < 0 || scope > NORM_ITEM)
        AKIN_FAIL(AKIN_E_ARG, "normalizer: kind=%d scope=%d (kinds: %s; scopes: %s)", (int)kind,
                  (int)scope, NORM_KIND_CHOICES, NORM_SCOPE_CHOICES);
    AKIN_TRY(sums_all(ctx, ds, kind == NORM_ZSCORE, &all, err));
    center_scale(kind, &all, &norm.center, &norm.scale);
    if (kind != NORM_NONE && scope != NORM_ALL)
        AKIN_TRY(fit_rows(&norm, ds, err));
    *out = norm;
    memset(&norm, 0, sizeof norm);
done:
    normalizer_free(&norm);
    return status;
}

void normalizer_free(struct normalizer *norm)
{
    if (!norm || !norm->ctx)
        return;
    mem_free(norm->ctx, norm->row_center);
    mem_free(norm->ctx, norm->row_scale);
    memset(norm, 0, sizeof *norm);
}

/* ---- Applying ------------------------------------------------------------------------------ */

static void row_of(const struct normalizer *norm, int32_t user, int32_t item, double *center,
                   double *scale)
{
    int32_t row = norm->scope == NORM_USER ? user : item;
    bool known = row >= 0 && row < norm->n;
    *center = known ? norm->row_center[row] : norm->center;
    *scale = known ? norm->row_scale[row] : norm->scale;
}

double normalizer_apply(const struct normalizer *norm, int32_t user, int32_t item, double value)
{
    double center, scale;
    row_of(norm, user, item, &center, &scale);
    return (value - center) / scale;
}

double normalizer_inverse(const struct normalizer *norm, int32_t user, int32_t item, double value)
{
    double center, scale;
    row_of(norm, user, item, &center, &scale);
    return value * scale + center;
}

struct apply_job {
    const struct normalizer *norm;
    const struct dataset *ds;
    float *out;
};

static akin_status apply_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct apply_job *job = arg;
    const struct dataset *ds = job->ds;
    int64_t hi = par_hi(block, USERS, ds->users.n);
    (void)worker;
    (void)err;
    for (int64_t u = par_lo(block, USERS); u < hi; u++) {
        for (int64_t e = ds->user_ptr[u]; e < ds->user_ptr[u + 1]; e++)
            job->out[e] =
                (float)normalizer_apply(job->norm, (int32_t)u, ds->item[e], value_at(ds, e));
    }
    return AKIN_OK;
}

akin_status normalizer_apply_events(const struct normalizer *norm, const struct dataset *ds,
                                    float *out, akin_error *err)
{
    struct apply_job job = {norm, ds, out};
    return par_for(norm->ctx, par_blocks(ds->users.n, USERS), apply_block, &job, err);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static json_t *array_json(const double *x, int64_t n)
{
    json_t *array = json_array();
    for (int64_t i = 0; array && i < n; i++) {
        if (json_array_append_new(array, json_real(x[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

json_t *normalizer_to_json(const struct normalizer *norm)
{
    json_t *json =
        json_pack("{s:s, s:s, s:f, s:f}", "kind", kind_names[norm->kind], "scope",
                  scope_names[norm->scope], "center", norm->center, "scale", norm->scale);
    if (json && norm->n > 0 &&
        (json_object_set_new(json, "row_center", array_json(norm->row_center, norm->n)) != 0 ||
         json_object_set_new(json, "row_scale", array_json(norm->row_scale, norm->n)) != 0)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static int name_find(const char *const *names, int n, const json_t *json)
{
    const char *name = json_string_value(json);
    for (int i = 0; name && i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

static bool array_read(const json_t *json, int64_t n, double *out)
{
    for (int64_t i = 0; i < n; i++) {
        const json_t *x = json_array_get(json, (size_t)i);
        if (!json_is_number(x))
            return false;
        out[i] = json_number_value(x);
    }
    return true;
}

akin_status normalizer_from_json(akin_ctx *ctx, const json_t *json, struct normalizer *out,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    struct normalizer norm = {.ctx = ctx};
    int kind = name_find(kind_names, 4, json_object_get(json, "kind"));
    int scope = name_find(scope_names, 3, json_object_get(json, "scope"));
    const json_t *center = json_object_get(json, "row_center");
    const json_t *scale = json_object_get(json, "row_scale");
    const json_t *all_center = json_object_get(json, "center");
    const json_t *all_scale = json_object_get(json, "scale");
    if (kind < 0 || scope < 0 || !json_is_number(all_center) || !json_is_number(all_scale) ||
        json_array_size(center) != json_array_size(scale) ||
        (scope == NORM_ALL && json_array_size(center) > 0))
        AKIN_FAIL(AKIN_E_FORMAT, "normalizer: kind, scope, center or scale is damaged");
    norm.kind = (enum norm_kind)kind;
    norm.scope = (enum norm_scope)scope;
    norm.center = json_number_value(all_center);
    norm.scale = json_number_value(all_scale);
    norm.n = (int64_t)json_array_size(center);
    MEM_NEW(ctx, norm.row_center, norm.n);
    MEM_NEW(ctx, norm.row_scale, norm.n);
    bool ok = array_read(center, norm.n, norm.row_center) &&
              array_read(scale, norm.n, norm.row_scale) && norm.scale > 0;
    for (int64_t i = 0; ok && i < norm.n; i++)
        ok = norm.row_scale[i] > 0;
    if (!ok)
        AKIN_FAIL(AKIN_E_FORMAT, "normalizer: row_center or row_scale is damaged");
    *out = norm;
    memset(&norm, 0, sizeof norm);
done:
    normalizer_free(&norm);
    return status;
}
