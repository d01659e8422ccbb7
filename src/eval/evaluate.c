/*
 * Evaluation of a model, or of lists that any system made.
 *
 * A model is asked as a server would be (queries.c), ranks the full catalogue through rank/ in
 * blocks of users, and each list goes into the fractions of its row (lists.c). The answer is the
 * same for any thread count: rows are independent, sums over rows run in their order.
 * Cost: one rank_lists over the test users, a bootstrap; auc and rmse score on their own.
 */
#include "eval/pass.h"

#include <string.h>

enum { BLOCK_ROWS = 2048, BLOCK_ENTRIES = 1 << 21, ROWS_PER_TASK = 64 };

/* One block of lists. */
struct list_block {
    struct eval_pass *p;
    int32_t n;
    int64_t *row;          /* (n) */
    struct query *queries; /* (n) */
    struct ranked *ranked; /* (n, max_k) */
    int32_t *items;        /* (n, max_k) */
    int32_t *counts;       /* (n) */
};

static akin_status list_task(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)err;
    struct list_block *b = arg;
    int64_t k = b->p->max_k, hi = par_hi(block, ROWS_PER_TASK, b->n);
    for (int64_t j = par_lo(block, ROWS_PER_TASK); j < hi; j++) {
        for (int32_t r = 0; r < b->counts[j]; r++)
            b->items[j * k + r] = b->ranked[j * k + r].item;
        pass_list(b->p, b->row[j], b->items + j * k, b->counts[j], worker);
    }
    return AKIN_OK;
}

static akin_status block_run(struct list_block *b, struct ranker *ranker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct eval_pass *p = b->p;
    struct rank_options opt = {.k = p->max_k, .include_seen = p->opt->include_seen};
    AKIN_TRY(rank_lists(ranker, b->queries, b->n, &opt, b->ranked, b->counts, err));
    AKIN_TRY(par_for(p->ctx, par_blocks(b->n, ROWS_PER_TASK), list_task, b, err));
    for (int32_t j = 0; p->n_cuts > 0 && j < b->n; j++)
        pass_expose(p, b->items + (int64_t)j * p->max_k, b->counts[j]);
done:
    return status;
}

static akin_status lists_run(struct eval_pass *p, const struct model *m, struct ranker *ranker,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct list_block b = {.p = p};
    struct arena arena;
    int64_t size = BLOCK_ENTRIES / p->max_k;
    size = size > BLOCK_ROWS ? BLOCK_ROWS : size < 1 ? 1 : size;
    arena_init(&arena, p->ctx);
    progress_begin(p->ctx, "evaluate", p->n_rows);
    MEM_NEW(p->ctx, b.row, size);
    MEM_NEW(p->ctx, b.queries, size);
    MEM_NEW(p->ctx, b.ranked, size * p->max_k);
    MEM_NEW(p->ctx, b.items, size * p->max_k);
    MEM_NEW(p->ctx, b.counts, size);
    for (int64_t lo = 0; lo < p->n_rows; lo += size) {
        int64_t hi = lo + size < p->n_rows ? lo + size : p->n_rows;
        b.n = 0;
        for (int64_t row = lo; row < hi; row++) {
            if (p->is_out[row])
                continue;
            AKIN_TRY(query_of_row(p, m, row, &arena, &b.queries[b.n], err));
            b.row[b.n++] = row;
        }
        AKIN_TRY(block_run(&b, ranker, err));
        arena_reset(&arena);
        progress_add(p->ctx, hi - lo);
        AKIN_TRY(ctx_check(p->ctx, err));
    }
done:
    progress_end(p->ctx);
    arena_free(&arena);
    mem_free(p->ctx, b.row);
    mem_free(p->ctx, b.queries);
    mem_free(p->ctx, b.ranked);
    mem_free(p->ctx, b.items);
    mem_free(p->ctx, b.counts);
    return status;
}

static akin_status check_options(const struct eval_options *opt, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (opt->n_metrics < 1)
        AKIN_FAIL(AKIN_E_ARG, "evaluate: no metric is asked for");
    if (opt->bootstrap < 0 || opt->bootstrap > 1000000)
        AKIN_FAIL(AKIN_E_ARG, "evaluate: bootstrap=%d (must be 0..1000000)", opt->bootstrap);
done:
    return status;
}

akin_status evaluate_model(akin_ctx *ctx, const struct model *m, const struct test_view *test,
                           const struct eval_options *opt, struct eval_result *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ranker *ranker = NULL;
    struct eval_pass p = {.ctx = ctx, .opt = opt, .test = test};
    struct scorer scorer = model_scorer(m);
    p.side = (struct eval_side){.users = &m->users,
                                .items = &m->items,
                                .n_users = m->users.n,
                                .n_items = m->items.n,
                                .hist = &m->hist,
                                .time_kind = m->time_kind,
                                .item_table = &m->item_table,
                                .user_table = &m->user_table,
                                .item_count = m->item_count,
                                .value_lo = m->value_lo,
                                .value_hi = m->value_hi};
    AKIN_TRY(check_options(opt, err));
    if (!opt->allow_leakage)
        AKIN_TRY(eval_check_leakage(ctx, &m->hist, m->time_kind, &m->users, &m->items, test,
                                    opt->include_seen, err));
    AKIN_TRY(pass_open(&p, err));
    AKIN_TRY(ranker_create(ctx, &scorer, &ranker, err));
    if (opt->candidates) {
        AKIN_TRY(candidates_run(&p, m, ranker, err));
    } else {
        if (p.max_k > 0)
            AKIN_TRY(lists_run(&p, m, ranker, err));
        AKIN_TRY(auc_run(&p, m, ranker, err));
        AKIN_TRY(pairs_run(&p, m, ranker, scorer.flags, err));
    }
    AKIN_TRY(pass_finish(&p, out, err));
done:
    ranker_free(ranker);
    pass_close(&p);
    return status;
}

