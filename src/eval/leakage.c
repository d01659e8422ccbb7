/*
 * Leakage: test events that the model was trained on.
 *
 * With instants on both sides an event leaks if user, item and time agree, so that a repeated
 * purchase is none. Without, the pair decides; where repeats are wanted (sessions) and there are
 * no instants nothing can be said and nothing is refused; nor of session files, which number their
 * lines. Users are joined by id here: to a view those of a test set with roles are strangers. Cost:
 * a sort of each test user's training events and a search a target.
 */
#include "eval/pass.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_PER_BLOCK = 64 };

struct event_key {
    int32_t item;
    int64_t time;
};

struct leak_worker {
    struct event_key *keys;
    int64_t cap;
};

struct leak_job {
    akin_ctx *ctx;
    const struct histories *hist;
    const struct test_view *test;
    const int32_t *user; /* (test users) train index or -1 */
    bool has_times;
    int64_t *count;   /* (blocks) */
    int64_t *example; /* (blocks) first leaking target event, -1 */
    int64_t *row;     /* (blocks) of the example */
    struct leak_worker *worker;
};

static int compare_events(const void *a, const void *b)
{
    const struct event_key *x = a, *y = b;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    return (x->time > y->time) - (x->time < y->time);
}

static akin_status leak_row(struct leak_job *job, struct leak_worker *w, int64_t row, int64_t block,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct test_view *test = job->test;
    int32_t user = job->user[test->test_user[row]];
    if (user < 0)
        return AKIN_OK;
    struct history h = histories_of(job->hist, user);
    MEM_GROW(job->ctx, w->keys, w->cap, h.n);
    for (int32_t i = 0; i < h.n; i++)
        w->keys[i] = (struct event_key){h.item[i], job->has_times ? h.time[i] : 0};
    if (h.n > 1)
        qsort(w->keys, (size_t)h.n, sizeof *w->keys, compare_events);
    for (int64_t e = test->ptr[row]; h.n > 0 && e < test->ptr[row + 1]; e++) {
        struct event_key key = {test->item[e], job->has_times ? test->time[e] : 0};
        if (key.item < 0 || !bsearch(&key, w->keys, (size_t)h.n, sizeof *w->keys, compare_events))
            continue;
        if (job->count[block]++ == 0) {
            job->example[block] = e;
            job->row[block] = row;
        }
    }
done:
    return status;
}

static akin_status leak_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct leak_job *job = arg;
    int64_t hi = par_hi(block, ROWS_PER_BLOCK, job->test->n_users);
    for (int64_t row = par_lo(block, ROWS_PER_BLOCK); row < hi; row++)
        AKIN_TRY(leak_row(job, &job->worker[worker], row, block, err));
done:
    return status;
}

static akin_status leak_report(const struct leak_job *job, int64_t n_blocks,
                               const struct ids *items, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t count = 0, first = -1;
    for (int64_t b = 0; b < n_blocks; b++) {
        count += job->count[b];
        if (first < 0 && job->count[b] > 0)
            first = b;
    }
    if (count > 0) {
        int32_t un, in;
        const char *user =
            ids_get(&job->test->ds->users, job->test->test_user[job->row[first]], &un);
        const char *item = ids_get(items, job->test->item[job->example[first]], &in);
        AKIN_FAIL(AKIN_E_ARG,
                  "leakage: %lld of %lld test events were trained on, such as user '%.*s', item "
                  "'%.*s'; train on the train part, or pass --allow-leakage",
                  (long long)count, (long long)job->test->n_targets, un < 24 ? un : 24, user,
                  in < 24 ? in : 24, item);
    }
done:
    return status;
}

akin_status eval_check_leakage(akin_ctx *ctx, const struct histories *hist, enum time_kind kind,
                               const struct ids *users, const struct ids *items,
                               const struct test_view *test, bool repeats_allowed, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_blocks = par_blocks(test->n_users, ROWS_PER_BLOCK);
    struct leak_job job = {.ctx = ctx, .hist = hist, .test = test};
    int32_t *user = NULL;
    job.has_times =
        kind == TIME_UNIX && hist->time && test->time && test->ds->time_kind == TIME_UNIX;
    bool are_lines = test->ds->role && test->ds->time_kind == TIME_ORDINAL;
    if (!job.has_times && (repeats_allowed || are_lines))
        return AKIN_OK;
    MEM_NEW(ctx, user, test->ds->users.n);
    AKIN_TRY(ids_map(ctx, &test->ds->users, users, user, err));
    job.user = user;
    MEM_ZERO(ctx, job.count, n_blocks);
    MEM_NEW(ctx, job.example, n_blocks);
    MEM_NEW(ctx, job.row, n_blocks);
    MEM_ZERO(ctx, job.worker, par_workers(ctx));
    AKIN_TRY(par_for(ctx, n_blocks, leak_block, &job, err));
    AKIN_TRY(leak_report(&job, n_blocks, items, err));
done:
    for (int i = 0; job.worker && i < par_workers(ctx); i++)
        mem_free(ctx, job.worker[i].keys);
    mem_free(ctx, job.worker);
    mem_free(ctx, user);
    mem_free(ctx, job.count);
    mem_free(ctx, job.example);
    mem_free(ctx, job.row);
    return status;
}
