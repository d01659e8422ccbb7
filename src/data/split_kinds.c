/*
 * The kinds of split: which events go to the test side.
 *
 * Random kinds draw one 64-bit key an event from (seed, hash of the user id, position among the
 * user's events): the key does not depend on threads, on other users or on how the input was
 * ordered. Selections are by smallest key, equal keys by position.
 *
 * Cost: time reads the times up to four times (a radix selection by 16 bits); kfold draws the keys
 * three times rather than keep them; ratio and users sort the keys within a user. Blocks of events
 * or users for threads; counts are whole numbers, so that their order does not matter.
 */
#include "data/split_kinds.h"

#include "core/hash.h"
#include "core/par.h"
#include "core/rng.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 15, USERS = 1024, DIGITS = 1 << 16, GIVEN_PERCENT = 80 };

/* ---- time ---------------------------------------------------------------------------------- */

struct radix_job {
    const struct dataset *ds;
    int64_t base;   /* least time: keys are time - base, unsigned */
    uint64_t high;  /* digits found so far, from the top */
    int shift;      /* of the digit to count */
    int64_t *count; /* (workers, DIGITS) */
};

static akin_status radix_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct radix_job *job = arg;
    int64_t hi = par_hi(block, BLOCK, job->ds->n_events);
    int64_t *count = job->count + (int64_t)worker * DIGITS;
    (void)err;
    for (int64_t e = par_lo(block, BLOCK); e < hi; e++) {
        uint64_t key = (uint64_t)job->ds->time[e] - (uint64_t)job->base;
        uint64_t above = job->shift == 48 ? 0 : key >> (job->shift + 16);
        if (above == job->high)
            count[key >> job->shift & (DIGITS - 1)]++;
    }
    return AKIN_OK;
}

/*
 * From the top digit down: whole buckets go to test while they fit; the one that does not is looked
 * into. What remains at the end is the largest time that must stay in train.
 */
static akin_status radix_cut(const struct dataset *ds, int64_t base, int64_t room, int64_t *cut,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = ds->ctx;
    struct radix_job job = {.ds = ds, .base = base};
    int workers = par_workers(ctx);
    MEM_NEW(ctx, job.count, (int64_t)workers * DIGITS);
    for (job.shift = 48; job.shift >= 0; job.shift -= 16) {
        memset(job.count, 0, (size_t)workers * DIGITS * sizeof *job.count);
        AKIN_TRY(par_for(ctx, par_blocks(ds->n_events, BLOCK), radix_block, &job, err));
        for (int w = 1; w < workers; w++) {
            for (int d = 0; d < DIGITS; d++)
                job.count[d] += job.count[(int64_t)w * DIGITS + d];
        }
        int digit = DIGITS - 1;
        while (digit > 0 && job.count[digit] <= room)
            room -= job.count[digit--];
        job.high = job.high << 16 | (uint64_t)digit;
    }
    *cut = (int64_t)((uint64_t)base + job.high);
done:
    mem_free(ctx, job.count);
    return status;
}

struct time_job {
    const struct dataset *ds;
    int64_t cut; /* newer is test */
    uint8_t *is_test;
};

static akin_status time_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct time_job *job = arg;
    int64_t hi = par_hi(block, BLOCK, job->ds->n_events);
    (void)worker;
    (void)err;
    for (int64_t e = par_lo(block, BLOCK); e < hi; e++)
        job->is_test[e] = job->ds->time[e] > job->cut;
    return AKIN_OK;
}

akin_status split_mark_time(const struct dataset *ds, const struct split_spec *spec,
                            struct split_marks *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct time_job job = {ds, 0, out->is_test};
    int64_t base = INT64_MAX;
    if (ds->n_events == 0)
        goto done;
    for (int64_t u = 0; u < ds->users.n; u++) {
        /* A user's events ascend by time. */
        if (ds->user_ptr[u] < ds->user_ptr[u + 1] && ds->time[ds->user_ptr[u]] < base)
            base = ds->time[ds->user_ptr[u]];
    }
    AKIN_TRY(radix_cut(ds, base, split_floor(spec->share, ds->n_events), &job.cut, err));
    AKIN_TRY(par_for(ds->ctx, par_blocks(ds->n_events, BLOCK), time_block, &job, err));
    out->cut_time = INT64_MAX;
    for (int64_t e = 0; e < ds->n_events; e++) {
        if (ds->time[e] > job.cut && ds->time[e] < out->cut_time)
            out->cut_time = ds->time[e];
    }
done:
    return status;
}

