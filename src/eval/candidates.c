/*
 * Sampled candidates: each line of the file ranks one positive among the negatives beside it.
 *
 *   user positive negative negative …
 *
 * A user's value is the mean over its lines; users without lines are left out. A positive that is
 * not in the catalogue is a miss, a negative that is not is dropped. Values are labelled `sampled`:
 * they are inconsistent with those of the full catalogue (Krichene & Rendle, KDD 2020,
 * doi:10.1145/3394486.3403226) and cannot be compared with them. Cost: one score a candidate.
 */
#include "eval/pass.h"

#include "core/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((int64_t)1 << 36)
enum { ROWS_PER_BLOCK = 16, POLL_LINES = 4096 };

struct candidate_line {
    int64_t row;
    int64_t lo, hi; /* items: the positive (-1 = unknown), then negatives */
};

struct candidate_set {
    akin_ctx *ctx;
    const char *path;
    struct candidate_line *lines; /* by row, then by place in the file */
    int64_t n_lines, lines_cap;
    int32_t *items;
    int64_t n_items, items_cap;
    int64_t *row_ptr; /* (n_rows + 1) */
    int64_t *row_of;  /* (test users) row or -1 */
    int64_t longest;  /* items of a line */
};

struct candidate_worker {
    struct arena arena;
    float *scores;       /* (longest) */
    struct auc_key *neg; /* (longest) */
    uint8_t *hits;       /* (max_k) */
};

struct candidate_job {
    struct eval_pass *p;
    const struct model *m;
    struct ranker *ranker;
    const struct candidate_set *set;
    struct candidate_worker *worker;
};

/* The next word of [*at, end): its start, or NULL at the end of the line. */
static const char *next_word(const char **at, const char *end, size_t *size)
{
    const char *p = *at;
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    const char *start = p;
    while (p < end && *p != ' ' && *p != '\t' && *p != '\r')
        p++;
    *at = p;
    *size = (size_t)(p - start);
    return p > start ? start : NULL;
}

static akin_status parse_line(struct candidate_set *set, const struct eval_pass *p, const char *at,
                              const char *end, int64_t number, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t size;
    struct candidate_line line = {.lo = set->n_items};
    const char *word = next_word(&at, end, &size);
    if (!word)
        return AKIN_OK;
    int32_t user = ids_find(&p->test->ds->users, word, size);
    if (user < 0 || set->row_of[user] < 0)
        AKIN_FAIL(AKIN_E_INPUT,
                  "candidates '%.60s' line %" PRId64 ": user '%.*s' has no target in the test data",
                  set->path, number, (int)(size < 40 ? size : 40), word);
    line.row = set->row_of[user];
    int32_t positive = -1;
    for (int n = 0; (word = next_word(&at, end, &size)) != NULL; n++) {
        int32_t item = ids_find(p->side.items, word, size);
        if (n > 0 && (item < 0 || item == positive))
            continue;
        if (n == 0)
            positive = item;
        MEM_GROW(set->ctx, set->items, set->items_cap, set->n_items + 1);
        set->items[set->n_items++] = item;
    }
    line.hi = set->n_items;
    if (line.hi == line.lo)
        AKIN_FAIL(AKIN_E_INPUT,
                  "candidates '%.60s' line %" PRId64 ": needs `user positive negative …`",
                  set->path, number);
    if (line.hi - line.lo > set->longest)
        set->longest = line.hi - line.lo;
    MEM_GROW(set->ctx, set->lines, set->lines_cap, set->n_lines + 1);
    set->lines[set->n_lines++] = line;
done:
    return status;
}

/* Stable order of lines by row. */
static akin_status sort_lines(struct candidate_set *set, int64_t n_rows, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct candidate_line *sorted = NULL;
    MEM_ZERO(set->ctx, set->row_ptr, n_rows + 2);
    MEM_NEW(set->ctx, sorted, set->n_lines);
    for (int64_t i = 0; i < set->n_lines; i++)
        set->row_ptr[set->lines[i].row + 2]++;
    for (int64_t r = 0; r < n_rows; r++)
        set->row_ptr[r + 2] += set->row_ptr[r + 1];
    for (int64_t i = 0; i < set->n_lines; i++)
        sorted[set->row_ptr[set->lines[i].row + 1]++] = set->lines[i];
    mem_free(set->ctx, set->lines);
    set->lines = sorted;
    sorted = NULL;
done:
    mem_free(set->ctx, sorted);
    return status;
}

