/*
 * Ratings and the models that predict them by factors (rated.h): what als and svdpp share.
 *
 * Cost: see each function. Not here: how factors are found.
 */
#include "models/rating_rows.h"

#include "models/model_impl.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const double rated_most = 1e9; /* squares of more leave the floats */

/* ---- Ratings ------------------------------------------------------------------------------- */

struct moments_job {
    const struct csr *by_user;
    const int32_t *shard_ptr;
    double mean;
};

/* acc: count, sum, Σ (r - mean)². A shard a user's rows, in order. */
static akin_status moments_shard(void *arg, int shard, int worker, double *acc, akin_error *err)
{
    const struct moments_job *job = arg;
    const struct csr *a = job->by_user;
    (void)worker;
    (void)err;
    for (int64_t e = a->ptr[job->shard_ptr[shard]]; e < a->ptr[job->shard_ptr[shard + 1]]; e++) {
        double off = (double)a->val[e] - job->mean;
        acc[0] += 1.0;
        acc[1] += off;
        acc[2] += off * off;
    }
    return AKIN_OK;
}

akin_status rated_data_build(akin_ctx *ctx, const struct train_view *tv, const char *name,
                             struct rated_data *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = tv->ds;
    struct moments_job job = {.by_user = &out->by_user, .shard_ptr = ds->users.shard_ptr};
    double sum[3];
    memset(out, 0, sizeof *out);
    if (!dataset_has_values(ds) && ds->n_events > 0)
        AKIN_FAIL(AKIN_E_INPUT, "%s: needs ratings; this data has no values (use ials)", name);
    AKIN_TRY(histories_values(ctx, &tv->hist, ds->items.n, &out->by_user, err));
    for (int64_t e = 0; e < csr_nnz(&out->by_user); e++)
        if (!(fabs((double)out->by_user.val[e]) <= rated_most))
            AKIN_FAIL(AKIN_E_INPUT, "%s: rating %g (must be within ±1e9)", name,
                      (double)out->by_user.val[e]);
    AKIN_TRY(csr_transpose(ctx, &out->by_user, &out->by_item, err));
    AKIN_TRY(comm_sum_shards(ctx, tv->comm, 3, moments_shard, &job, sum, err));
    job.mean = out->mean = sum[0] > 0.0 ? sum[1] / sum[0] : 0.0;
    AKIN_TRY(comm_sum_shards(ctx, tv->comm, 3, moments_shard, &job, sum, err));
    out->deviation = sum[0] > 0.0 ? sqrt(sum[2] / sum[0]) : 0.0;
done:
    if (status != AKIN_OK)
        rated_data_free(ctx, out);
    return status;
}

void rated_data_free(akin_ctx *ctx, struct rated_data *d)
{
    csr_free(ctx, &d->by_user);
    csr_free(ctx, &d->by_item);
    memset(d, 0, sizeof *d);
}

/* ---- The asker ----------------------------------------------------------------------------- */

/* Less the items that the model does not know: the folds sort as unsigned numbers, below 0 is last.
 */
static int32_t known_only(const struct rated *r, const int32_t *item, int32_t n)
{
    while (n > 0 && (item[n - 1] < 0 || item[n - 1] >= r->n_items))
        n--;
    return n;
}

akin_status rated_fold(const struct rated *r, const struct history *h, struct arena *scratch,
                       struct rated_asker *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n = 0, *ids = arena_alloc(scratch, 3 * (int64_t)h->n, sizeof *ids, err);
    float *x = ids ? arena_alloc(scratch, 2 * (int64_t)h->n, sizeof *x, err) : NULL;
    if (!x)
        AKIN_TRY(AKIN_E_MEMORY);
    int32_t *rated = ids + 2 * (int64_t)h->n;
    float *value = x + h->n;
    for (int32_t e = 0; h->value && e < h->n; e++) {
        if (!(fabs((double)h->value[e]) <= rated_most))
            continue;
        rated[n] = h->item[e];
        value[n++] = h->value[e];
    }
    const struct history ratings = {.n = n, .item = rated, .value = value};
    const struct history events = {.n = h->n, .item = h->item};
    *out = (struct rated_asker){.item = ids, .target = x, .known = ids};
    out->n = known_only(r, ids, history_fold_values(&ratings, ids, x));
    out->n_known = out->n;
    for (int32_t i = 0; i < out->n; i++)
        x[i] = (float)((double)x[i] - r->mean);
    if (n < h->n) {
        out->known = ids + h->n;
        out->n_known = known_only(r, out->known, history_fold(&events, out->known, value));
    }
done:
    return status;
}

