/*
 * Errors of predictions over the test events: rmse and mae for models whose scores are on the scale
 * of values, logloss for those that give log-odds.
 *
 * A pair is predicted if its item is in the catalogue and the model gives it a score; the others
 * are counted (n_cold). With clip, predictions are cut to the range of training values. The
 * outcome of logloss is whether the event is a positive. Cost: one score a test event, and of
 * a model that goes by context one folding-in.
 */
#include "eval/pass.h"
#include "kern/math.h"

#include <math.h>
#include <string.h>

enum { ROWS_PER_BLOCK = 32 };

struct pairs_worker {
    struct arena arena;
    int32_t *items;
    float *scores;
    float *truth;
    int64_t cap;
};

struct pairs_job {
    struct eval_pass *p;
    const struct model *m;
    struct ranker *ranker;
    bool is_odds;
    int64_t *n_pairs, *n_cold; /* (blocks) */
    int n_workers;
    struct pairs_worker *worker;
};

static akin_status pairs_room(akin_ctx *ctx, struct pairs_worker *w, int64_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!w->arena.ctx)
        arena_init(&w->arena, ctx);
    if (n <= w->cap)
        return AKIN_OK;
    mem_free(ctx, w->items);
    mem_free(ctx, w->scores);
    mem_free(ctx, w->truth);
    w->items = NULL;
    w->scores = w->truth = NULL;
    w->cap = 0;
    MEM_NEW(ctx, w->items, 2 * n);
    MEM_NEW(ctx, w->scores, 2 * n);
    MEM_NEW(ctx, w->truth, 2 * n);
    w->cap = 2 * n;
done:
    return status;
}

static double clipped(const struct eval_pass *p, float score)
{
    if (!p->opt->clip)
        return (double)score;
    float x = score < p->side.value_lo ? p->side.value_lo : score;
    return (double)(x > p->side.value_hi ? p->side.value_hi : x);
}

/* -ln p of the outcome. */
static double surprise(float log_odds, bool is_positive)
{
    double x = is_positive ? (double)log_odds : -(double)log_odds;
    return x > 0 ? kern_log1p(kern_exp(-x)) : kern_log1p(kern_exp(x)) - x;
}

/* Sums over the pairs of a row. */
struct errors {
    double squares, absolutes, surprises;
};

static void put_errors(struct eval_pass *p, int64_t row, const struct errors *sum, int64_t n)
{
    for (int32_t i = 0; i < p->opt->n_metrics; i++) {
        int32_t id = p->opt->metrics[i].id;
        bool is_error = id == METRIC_RMSE || id == METRIC_MAE || id == METRIC_LOGLOSS;
        if (!is_error || p->reason[i])
            continue;
        pass_num(p, SLICE_ALL, i)[row] = id == METRIC_RMSE  ? sum->squares
                                         : id == METRIC_MAE ? sum->absolutes
                                                            : sum->surprises;
        pass_den(p, SLICE_ALL, i)[row] = (double)n;
    }
}

/* Each target in the context that it had. */
static akin_status score_in_context(struct pairs_job *job, struct pairs_worker *w, int64_t row,
                                    struct query *q, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct test_view *test = job->p->test;
    int32_t n = 0;
    for (int64_t e = test->ptr[row]; e < test->ptr[row + 1]; e++) {
        if (test->item[e] < 0)
            continue;
        AKIN_TRY(query_context(job->p, e, &w->arena, &q->context, err));
        AKIN_TRY(rank_score(job->ranker, q, &w->items[n], 1, &w->scores[n], err));
        n++;
    }
done:
    return status;
}