static akin_status set_read(struct candidate_set *set, const struct eval_pass *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    char *text = NULL;
    int64_t size = 0, number = 0, n_users = p->test->ds->users.n;
    if (p->test->asks_next)
        AKIN_FAIL(AKIN_E_INPUT,
                  "candidates '%.100s': the test set (split by sessions) asks more than "
                  "once of a user, so a line does not say for which question it is",
                  set->path);
    MEM_NEW(set->ctx, set->row_of, n_users);
    for (int64_t u = 0; u < n_users; u++)
        set->row_of[u] = -1;
    for (int64_t row = 0; row < p->n_rows; row++)
        set->row_of[p->test->test_user[row]] = row;
    AKIN_TRY(file_read(set->ctx, set->path, FILE_LIMIT, &text, &size, err));
    for (int64_t at = 0; at < size;) {
        const char *line = text + at;
        const char *end = memchr(line, '\n', (size_t)(size - at));
        if (!end)
            end = text + size;
        AKIN_TRY(parse_line(set, p, line, end, ++number, err));
        at = end - text + 1;
        if (number % POLL_LINES == 0)
            AKIN_TRY(ctx_check(set->ctx, err));
    }
    if (set->n_lines == 0)
        AKIN_FAIL(AKIN_E_INPUT, "candidates '%.100s' has no lines", set->path);
    if (set->longest > INT32_MAX)
        AKIN_FAIL(AKIN_E_INPUT, "candidates '%.100s': a line of %" PRId64 " items", set->path,
                  set->longest);
    AKIN_TRY(sort_lines(set, p->n_rows, err));
done:
    mem_free(set->ctx, text);
    return status;
}

static void set_free(struct candidate_set *set)
{
    mem_free(set->ctx, set->lines);
    mem_free(set->ctx, set->items);
    mem_free(set->ctx, set->row_ptr);
    mem_free(set->ctx, set->row_of);
}

static akin_status worker_ready(const struct candidate_job *job, struct candidate_worker *w,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = job->p->ctx;
    if (w->hits)
        return AKIN_OK;
    arena_init(&w->arena, ctx);
    MEM_NEW(ctx, w->scores, job->set->longest);
    MEM_NEW(ctx, w->neg, job->set->longest);
    MEM_ZERO(ctx, w->hits, job->p->max_k);
done:
    return status;
}

/* 0-based rank of items[0] among items (n) by the order of lists. */
static int32_t rank_of_first(const struct eval_pass *p, const int32_t *items, const float *scores,
                             int32_t n)
{
    int32_t rank = 0;
    const int32_t *count = p->side.item_count;
    struct auc_key a = auc_key_of(scores[0], count[items[0]]);
    for (int32_t i = 1; i < n; i++) {
        struct auc_key b = auc_key_of(scores[i], count[items[i]]);
        if (b.score > a.score ||
            (!(b.score < a.score) &&
             (b.count > a.count || (b.count == a.count && items[i] < items[0]))))
            rank++;
    }
    return rank;
}

static void add_line(struct eval_pass *p, int32_t slice, int64_t row, const uint8_t *hits,
                     int32_t n_list, double auc)
{
    for (int32_t i = 0; i < p->opt->n_metrics; i++) {
        const struct metric_spec *m = &p->opt->metrics[i];
        double num = auc, den = auc >= 0.0;
        if (metric_is_from_hits(m))
            metric_fraction(m, hits, n_list, 1, &num, &den);
        else if (m->id != METRIC_AUC)
            continue;
        pass_num(p, slice, i)[row] += den > 0.0 ? num : 0.0;
        pass_den(p, slice, i)[row] += den;
    }
}