void rated_user_state(const struct rated *r, int64_t user, float *state)
{
    memcpy(state, r->users + user * r->k, (size_t)r->k * sizeof *state);
    if (r->user_bias)
        state[r->k - 1] = r->user_bias[user];
    rated_state(r, state);
}

void rated_reasons(const struct rated *r, const struct row_data *row, const float *v,
                   struct reason *out, int32_t max, int32_t *n)
{
    for (int32_t j = 0; j < row->n; j++) {
        int32_t own = row->item[j];
        float target = row->target[j] - (r->item_bias ? r->item_bias[own] : 0.0f);
        *n = reason_put(out, max, *n, own,
                        target * r->ctx->kern->dot(r->items + own * r->k, v, r->k));
    }
}

void rated_vectors(const struct rated *r, struct item_vectors *out)
{
    *out = (struct item_vectors){r->items, r->item_bias, (int32_t)r->k};
}

void rated_similar(const struct rated *r, int32_t item, struct evidence *out)
{
    const struct kern *kern = r->ctx->kern;
    const float *own = r->items + item * r->k;
    double norm = kern->dot64(own, own, r->factors);
    for (int32_t i = 0; norm > 0.0 && i < r->n_items; i++) {
        const float *other = r->items + i * r->k;
        double square = kern->dot64(other, other, r->factors);
        if (i != item && square > 0.0)
            evidence_add(out, i,
                         (float)(kern->dot64(own, other, r->factors) / sqrt(norm * square)));
    }
}

/* ---- Files --------------------------------------------------------------------------------- */

akin_status rated_save(const struct rated *r, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t one = (int64_t)sizeof(float), row = r->k * one;
    AKIN_TRY(container_add(w, "m.users", CONTAINER_REQUIRED, r->users, r->n_users * row, err));
    AKIN_TRY(container_add(w, "m.items", CONTAINER_REQUIRED, r->items, r->n_items * row, err));
    AKIN_TRY(container_add(w, "m.mean", CONTAINER_REQUIRED, &r->mean, sizeof r->mean, err));
    if (r->item_bias) {
        AKIN_TRY(container_add(w, "m.user_bias", CONTAINER_REQUIRED, r->user_bias, r->n_users * one,
                               err));
        AKIN_TRY(container_add(w, "m.item_bias", CONTAINER_REQUIRED, r->item_bias, r->n_items * one,
                               err));
    }
done:
    return status;
}

akin_status rated_load(const struct model *m, struct container *c, bool has_biases,
                       struct rated *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const void *data;
    int64_t n;
    out->n_users = m->users.n;
    out->n_items = m->items.n;
    out->is_mapped = true;
    AKIN_TRY(model_load_floats(m->ctx, c, "m.users", out->n_users * out->k, &out->users, err));
    AKIN_TRY(model_load_floats(m->ctx, c, "m.items", out->n_items * out->k, &out->items, err));
    if (has_biases) {
        AKIN_TRY(model_load_floats(m->ctx, c, "m.user_bias", out->n_users, &out->user_bias, err));
        AKIN_TRY(model_load_floats(m->ctx, c, "m.item_bias", out->n_items, &out->item_bias, err));
    }
    AKIN_TRY(container_get(c, "m.mean", sizeof out->mean, false, &data, &n, err));
    if (n != 1)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.mean holds %" PRId64 " numbers, not 1",
                  container_path(c), n);
    memcpy(&out->mean, data, sizeof out->mean);
    if (!(fabs(out->mean) <= rated_most))
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.mean: %g (must be within ±1e9)", container_path(c),
                  out->mean);
done:
    return status;
}

void rated_free(struct rated *r)
{
    if (r->is_mapped)
        return;
    model_free_array(r->ctx, r->users);
    model_free_array(r->ctx, r->items);
    model_free_array(r->ctx, r->user_bias);
    model_free_array(r->ctx, r->item_bias);
}