static akin_status pairs_row(struct pairs_job *job, struct pairs_worker *w, int64_t row,
                             int64_t block, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct eval_pass *p = job->p;
    const struct test_view *test = p->test;
    struct query q;
    int64_t total = test->ptr[row + 1] - test->ptr[row], kept = 0;
    int32_t n = 0;
    struct errors sum = {0};
    if (p->is_out[row]) {
        job->n_cold[block] += total;
        return AKIN_OK;
    }
    AKIN_TRY(pairs_room(p->ctx, w, total, err));
    for (int64_t e = test->ptr[row]; e < test->ptr[row + 1]; e++) {
        if (test->item[e] < 0)
            continue;
        w->items[n] = test->item[e];
        w->truth[n++] = job->is_odds ? (float)test->relevant[e] : test->value[e];
    }
    AKIN_TRY(query_of_row(p, job->m, row, &w->arena, &q, err));
    if (query_has_context(p, job->m))
        AKIN_TRY(score_in_context(job, w, row, &q, err));
    else if (n > 0)
        AKIN_TRY(rank_score(job->ranker, &q, w->items, n, w->scores, err));
    for (int32_t i = 0; i < n; i++) {
        if (!isfinite(w->scores[i]))
            continue;
        double error = clipped(p, w->scores[i]) - (double)w->truth[i];
        sum.squares += error * error;
        sum.absolutes += fabs(error);
        sum.surprises += job->is_odds ? surprise(w->scores[i], w->truth[i] > 0) : 0;
        kept++;
    }
    put_errors(p, row, &sum, kept);
    job->n_pairs[block] += kept;
    job->n_cold[block] += total - kept;
done:
    if (w->arena.ctx)
        arena_reset(&w->arena);
    return status;
}

static akin_status pairs_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct pairs_job *job = arg;
    int64_t hi = par_hi(block, ROWS_PER_BLOCK, job->p->n_rows);
    for (int64_t row = par_lo(block, ROWS_PER_BLOCK); row < hi; row++)
        AKIN_TRY(pairs_row(job, &job->worker[worker], row, block, err));
    progress_add(job->p->ctx, hi - par_lo(block, ROWS_PER_BLOCK));
done:
    return status;
}

/* Marks what cannot be computed; true if something can. */
static bool pairs_wanted(struct eval_pass *p, uint32_t scorer_flags)
{
    bool wanted = false;
    for (int32_t i = 0; i < p->opt->n_metrics; i++) {
        int32_t id = p->opt->metrics[i].id;
        if (id == METRIC_LOGLOSS && !(scorer_flags & SCORER_LOG_ODDS))
            p->reason[i] = "the model gives scores, not probabilities";
        else if ((id == METRIC_RMSE || id == METRIC_MAE) && !(scorer_flags & SCORER_RATES))
            p->reason[i] = "the model ranks and does not predict values";
        else if (id == METRIC_RMSE || id == METRIC_MAE || id == METRIC_LOGLOSS)
            wanted = true;
    }
    return wanted;
}

akin_status pairs_run(struct eval_pass *p, const struct model *m, struct ranker *ranker,
                      uint32_t scorer_flags, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_blocks = par_blocks(p->n_rows, ROWS_PER_BLOCK);
    struct pairs_job job = {.p = p, .m = m, .ranker = ranker, .n_workers = par_workers(p->ctx)};
    job.is_odds = (scorer_flags & SCORER_LOG_ODDS) != 0;
    if (!pairs_wanted(p, scorer_flags))
        return AKIN_OK;
    progress_begin(p->ctx, "errors", p->n_rows);
    MEM_ZERO(p->ctx, job.worker, job.n_workers);
    MEM_ZERO(p->ctx, job.n_pairs, n_blocks);
    MEM_ZERO(p->ctx, job.n_cold, n_blocks);
    AKIN_TRY(par_for(p->ctx, n_blocks, pairs_block, &job, err));
    for (int64_t b = 0; b < n_blocks; b++) {
        p->n_pairs += job.n_pairs[b];
        p->n_cold_pairs += job.n_cold[b];
    }
done:
    for (int i = 0; job.worker && i < job.n_workers; i++) {
        if (job.worker[i].arena.ctx)
            arena_free(&job.worker[i].arena);
        mem_free(p->ctx, job.worker[i].items);
        mem_free(p->ctx, job.worker[i].scores);
        mem_free(p->ctx, job.worker[i].truth);
    }
    mem_free(p->ctx, job.worker);
    mem_free(p->ctx, job.n_pairs);
    mem_free(p->ctx, job.n_cold);
    progress_end(p->ctx);
    return status;
}