/* ---- Per user: leave-last, ratio, the roles of users --------------------------------------- */

struct key {
    uint64_t key;
    int64_t at; /* position or index; breaks ties */
};

static int key_order(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static uint64_t user_hash(const struct dataset *ds, int64_t user)
{
    int32_t size;
    const char *id = ids_get(&ds->users, (int32_t)user, &size);
    return hash_bytes(id, (size_t)size, 0);
}

struct user_job {
    const struct dataset *ds;
    const struct split_spec *spec;
    struct split_marks *marks;
    const uint8_t *is_held; /* users: the users held out */
};

/*
 * Of a user's events a random n: into picked[e] goes 1, for e counted from the user's first. keys:
 * room that grows.
 */
static akin_status pick_random(const struct dataset *ds, int64_t user, int64_t n, uint8_t *picked,
                               struct key **keys, int64_t *cap, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_user = ds->user_ptr[user + 1] - ds->user_ptr[user];
    uint64_t hash = user_hash(ds, user);
    MEM_GROW(ds->ctx, *keys, *cap, n_user);
    for (int64_t i = 0; i < n_user; i++)
        (*keys)[i] = (struct key){rng_u64(ds->ctx->seed, RNG_SPLIT_EVENT, hash, (uint64_t)i), i};
    qsort(*keys, (size_t)n_user, sizeof **keys, key_order);
    for (int64_t i = 0; i < n; i++)
        picked[(*keys)[i].at] = 1;
done:
    return status;
}

static akin_status leave_last_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct user_job *job = arg;
    const int64_t *ptr = job->ds->user_ptr;
    int64_t hi = par_hi(block, USERS, job->ds->users.n);
    (void)worker;
    (void)err;
    for (int64_t u = par_lo(block, USERS); u < hi; u++) {
        if (ptr[u + 1] - ptr[u] > job->spec->n)
            memset(job->marks->is_test + ptr[u + 1] - job->spec->n, 1, (size_t)job->spec->n);
    }
    return AKIN_OK;
}

static akin_status ratio_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct user_job *job = arg;
    const int64_t *ptr = job->ds->user_ptr;
    int64_t hi = par_hi(block, USERS, job->ds->users.n);
    struct key *keys = NULL;
    int64_t cap = 0;
    (void)worker;
    for (int64_t u = par_lo(block, USERS); u < hi; u++) {
        int64_t n = split_floor(job->spec->share, ptr[u + 1] - ptr[u]);
        if (n > 0)
            AKIN_TRY(pick_random(job->ds, u, n, job->marks->is_test + ptr[u], &keys, &cap, err));
    }
done:
    mem_free(job->ds->ctx, keys);
    return status;
}

/* Role HISTORY for a random 80 % of a held-out user's events; all of them are test. */
static akin_status held_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct user_job *job = arg;
    const int64_t *ptr = job->ds->user_ptr;
    int64_t hi = par_hi(block, USERS, job->ds->users.n);
    struct key *keys = NULL;
    int64_t cap = 0;
    _Static_assert(ROLE_HISTORY == 1 && ROLE_TARGET == 0, "picked events are the given ones");
    (void)worker;
    for (int64_t u = par_lo(block, USERS); u < hi; u++) {
        if (!job->is_held[u])
            continue;
        int64_t n = ptr[u + 1] - ptr[u];
        int64_t given = n * GIVEN_PERCENT / 100;
        memset(job->marks->is_test + ptr[u], 1, (size_t)n);
        AKIN_TRY(pick_random(job->ds, u, given > 0 ? given : 1, job->marks->role + ptr[u], &keys,
                             &cap, err));
    }
