/*
 * From lists to the fractions of every row: relevance, accuracy, and what lists say by themselves
 * (exposure, novelty, popularity, diversity, serendipity).
 *
 * Cost: O(k log |R|) a list for accuracy, O(k²) for diversity; exposure is one counter an item and
 * cut. Lists come in blocks and are not kept.
 */
#include "eval/pass.h"

#include "kern/math.h"

#include <stdlib.h>
#include <string.h>

static int compare_items(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Relevant items of all rows, sorted for look-up; |R| counts unknown items too. */
static akin_status relevant_build(struct eval_pass *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct test_view *test = p->test;
    int64_t total = 0;
    MEM_NEW(p->ctx, p->rel_ptr, p->n_rows + 1);
    MEM_NEW(p->ctx, p->rel_item, test->ptr[p->n_rows]);
    MEM_ZERO(p->ctx, p->n_rel, p->n_slices * p->n_rows);
    p->rel_ptr[0] = 0;
    for (int64_t row = 0; row < p->n_rows; row++) {
        for (int64_t e = test->ptr[row]; e < test->ptr[row + 1]; e++) {
            int32_t item = test->item[e];
            if (!test->relevant[e])
                continue;
            p->n_rel[row]++;
            if (item < 0)
                continue;
            p->rel_item[total++] = item;
            if (p->n_slices > 1)
                p->n_rel[p->item_slice[item] * p->n_rows + row]++;
        }
        int64_t n = total - p->rel_ptr[row];
        if (n > 1)
            qsort(p->rel_item + p->rel_ptr[row], (size_t)n, sizeof(int32_t), compare_items);
        p->rel_ptr[row + 1] = total;
        if ((row & 0xfff) == 0)
            AKIN_TRY(ctx_check(p->ctx, err));
    }
done:
    return status;
}

static akin_status rows_classify(struct eval_pass *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct test_view *test = p->test;
    MEM_NEW(p->ctx, p->warmth, p->n_rows);
    MEM_ZERO(p->ctx, p->is_out, p->n_rows);
    for (int64_t row = 0; row < p->n_rows; row++) {
        int32_t user = test->user[row];
        bool has_train = user >= 0 && p->side.hist->ptr[user + 1] > p->side.hist->ptr[user];
        bool has_given = test->hist_hi[row] > test->hist_lo[row];
        p->warmth[row] = has_train ? USER_HOT : user >= 0 || has_given ? USER_WARM : USER_COLD;
        p->is_out[row] = p->warmth[row] == USER_COLD && !p->opt->with_cold_users;
    }
done:
    return status;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* 1-based rank of each item by train popularity, then index: the list of a popularity model. */
akin_status popularity_ranks(struct eval_pass *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    uint64_t *keys = NULL;
    int32_t n = p->side.n_items;
    if (p->pop_rank)
        return AKIN_OK;
    MEM_NEW(p->ctx, p->pop_rank, n);
    MEM_NEW(p->ctx, keys, n);
    for (int32_t i = 0; i < n; i++)
        keys[i] = (uint64_t)(UINT32_MAX - (uint32_t)p->side.item_count[i]) << 32 | (uint32_t)i;
    qsort(keys, (size_t)n, sizeof *keys, compare_keys);
    for (int32_t r = 0; r < n; r++)
        p->pop_rank[(uint32_t)keys[r]] = r + 1;
done:
    mem_free(p->ctx, keys);
    return status;
}

/* -log2((users who have the item + 1) / (train users + 1)) of each item. */
static akin_status novelty_build(struct eval_pass *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_active = 0;
    for (int64_t u = 0; u < p->side.hist->n_users; u++)
        n_active += p->side.hist->ptr[u + 1] > p->side.hist->ptr[u];
    MEM_NEW(p->ctx, p->novelty, p->side.n_items + 1);
    for (int32_t i = 0; i <= p->side.n_items; i++) {
        double have = i < p->side.n_items ? p->side.item_count[i] : 0;
        p->novelty[i] = kern_log2((double)n_active + 1.0) - kern_log2(have + 1.0);
    }
done:
    return status;
}

static bool is_exposure(const struct metric_spec *m)
{
    return m->id == METRIC_COVERAGE || m->id == METRIC_GINI || m->id == METRIC_ENTROPY;
}

/* What the metrics asked for need beside hits. */
static akin_status needs_build(struct eval_pass *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct eval_options *opt = p->opt;
    MEM_NEW(p->ctx, p->cuts, opt->n_metrics);
    for (int32_t i = 0; i < opt->n_metrics; i++) {
        const struct metric_spec *m = &opt->metrics[i];
        if (m->k > p->max_k)
            p->max_k = m->k;
        if (is_exposure(m)) {
            int32_t c = 0;
            while (c < p->n_cuts && p->cuts[c] != m->k)
                c++;
            if (c == p->n_cuts)
                p->cuts[p->n_cuts++] = m->k;
        }
        if (m->id == METRIC_NOVELTY && !p->novelty)
            AKIN_TRY(novelty_build(p, err));
        if (m->id == METRIC_SERENDIPITY)
            AKIN_TRY(popularity_ranks(p, err));
        if (m->id == METRIC_DIVERSITY && !p->div)
            AKIN_TRY(diversity_create(p->ctx, &p->side, &p->div, err));
    }
    MEM_ZERO(p->ctx, p->exposure, (int64_t)p->n_cuts * p->side.n_items);
    MEM_NEW(p->ctx, p->hits, (int64_t)par_workers(p->ctx) * 2 * p->max_k);
done:
    return status;
}

akin_status pass_open(struct eval_pass *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    p->start_ns = clock_ns();
    p->n_rows = p->test->n_users;
    p->n_slices = p->opt->segments ? SLICE_COUNT : 1;
    AKIN_TRY(rows_classify(p, err));
    if (p->opt->segments)
        AKIN_TRY(segments_classify(p, err));
    AKIN_TRY(relevant_build(p, err));
    int64_t n = (int64_t)p->n_slices * p->opt->n_metrics;
    if (p->n_rows > 0 && n > INT64_MAX / 16 / p->n_rows)
        AKIN_FAIL(AKIN_E_LIMIT, "evaluate: %lld users and %d metrics are too many",
                  (long long)p->n_rows, p->opt->n_metrics);
    MEM_ZERO(p->ctx, p->num, n * p->n_rows);
    MEM_ZERO(p->ctx, p->den, n * p->n_rows);
    MEM_ZERO(p->ctx, p->n_list, p->n_rows);
    MEM_ZERO(p->ctx, p->reason, p->opt->n_metrics);
    AKIN_TRY(needs_build(p, err));
done:
    return status;
}

void pass_close(struct eval_pass *p)
{
    akin_ctx *ctx = p->ctx;
    mem_free(ctx, p->rel_ptr);
    mem_free(ctx, p->rel_item);
    mem_free(ctx, p->n_rel);
    mem_free(ctx, p->item_slice);
    mem_free(ctx, p->warmth);
    mem_free(ctx, p->is_out);
    mem_free(ctx, p->n_list);
    mem_free(ctx, p->num);
    mem_free(ctx, p->den);
    mem_free(ctx, p->cuts);
    mem_free(ctx, p->exposure);
    mem_free(ctx, p->novelty);
    mem_free(ctx, p->pop_rank);
    mem_free(ctx, p->hits);
    mem_free(ctx, p->reason);
    diversity_free(p->div);
}

bool pass_is_relevant(const struct eval_pass *p, int64_t row, int32_t item)
{
    const int32_t *items = p->rel_item + p->rel_ptr[row];
    int64_t lo = 0, hi = p->rel_ptr[row + 1] - p->rel_ptr[row];
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (items[mid] < item)
            lo = mid + 1;
        else
            hi = mid;
    }
    return p->rel_ptr[row] + lo < p->rel_ptr[row + 1] && items[lo] == item;
}

static bool came_before(const int32_t *items, int32_t r)
{
    for (int32_t i = 0; i < r; i++)
        if (items[i] == items[r])
            return true;
    return false;
}

/* Accuracy of one row in one slice. */
static void row_accuracy(struct eval_pass *p, int32_t slice, int64_t row, const uint8_t *hit,
                         int32_t n)
{
    int32_t n_rel = p->n_rel[slice * p->n_rows + row];
    for (int32_t i = 0; i < p->opt->n_metrics; i++) {
        const struct metric_spec *m = &p->opt->metrics[i];
        if (metric_is_from_hits(m))
            metric_fraction(m, hit, n, n_rel, &pass_num(p, slice, i)[row],
                            &pass_den(p, slice, i)[row]);
    }
}

/* Means over the items of one list; items < 0 are unknown to train. */
static void row_list(struct eval_pass *p, int64_t row, const int32_t *items, int32_t n,
                     const uint8_t *hit, int worker)
{
    double n_items = p->side.n_items;
    for (int32_t i = 0; i < p->opt->n_metrics; i++) {
        const struct metric_spec *m = &p->opt->metrics[i];
        int32_t cut = n < m->k ? n : m->k;
        double sum = 0.0;
        bool counts = cut > 0;
        switch (m->id) {
        case METRIC_NOVELTY:
            for (int32_t r = 0; r < cut; r++)
                sum += p->novelty[items[r] < 0 ? p->side.n_items : items[r]];
            sum /= counts ? cut : 1;
            break;
        case METRIC_POPULARITY:
            for (int32_t r = 0; r < cut; r++)
                sum += items[r] < 0 ? 0 : p->side.item_count[items[r]];
            sum /= counts ? cut : 1;
            break;
        case METRIC_DIVERSITY:
            counts = cut >= 2;
            sum = counts ? diversity_of(p->div, items, cut, worker) : 0.0;
            break;
        case METRIC_SERENDIPITY:
            counts = p->n_rel[row] > 0;
            for (int32_t r = 0; r < cut; r++)
                if (hit[r] && p->pop_rank[items[r]] > r + 1)
                    sum += (p->pop_rank[items[r]] - (r + 1)) / n_items;
            sum /= m->k;
            break;
        default:
            continue;
        }
        pass_num(p, SLICE_ALL, i)[row] = sum;
        pass_den(p, SLICE_ALL, i)[row] = counts;
    }
}

void pass_list(struct eval_pass *p, int64_t row, const int32_t *items, int32_t n, int worker)
{
    if (p->is_out[row])
        return;
    p->n_list[row] = n;
    if (n > p->max_k)
        n = p->max_k;
    uint8_t *hit = p->hits + (int64_t)worker * 2 * p->max_k;
    uint8_t *sliced = hit + p->max_k;
    for (int32_t r = 0; r < n; r++)
        hit[r] = items[r] >= 0 && pass_is_relevant(p, row, items[r]) && !came_before(items, r);
    row_accuracy(p, SLICE_ALL, row, hit, n);
    for (int32_t slice = 1; slice < p->n_slices; slice++) {
        for (int32_t r = 0; r < n; r++)
            sliced[r] = hit[r] && p->item_slice[items[r]] == slice;
        row_accuracy(p, slice, row, sliced, n);
    }
    row_list(p, row, items, n, hit, worker);
}

void pass_expose(struct eval_pass *p, const int32_t *items, int32_t n)
{
    for (int32_t c = 0; c < p->n_cuts; c++) {
        int64_t *count = p->exposure + (int64_t)c * p->side.n_items;
        for (int32_t r = 0; r < n && r < p->cuts[c]; r++)
            if (items[r] >= 0)
                count[items[r]]++;
    }
}

static int compare_counts(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Σ(2i − n − 1)x_i / (n Σx) over counts in ascending order. */
static double gini_of(const int64_t *sorted, int32_t n, double total)
{
    double sum = 0.0;
    for (int32_t i = 0; i < n; i++)
        sum += (2.0 * (i + 1) - n - 1.0) * (double)sorted[i];
    return sum / (n * total);
}

double exposure_metric(const struct metric_spec *m, const int64_t *count, int64_t *work,
                       int32_t n_items)
{
    double total = 0.0, entropy = 0.0;
    int32_t n_shown = 0;
    for (int32_t i = 0; i < n_items; i++) {
        total += (double)count[i];
        n_shown += count[i] > 0;
    }
    if (!(total > 0.0))
        return (double)NAN;
    if (m->id == METRIC_COVERAGE)
        return (double)n_shown / n_items;
    memcpy(work, count, (size_t)n_items * sizeof *work);
    qsort(work, (size_t)n_items, sizeof *work, compare_counts);
    if (m->id == METRIC_GINI) {
        double gini = gini_of(work, n_items, total);
        return m->dialect == DIALECT_ELLIOT ? 1.0 - gini * n_items / (n_items - 1.0) : gini;
    }
    for (int32_t i = 0; i < n_items; i++) {
        double share = (double)work[i] / total;
        entropy -= work[i] > 0 ? share * kern_log(share) : 0.0;
    }
    if (m->dialect == DIALECT_RECBOLE)
        return entropy / n_shown;
    return m->dialect == DIALECT_ELLIOT ? entropy / kern_log(2.0) : entropy;
}