/* ---- Lists of others ----------------------------------------------------------------------- */

struct given_lists {
    struct eval_pass *p;
    const struct eval_lists *lists;
    const int64_t *list_of; /* (n_rows) or -1 */
};

static akin_status given_task(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)err;
    const struct given_lists *g = arg;
    static const int32_t none[1] = {0};
    int64_t hi = par_hi(block, ROWS_PER_TASK, g->p->n_rows);
    for (int64_t row = par_lo(block, ROWS_PER_TASK); row < hi; row++) {
        int64_t l = g->list_of[row];
        int64_t n = l < 0 ? 0 : g->lists->ptr[l + 1] - g->lists->ptr[l];
        if (n > g->p->max_k)
            n = g->p->max_k;
        pass_list(g->p, row, n ? g->lists->item + g->lists->ptr[l] : none, (int32_t)n, worker);
    }
    return AKIN_OK;
}

/* Which list each row has. */
static akin_status join_lists(const struct eval_pass *p, const struct eval_lists *lists,
                              int64_t *list_of, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *row_of = NULL;
    const struct ids *users = &p->test->ds->users;
    if (p->test->asks_next)
        AKIN_FAIL(AKIN_E_INPUT, "lists: the test set (split by sessions) asks more than once of a "
                                "user, so one list each is not enough");
    MEM_NEW(p->ctx, row_of, users->n);
    for (int32_t u = 0; u < users->n; u++)
        row_of[u] = -1;
    for (int64_t row = 0; row < p->n_rows; row++) {
        row_of[p->test->test_user[row]] = row;
        list_of[row] = -1;
    }
    for (int64_t l = 0; l < lists->n; l++) {
        int32_t user = lists->user[l];
        if (user < 0 || user >= users->n || row_of[user] < 0)
            continue;
        if (list_of[row_of[user]] >= 0) {
            int32_t size;
            const char *id = ids_get(users, user, &size);
            AKIN_FAIL(AKIN_E_INPUT, "lists: user '%.*s' has two lists", size < 60 ? size : 60, id);
        }
        list_of[row_of[user]] = l;
    }
    for (int64_t i = 0; i < lists->ptr[lists->n]; i++)
        if (lists->item[i] < -1 || lists->item[i] >= p->side.n_items)
            AKIN_FAIL(AKIN_E_INPUT, "lists: item index %d (must be -1..%d)", lists->item[i],
                      p->side.n_items - 1);
done:
    mem_free(p->ctx, row_of);
    return status;
}

static void lists_reasons(struct eval_pass *p)
{
    for (int32_t i = 0; i < p->opt->n_metrics; i++) {
        const struct metric_spec *m = &p->opt->metrics[i];
        if (m->id == METRIC_AUC)
            p->reason[i] = "needs scores of the whole catalogue, which lists do not have";
        else if (metric_kind_of(m) == METRIC_PAIR)
            p->reason[i] = "needs predicted values, which lists do not have";
    }
}

akin_status evaluate_lists(akin_ctx *ctx, const struct eval_lists *lists,
                           const struct train_view *train, const struct test_view *test,
                           const struct eval_options *opt, struct eval_result *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = train->ds;
    int64_t *list_of = NULL;
    struct eval_pass p = {.ctx = ctx, .opt = opt, .test = test};
    p.side = (struct eval_side){.users = &ds->users,
                                .items = &ds->items,
                                .n_users = ds->users.n,
                                .n_items = ds->items.n,
                                .hist = &train->hist,
                                .time_kind = ds->time_kind,
                                .item_table = &ds->item_table,
                                .user_table = &ds->user_table,
                                .item_count = train->item_count};
    AKIN_TRY(check_options(opt, err));
    if (!opt->allow_leakage)
        AKIN_TRY(eval_check_leakage(ctx, &train->hist, ds->time_kind, &ds->users, &ds->items, test,
                                    opt->include_seen, err));
    AKIN_TRY(pass_open(&p, err));
    lists_reasons(&p);
    MEM_NEW(ctx, list_of, p.n_rows);
    AKIN_TRY(join_lists(&p, lists, list_of, err));
    if (p.max_k > 0) {
        struct given_lists g = {&p, lists, list_of};
        AKIN_TRY(par_for(ctx, par_blocks(p.n_rows, ROWS_PER_TASK), given_task, &g, err));
        for (int64_t row = 0; row < p.n_rows; row++) {
            int64_t l = list_of[row];
            if (l >= 0 && !p.is_out[row])
                pass_expose(&p, lists->item + lists->ptr[l], p.n_list[row]);
        }
    }
    AKIN_TRY(pass_finish(&p, out, err));
done:
    mem_free(ctx, list_of);
    pass_close(&p);
    return status;
}