done:
    mem_free(job->ds->ctx, keys);
    return status;
}

akin_status split_mark_leave_last(const struct dataset *ds, const struct split_spec *spec,
                                  struct split_marks *out, akin_error *err)
{
    struct user_job job = {ds, spec, out, NULL};
    return par_for(ds->ctx, par_blocks(ds->users.n, USERS), leave_last_block, &job, err);
}

akin_status split_mark_ratio(const struct dataset *ds, const struct split_spec *spec,
                             struct split_marks *out, akin_error *err)
{
    struct user_job job = {ds, spec, out, NULL};
    return par_for(ds->ctx, par_blocks(ds->users.n, USERS), ratio_block, &job, err);
}

akin_status split_mark_users(const struct dataset *ds, const struct split_spec *spec,
                             struct split_marks *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = ds->ctx;
    struct key *keys = NULL;
    uint8_t *is_held = NULL;
    int64_t n = 0, n_active = 0;
    MEM_NEW(ctx, keys, ds->users.n);
    MEM_ZERO(ctx, is_held, ds->users.n);
    for (int64_t u = 0; u < ds->users.n; u++) {
        int64_t n_user = ds->user_ptr[u + 1] - ds->user_ptr[u];
        n_active += n_user > 0;
        if (n_user >= 2)
            keys[n++] = (struct key){rng_u64(ctx->seed, RNG_SPLIT_USER, user_hash(ds, u), 0), u};
        if (u % USERS == 0)
            AKIN_TRY(ctx_check(ctx, err));
    }
    if (n > 1)
        qsort(keys, (size_t)n, sizeof *keys, key_order);
    int64_t n_held = split_floor(spec->share, n_active);
    n_held = n_held < 1 ? 1 : n_held;
    for (int64_t i = 0; i < n && i < n_held; i++)
        is_held[keys[i].at] = 1;
    struct user_job job = {ds, spec, out, is_held};
    AKIN_TRY(par_for(ctx, par_blocks(ds->users.n, USERS), held_block, &job, err));
done:
    mem_free(ctx, keys);
    mem_free(ctx, is_held);
    return status;
}

/* ---- kfold --------------------------------------------------------------------------------- */

/* A place in the order of all events by (key, event). */
struct cut {
    int64_t rank;     /* events before it */
    uint64_t digit;   /* top 16 bits of its key */
    int64_t skip;     /* events of that digit before it */
    struct key at;    /* the event there; past the end: key UINT64_MAX, at INT64_MAX */
    struct key *list; /* the events of that digit, owned */
    int64_t n_list;
};

struct kfold_job {
    const struct dataset *ds;
    int64_t *count;    /* (workers, DIGITS) */
    struct cut cut[2]; /* first event of the fold, first behind it */
    uint8_t *is_test;
    int64_t *n_found; /* (blocks, 2) events of each cut's digit; then where the block's begin */
};

typedef void (*key_fn)(struct kfold_job *job, int64_t block, int worker, struct key key);

/* Calls fn with the key of every event of a block of users. */
static akin_status each_key(struct kfold_job *job, int64_t block, int worker, key_fn fn)
{
    const struct dataset *ds = job->ds;
    int64_t hi = par_hi(block, USERS, ds->users.n);
    for (int64_t u = par_lo(block, USERS); u < hi; u++) {
        uint64_t hash = user_hash(ds, u);
        for (int64_t e = ds->user_ptr[u]; e < ds->user_ptr[u + 1]; e++) {
            uint64_t i = (uint64_t)(e - ds->user_ptr[u]);
            fn(job, block, worker,
               (struct key){rng_u64(ds->ctx->seed, RNG_SPLIT_EVENT, hash, i), e});
        }
    }
    return AKIN_OK;
}

static void key_count(struct kfold_job *job, int64_t block, int worker, struct key key)
{
    (void)block;
    job->count[(int64_t)worker * DIGITS + (int64_t)(key.key >> 48)]++;
}

static void key_found(struct kfold_job *job, int64_t block, int worker, struct key key)
{
    (void)worker;
    for (int c = 0; c < 2; c++)
        job->n_found[2 * block + c] += key.key >> 48 == job->cut[c].digit;
}