static akin_status candidate_row(struct candidate_job *job, struct candidate_worker *w, int64_t row,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    struct eval_pass *p = job->p;
    const struct candidate_set *set = job->set;
    struct query q;
    int64_t lo = set->row_ptr[row], hi = set->row_ptr[row + 1];
    if (p->is_out[row] || lo == hi) {
        p->is_out[row] = 1;
        return AKIN_OK;
    }
    AKIN_TRY(query_of_row(p, job->m, row, &w->arena, &q, err));
    for (int64_t l = lo; l < hi; l++) {
        const int32_t *items = set->items + set->lines[l].lo;
        int32_t n = (int32_t)(set->lines[l].hi - set->lines[l].lo), rank = -1;
        double auc = n > 1 ? 0.0 : -1.0; /* -1: no negative to win against */
        if (items[0] >= 0) {
            AKIN_TRY(rank_score(job->ranker, &q, items, n, w->scores, err));
            rank = rank_of_first(p, items, w->scores, n);
            struct auc_key pos = auc_key_of(w->scores[0], p->side.item_count[items[0]]);
            for (int32_t i = 1; i < n; i++)
                w->neg[i - 1] = auc_key_of(w->scores[i], p->side.item_count[items[i]]);
            if (n > 1)
                auc = (double)auc_wins(&pos, 1, w->neg, n - 1) / (2.0 * (n - 1));
        }
        int32_t n_list = n - (items[0] < 0);
        if (n_list > p->max_k)
            n_list = p->max_k;
        if (rank >= 0 && rank < p->max_k)
            w->hits[rank] = 1;
        add_line(p, SLICE_ALL, row, w->hits, n_list, auc);
        if (p->n_slices > 1 && items[0] >= 0)
            add_line(p, p->item_slice[items[0]], row, w->hits, n_list, auc);
        if (rank >= 0 && rank < p->max_k)
            w->hits[rank] = 0;
        p->n_list[row] = n_list > p->n_list[row] ? n_list : p->n_list[row];
    }
done:
    arena_reset(&w->arena);
    return status;
}

static akin_status candidate_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct candidate_job *job = arg;
    AKIN_TRY(worker_ready(job, &job->worker[worker], err));
    int64_t hi = par_hi(block, ROWS_PER_BLOCK, job->p->n_rows);
    for (int64_t row = par_lo(block, ROWS_PER_BLOCK); row < hi; row++)
        AKIN_TRY(candidate_row(job, &job->worker[worker], row, err));
    progress_add(job->p->ctx, hi - par_lo(block, ROWS_PER_BLOCK));
done:
    return status;
}

akin_status candidates_run(struct eval_pass *p, const struct model *m, struct ranker *ranker,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    struct candidate_set set = {.ctx = p->ctx, .path = p->opt->candidates};
    struct candidate_job job = {.p = p, .m = m, .ranker = ranker, .set = &set};
    int n_workers = par_workers(p->ctx);
    p->is_sampled = true;
    for (int32_t i = 0; i < p->opt->n_metrics; i++)
        if (!metric_is_from_hits(&p->opt->metrics[i]) && p->opt->metrics[i].id != METRIC_AUC)
            p->reason[i] = "not defined on sampled candidates";
    progress_begin(p->ctx, "candidates", p->n_rows);
    AKIN_TRY(set_read(&set, p, err));
    MEM_ZERO(p->ctx, job.worker, n_workers);
    AKIN_TRY(par_for(p->ctx, par_blocks(p->n_rows, ROWS_PER_BLOCK), candidate_block, &job, err));
done:
    for (int i = 0; job.worker && i < n_workers; i++) {
        if (job.worker[i].arena.ctx)
            arena_free(&job.worker[i].arena);
        mem_free(p->ctx, job.worker[i].scores);
        mem_free(p->ctx, job.worker[i].neg);
        mem_free(p->ctx, job.worker[i].hits);
    }
    mem_free(p->ctx, job.worker);
    set_free(&set);
    progress_end(p->ctx);
    return status;
}
