/*
 * AUC of each user, exact: the chance that a relevant item scores above a candidate that is not
 * relevant, ties counting one half. Candidates are the catalogue without what the user has.
 *
 * Items without a score stand below all scored ones and are told apart by train popularity, as in
 * lists. Relevant items that are no candidates (unknown to train, or seen and excluded) count in
 * |R| and win nothing, as in recall. Cost: one scoring of the catalogue and n_items · log |R|
 * steps a user.
 */
#include "eval/pass.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_PER_BLOCK = 8 };
enum { MARK_OUT = 1, MARK_POSITIVE = 2 };

static int compare_auc_keys(const void *a, const void *b)
{
    const struct auc_key *x = a, *y = b;
    if (x->score < y->score || x->score > y->score)
        return x->score < y->score ? -1 : 1;
    return (x->count > y->count) - (x->count < y->count);
}

/* First index in pos (n, ascending) whose key is not below (or, with `after`, is above) key. */
static int32_t search_key(const struct auc_key *pos, int32_t n, const struct auc_key *key,
                          bool after)
{
    int32_t lo = 0, hi = n;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        int order = compare_auc_keys(&pos[mid], key);
        if (order < 0 || (after && order == 0))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/*
 * Up to LANES scored positives at once, by comparison (a true lane is -1): one small vector on
 * every machine and exact counts, so no ISA changes anything. Three times as fast as the search
 * below (30,000 users, 40,000 items: 1.8 s instead of 5.5 s on two cores).
 */
enum { LANES = 4, LANES_MAX = 16, LANES_NEG_MAX = 1 << 29 };
typedef float lanes_f __attribute__((vector_size(4 * LANES)));
typedef int32_t lanes_i __attribute__((vector_size(4 * LANES)));

static int64_t wins_of_lanes(const struct auc_key *pos, int32_t n_pos, const struct auc_key *neg,
                             int32_t n_neg)
{
    lanes_f score = {0};
    lanes_i sum = {0};
    int64_t wins = 0;
    for (int j = 0; j < LANES; j++)
        score[j] = j < n_pos ? pos[j].score : NAN; /* NaN wins and ties nothing */
    for (int32_t i = 0; i < n_neg; i++) {
        float x = neg[i].score;
        lanes_f s = {x, x, x, x};
        sum -= (score > s) + (score >= s);
    }
    for (int j = 0; j < LANES; j++)
        wins += sum[j];
    return wins;
}

int64_t auc_wins(struct auc_key *pos, int32_t n_pos, const struct auc_key *neg, int32_t n_neg)
{
    int64_t wins = 0;
    if (n_pos > 1)
        qsort(pos, (size_t)n_pos, sizeof *pos, compare_auc_keys);
    if (n_pos > 0 && n_pos <= LANES_MAX && n_neg <= LANES_NEG_MAX && pos[0].score > UNSCORED) {
        for (int32_t lo = 0; lo < n_pos; lo += LANES)
            wins += wins_of_lanes(pos + lo, n_pos - lo < LANES ? n_pos - lo : LANES, neg, n_neg);
        return wins;
    }
    for (int32_t i = 0; i < n_neg; i++) {
        int32_t first = search_key(pos, n_pos, &neg[i], false);
        int32_t last = first;
        if (first < n_pos && compare_auc_keys(&pos[first], &neg[i]) == 0)
            last = search_key(pos, n_pos, &neg[i], true);
        wins += 2 * (int64_t)(n_pos - last) + (last - first);
    }
    return wins;
}

struct auc_worker {
    struct arena arena;
    float *scores;        /* (n_items) */
    struct auc_key *keys; /* (n_items) negatives from the front, positives from the back */
    uint8_t *mark;        /* (n_items) 0 between rows */
};

struct auc_job {
    struct eval_pass *p;
    const struct model *m;
    struct ranker *ranker;
    int32_t metric;
    int n_workers;
    struct auc_worker *worker;
};

static akin_status worker_ready(struct auc_job *job, struct auc_worker *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = job->p->ctx;
    int32_t n = job->p->side.n_items;
    if (w->mark)
        return AKIN_OK;
    arena_init(&w->arena, ctx);
    MEM_NEW(ctx, w->scores, n);
    MEM_NEW(ctx, w->keys, n);
    MEM_ZERO(ctx, w->mark, n);
done:
    return status;
}

static void mark_row(const struct eval_pass *p, const struct query *q, int64_t row, uint8_t *mark,
                     bool on)
{
    for (int64_t e = p->rel_ptr[row]; e < p->rel_ptr[row + 1]; e++)
        mark[p->rel_item[e]] = on ? MARK_POSITIVE : 0;
    for (int32_t e = 0; !p->opt->include_seen && e < q->hist.n; e++)
        mark[q->hist.item[e]] = on ? MARK_OUT : 0;
}

static akin_status auc_row(struct auc_job *job, struct auc_worker *w, int64_t row, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct eval_pass *p = job->p;
    struct query q;
    int32_t n = p->side.n_items, n_pos = 0, n_neg = 0, n_rel = p->n_rel[row];
    if (p->is_out[row] || n_rel == 0)
        return AKIN_OK;
    AKIN_TRY(query_of_row(p, job->m, row, &w->arena, &q, err));
    AKIN_TRY(rank_scores_all(job->ranker, &q, w->scores, err));
    mark_row(p, &q, row, w->mark, true);
    for (int32_t i = 0; i < n; i++) {
        struct auc_key key = auc_key_of(w->scores[i], p->side.item_count[i]);
        if (w->mark[i] == MARK_POSITIVE)
            w->keys[n - ++n_pos] = key;
        else if (w->mark[i] == 0)
            w->keys[n_neg++] = key;
    }
    mark_row(p, &q, row, w->mark, false);
    if (n_neg > 0) {
        int64_t wins = auc_wins(w->keys + n - n_pos, n_pos, w->keys, n_neg);
        pass_num(p, SLICE_ALL, job->metric)[row] =
            (double)wins / (2.0 * (double)n_rel * (double)n_neg);
        pass_den(p, SLICE_ALL, job->metric)[row] = 1.0;
    }
done:
    arena_reset(&w->arena);
    return status;
}

static akin_status auc_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct auc_job *job = arg;
    struct auc_worker *w = &job->worker[worker];
    AKIN_TRY(worker_ready(job, w, err));
    int64_t hi = par_hi(block, ROWS_PER_BLOCK, job->p->n_rows);
    for (int64_t row = par_lo(block, ROWS_PER_BLOCK); row < hi; row++) {
        AKIN_TRY(auc_row(job, w, row, err));
        progress_add(job->p->ctx, 1);
    }
done:
    return status;
}

akin_status auc_run(struct eval_pass *p, const struct model *m, struct ranker *ranker,
                    akin_error *err)
{
    akin_status status = AKIN_OK;
    struct auc_job job = {.p = p, .m = m, .ranker = ranker, .n_workers = par_workers(p->ctx)};
    for (job.metric = 0; job.metric < p->opt->n_metrics; job.metric++)
        if (p->opt->metrics[job.metric].id == METRIC_AUC)
            break;
    if (job.metric == p->opt->n_metrics)
        return AKIN_OK;
    progress_begin(p->ctx, "auc", p->n_rows);
    MEM_ZERO(p->ctx, job.worker, job.n_workers);
    AKIN_TRY(par_for(p->ctx, par_blocks(p->n_rows, ROWS_PER_BLOCK), auc_block, &job, err));
done:
    for (int i = 0; job.worker && i < job.n_workers; i++) {
        if (job.worker[i].arena.ctx)
            arena_free(&job.worker[i].arena);
        mem_free(p->ctx, job.worker[i].scores);
        mem_free(p->ctx, job.worker[i].keys);
        mem_free(p->ctx, job.worker[i].mark);
    }
    mem_free(p->ctx, job.worker);
    progress_end(p->ctx);
    return status;
}