static void key_gather(struct kfold_job *job, int64_t block, int worker, struct key key)
{
    (void)worker;
    for (int c = 0; c < 2; c++) {
        if (key.key >> 48 == job->cut[c].digit)
            job->cut[c].list[job->n_found[2 * block + c]++] = key;
    }
}

static void key_mark(struct kfold_job *job, int64_t block, int worker, struct key key)
{
    (void)block;
    (void)worker;
    job->is_test[key.at] =
        key_order(&key, &job->cut[0].at) >= 0 && key_order(&key, &job->cut[1].at) < 0;
}

static akin_status count_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)err;
    return each_key(arg, block, worker, key_count);
}

static akin_status found_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)err;
    return each_key(arg, block, worker, key_found);
}

static akin_status gather_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)err;
    return each_key(arg, block, worker, key_gather);
}

static akin_status mark_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)err;
    return each_key(arg, block, worker, key_mark);
}

/* The digit in which each cut's rank falls. */
static akin_status cuts_find_digit(struct kfold_job *job, int64_t n_blocks, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = job->ds->ctx;
    int workers = par_workers(ctx);
    MEM_ZERO(ctx, job->count, (int64_t)workers * DIGITS);
    AKIN_TRY(par_for(ctx, n_blocks, count_block, job, err));
    for (int w = 1; w < workers; w++) {
        for (int d = 0; d < DIGITS; d++)
            job->count[d] += job->count[(int64_t)w * DIGITS + d];
    }
    for (int c = 0; c < 2; c++) {
        struct cut *cut = &job->cut[c];
        cut->skip = cut->rank;
        while (cut->digit < DIGITS - 1 && cut->skip >= job->count[cut->digit])
            cut->skip -= job->count[cut->digit++];
        cut->n_list = job->count[cut->digit];
    }
done:
    return status;
}

/* The event at each cut: a sort of the few that share its digit. */
static akin_status cuts_find_event(struct kfold_job *job, int64_t n_blocks, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = job->ds->ctx;
    MEM_ZERO(ctx, job->n_found, 2 * n_blocks);
    AKIN_TRY(par_for(ctx, n_blocks, found_block, job, err));
    for (int c = 0; c < 2; c++) {
        int64_t at = 0;
        for (int64_t b = 0; b < n_blocks; b++) {
            int64_t n = job->n_found[2 * b + c];
            job->n_found[2 * b + c] = at;
            at += n;
        }
        MEM_NEW(ctx, job->cut[c].list, job->cut[c].n_list);
    }
    AKIN_TRY(par_for(ctx, n_blocks, gather_block, job, err));
    for (int c = 0; c < 2; c++) {
        struct cut *cut = &job->cut[c];
        if (cut->n_list > 1)
            qsort(cut->list, (size_t)cut->n_list, sizeof *cut->list, key_order);
        cut->at =
            cut->skip < cut->n_list ? cut->list[cut->skip] : (struct key){UINT64_MAX, INT64_MAX};
    }
done:
    return status;
}

akin_status split_mark_kfold(const struct dataset *ds, const struct split_spec *spec,
                             struct split_marks *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct kfold_job job = {.ds = ds, .is_test = out->is_test};
    int64_t n_blocks = par_blocks(ds->users.n, USERS);
    int64_t size = ds->n_events / spec->n, more = ds->n_events % spec->n;
    int64_t fold = spec->fold;
    job.cut[0].rank = fold * size + (fold < more ? fold : more);
    job.cut[1].rank = (fold + 1) * size + (fold + 1 < more ? fold + 1 : more);
    AKIN_TRY(cuts_find_digit(&job, n_blocks, err));
    AKIN_TRY(cuts_find_event(&job, n_blocks, err));
    AKIN_TRY(par_for(ds->ctx, n_blocks, mark_block, &job, err));
done:
    mem_free(ds->ctx, job.count);
    mem_free(ds->ctx, job.n_found);
    mem_free(ds->ctx, job.cut[0].list);
    mem_free(ds->ctx, job.cut[1].list);
    return status;
}
