/*
 * Rows to events by (user, time, item, type), without duplicates.
 *
 * Three passes, each parallel and each with places that are computed before, so that the result
 * does not depend on threads: (1) slabs: final numbers, and how many rows go to each range of
 * users; (2) slabs: scatter into the ranges, which fit a core's cache; slabs are given back as they
 * are emptied; (3) ranges: counting sort by user, sort of each user's rows by (time, item),
 * duplicates by a small hash set. A last pass copies ranges into the columns of the dataset. Cost:
 * O(rows), plus the log of a user's rows where they are not yet in order. Memory: 32 bytes a row at
 * the peak.
 */
#include "data/ingest.h"

#include "core/par.h"

#include <inttypes.h>
#include <string.h>

#define NO_ITEM UINT32_MAX /* item numbers are int32 */

enum { RANGES_MAX = 1024, DUP_SAMPLES = 5, RANGE_ROWS = 16384 };

struct event { /* a row within its user; in place over struct row */
    uint32_t item;
    uint32_t time;
    float value;
    uint32_t src; /* row of the input, if rows have company */
};
_Static_assert(sizeof(struct event) == sizeof(struct row), "events overwrite rows");

struct range_dups {
    int64_t n;
    uint32_t user[DUP_SAMPLES];
    uint32_t item[DUP_SAMPLES];
    int k;
};

struct sort_scratch {
    struct event *a, *b; /* owned */
    int64_t cap_a;
    uint32_t *count; /* (users of a range + 1) owned */
    int64_t cap_count;
    uint64_t *set;    /* (4 × cap_user) hash set, owned */
    uint64_t *word;   /* (2 × cap_user) owned */
    int64_t cap_user; /* events of one user that there is room for */
};

struct sort_job {
    struct ingest *ing;
    const struct sort_plan *plan;
    int64_t n_users;
    int shift; /* range = user >> shift */
    int64_t n_ranges;
    int64_t *at;                  /* (slabs, ranges): counts, then places */
    int64_t *range;               /* (ranges + 1) */
    int64_t *kept;                /* (ranges + 1) events before */
    struct row *rows;             /* (n_rows) by range */
    uint32_t *src;                /* (n_rows) beside, or NULL */
    int64_t *user_ptr;            /* (n_users + 1): counts at u + 1, then offsets */
    struct range_dups *dups;      /* (ranges) */
    struct sort_scratch *scratch; /* (workers) */
    int32_t *item;
    float *value;
    int64_t *time;
    uint8_t *type, *role;
    uint32_t *src_out;
};

static int64_t slab_hi(const struct ingest *ing, int64_t slab)
{
    int64_t hi = (slab + 1) << SLAB_BITS;
    return hi < ing->n_rows ? hi : ing->n_rows;
}

static akin_status number_block(void *arg, int64_t slab, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct sort_job *job = arg;
    struct ingest *ing = job->ing;
    int64_t *count = job->at + slab * job->n_ranges;
    int64_t lo = slab << SLAB_BITS, hi = slab_hi(ing, slab);
    for (int64_t s = 0; s < ing->n_seg; s++) {
        const struct segment *seg = &ing->seg[s];
        int64_t a = seg->lo > lo ? seg->lo : lo;
        int64_t b = seg->hi < hi ? seg->hi : hi;
        for (int64_t i = a; i < b; i++) {
            struct row *row = &ing->slab[slab][i - lo];
            row->user = seg->user_is_text ? job->plan->users->text[row->user]
                                          : idmap_int(job->plan->users, row->user);
            row->item = seg->item_is_text ? job->plan->items->text[row->item]
                                          : idmap_int(job->plan->items, row->item);
            count[row->user >> job->shift]++;
        }
    }
    return AKIN_OK;
}

static akin_status scatter_block(void *arg, int64_t slab, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct sort_job *job = arg;
    struct ingest *ing = job->ing;
    int64_t *at = job->at + slab * job->n_ranges;
    const struct row *rows = ing->slab[slab];
    int64_t lo = slab << SLAB_BITS;
    int64_t n = slab_hi(ing, slab) - lo;
    if (job->src) {
        for (int64_t i = 0; i < n; i++) {
            int64_t to = at[rows[i].user >> job->shift]++;
            job->rows[to] = rows[i];
            job->src[to] = (uint32_t)(lo + i);
        }
    } else {
        for (int64_t i = 0; i < n; i++)
            job->rows[at[rows[i].user >> job->shift]++] = rows[i];
    }
    mem_free(ing->ctx, ing->slab[slab]);
    ing->slab[slab] = NULL;
    progress_add(ing->ctx, n);
    return AKIN_OK;
}

/* ---- words ---- */

static inline void word_order(uint64_t *a, uint64_t *b)
{
    uint64_t lo = *a < *b ? *a : *b;
    uint64_t hi = *a < *b ? *b : *a;
    *a = lo;
    *b = hi;
}

/* Eight words by a network of 19 exchanges: no branches. */
static inline void words_sort8(uint64_t *w)
{
    static const uint8_t pair[19][2] = {{0, 2}, {1, 3}, {4, 6}, {5, 7}, {0, 4}, {1, 5}, {2, 6},
                                        {3, 7}, {0, 1}, {2, 3}, {4, 5}, {6, 7}, {2, 4}, {3, 5},
                                        {1, 4}, {3, 6}, {1, 2}, {3, 4}, {5, 6}};
#pragma GCC unroll 19
    for (int i = 0; i < 19; i++)
        word_order(&w[pair[i][0]], &w[pair[i][1]]);
}

/* Merges two runs; the choice is arithmetic, not a branch. */
static void words_merge(const uint64_t *a, int64_t na, const uint64_t *b, int64_t nb, uint64_t *out)
{
    const uint64_t *a_end = a + na, *b_end = b + nb;
    while (a < a_end && b < b_end) {
        bool second = *b < *a;
        *out++ = second ? *b : *a;
        b += second;
        a += !second;
    }
    memcpy(out, a, (size_t)(a_end - a) * sizeof *out);
    memcpy(out + (a_end - a), b, (size_t)(b_end - b) * sizeof *out);
}

/* Sorts n distinct words at w; tmp has room for n. Returns where the result lies. */
static const uint64_t *words_sort(uint64_t *w, uint64_t *tmp, int64_t n)
{
    int64_t full = n & ~(int64_t)7;
    for (int64_t lo = 0; lo < full; lo += 8)
        words_sort8(w + lo);
    for (int64_t i = full + 1; i < n; i++) {
        uint64_t x = w[i];
        int64_t k = i;
        for (; k > full && w[k - 1] > x; k--)
            w[k] = w[k - 1];
        w[k] = x;
    }
    uint64_t *from = w, *to = tmp;
    for (int64_t width = 8; width < n; width *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * width) {
            int64_t mid = lo + width < n ? lo + width : n;
            int64_t hi = lo + 2 * width < n ? lo + 2 * width : n;
            words_merge(from + lo, mid - lo, from + mid, hi - mid, to + lo);
        }
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

static inline uint32_t event_type(const struct sort_job *job, const struct event *e)
{
    if (!job->plan->has_type)
        return 0;
    const struct row_ext *ext = &job->ing->ext[e->src >> SLAB_BITS][e->src & (SLAB_ROWS - 1)];
    return job->plan->type_map[ext->type];
}

static inline uint64_t event_key(const struct event *e)
{
    return (uint64_t)e->time << 32 | e->item;
}

/* The order of the dataset; total, so that the order of input rows does not matter. */
static bool event_before(const struct sort_job *job, const struct event *a, const struct event *b)
{
    if (event_key(a) != event_key(b))
        return event_key(a) < event_key(b);
    uint32_t ta = event_type(job, a), tb = event_type(job, b);
    if (ta != tb)
        return ta < tb;
    if (a->value < b->value || a->value > b->value)
        return a->value < b->value;
    return job->src ? a->src < b->src : false;
}

/* By (item, type), within that the order of the dataset: duplicates lie together. */
static bool same_before(const struct sort_job *job, const struct event *a, const struct event *b)
{
    if (a->item != b->item)
        return a->item < b->item;
    uint32_t ta = event_type(job, a), tb = event_type(job, b);
    return ta != tb ? ta < tb : event_before(job, a, b);
}

typedef bool (*before_fn)(const struct sort_job *job, const struct event *a, const struct event *b);

/* Merge sort of n events at a; for runs of equal times and for folding, which are short. */
static void events_sort_by(const struct sort_job *job, struct event *a, struct event *tmp,
                           int64_t n, before_fn before)
{
    for (int64_t lo = 0; lo < n; lo += 8) {
        int64_t hi = lo + 8 < n ? lo + 8 : n;
        for (int64_t j = lo + 1; j < hi; j++) {
            struct event e = a[j];
            int64_t k = j;
            for (; k > lo && before(job, &e, &a[k - 1]); k--)
                a[k] = a[k - 1];
            a[k] = e;
        }
    }
    struct event *from = a, *to = tmp;
    for (int64_t width = 8; width < n; width *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * width) {
            int64_t mid = lo + width < n ? lo + width : n;
            int64_t hi = lo + 2 * width < n ? lo + 2 * width : n;
            int64_t p = lo, q = mid, o = lo;
            while (p < mid && q < hi)
                to[o++] = before(job, &from[q], &from[p]) ? from[q++] : from[p++];
            memcpy(to + o, from + p, (size_t)(mid - p) * sizeof *to);
            o += mid - p;
            memcpy(to + o, from + q, (size_t)(hi - q) * sizeof *to);
        }
        struct event *swap = from;
        from = to;
        to = swap;
    }
    if (from != a)
        memcpy(a, from, (size_t)n * sizeof *a);
}

/*
 * One user's events in order. (time, position) words are sorted, then events are gathered and runs
 * of one time put in order; without times the item takes the place of the time.
 */
static void events_sort(const struct sort_job *job, struct sort_scratch *s, struct event *e,
                        int64_t n)
{
    bool by_time = job->plan->has_time;
    int64_t i = 1;
    while (i < n && event_before(job, &e[i - 1], &e[i]))
        i++;
    if (i >= n)
        return;
    for (i = 0; i < n; i++)
        s->word[i] = (uint64_t)(by_time ? e[i].time : e[i].item) << 32 | (uint64_t)i;
    const uint64_t *word = words_sort(s->word, s->word + s->cap_user, n);
    for (i = 0; i < n; i++)
        s->b[i] = e[word[i] & UINT32_MAX];
    memcpy(e, s->b, (size_t)n * sizeof *e);
    for (int64_t lo = 0, hi; lo < n; lo = hi) {
        hi = lo + 1;
        while (hi < n && (by_time ? e[hi].time == e[lo].time : e[hi].item == e[lo].item))
            hi++;
        if (hi - lo > 1)
            events_sort_by(job, e + lo, s->b, hi - lo, event_before);
    }
}

/*
 * Keys (item, type) of e[0..n) into the set, from the last event to the first or the other way;
 * events whose key is there already get the item NO_ITEM if drop, else the first one ends it.
 * Returns how many repeat (1 if it ended).
 */
static int64_t events_repeat(const struct sort_job *job, struct sort_scratch *s, struct event *e,
                             int64_t n, bool from_end, struct range_dups *dups, uint32_t user,
                             bool drop)
{
    int bits = 64 - __builtin_clzll((uint64_t)n * 2);
    uint64_t mask = ((uint64_t)1 << bits) - 1;
    int64_t n_repeat = 0;
    memset(s->set, 0, ((size_t)mask + 1) * sizeof *s->set);
    for (int64_t k = 0; k < n; k++) {
        int64_t i = from_end ? n - 1 - k : k;
        uint64_t key = ((uint64_t)event_type(job, &e[i]) << 32 | e[i].item) + 1;
        uint64_t at = (key * 0x9e3779b97f4a7c15u) >> (64 - bits);
        while (s->set[at] && s->set[at] != key)
            at = (at + 1) & mask;
        if (!s->set[at]) {
            s->set[at] = key;
            continue;
        }
        n_repeat++;
        if (!drop)
            return n_repeat;
        if (dups->k < DUP_SAMPLES) {
            dups->user[dups->k] = user;
            dups->item[dups->k++] = e[i].item;
        }
        e[i].item = NO_ITEM;
    }
    return n_repeat;
}

/* The events of one user without the dropped ones. */
static int64_t events_close(struct event *e, int64_t n)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        e[kept] = e[i];
        kept += e[i].item != NO_ITEM;
    }
    return kept;
}

/* One event of the group e[0..n), which is in the order of the dataset. */
static struct event group_fold(int policy, const struct event *e, int64_t n)
{
    struct event out = e[n - 1];
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (double)e[i].value;
        if (policy == DUP_MAX && e[i].value > out.value)
            out.value = e[i].value;
    }
    if (policy == DUP_SUM)
        out.value = (float)sum;
    else if (policy == DUP_MEAN)
        out.value = (float)(sum / (double)n);
    return out;
}

/* Folds duplicates of one user; returns how many events are left, in order again. */
static int64_t user_fold(const struct sort_job *job, struct sort_scratch *s, struct event *e,
                         int64_t n, uint32_t user, struct range_dups *dups)
{
    events_sort_by(job, e, s->b, n, same_before);
    int64_t kept = 0;
    for (int64_t lo = 0, hi; lo < n; lo = hi) {
        uint32_t type = event_type(job, &e[lo]);
        for (hi = lo + 1; hi < n && e[hi].item == e[lo].item; hi++)
            if (event_type(job, &e[hi]) != type)
                break;
        if (hi - lo > 1 && dups->k < DUP_SAMPLES) {
            dups->user[dups->k] = user;
            dups->item[dups->k++] = e[lo].item;
        }
        dups->n += hi - lo - 1;
        e[kept++] = group_fold(job->plan->policy, e + lo, hi - lo);
    }
    events_sort(job, s, e, kept);
    return kept;
}

static int64_t user_clean(const struct sort_job *job, struct sort_scratch *s, struct event *e,
                          int64_t n, uint32_t user, struct range_dups *dups)
{
    int policy = job->plan->policy;
    if (policy == DUP_KEEP || n < 2)
        return n;
    if (policy == DUP_LAST || policy == DUP_FIRST || policy == DUP_ERROR) {
        int64_t gone = events_repeat(job, s, e, n, policy == DUP_LAST, dups, user, true);
        dups->n += gone;
        return gone ? events_close(e, n) : n;
    }
    if (!events_repeat(job, s, e, n, false, dups, user, false))
        return n;
    return user_fold(job, s, e, n, user, dups);
}

static akin_status scratch_room(struct sort_job *job, struct sort_scratch *s, int64_t n,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = job->ing->ctx;
    MEM_GROW(ctx, s->a, s->cap_a, n);
    MEM_GROW(ctx, s->count, s->cap_count, ((int64_t)1 << job->shift) + 1);
done:
    return status;
}

static akin_status user_room(struct sort_job *job, struct sort_scratch *s, int64_t longest,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = job->ing->ctx;
    if (longest <= s->cap_user)
        return AKIN_OK;
    mem_free(ctx, s->b);
    mem_free(ctx, s->set);
    mem_free(ctx, s->word);
    s->b = NULL;
    s->set = s->word = NULL;
    s->cap_user = 0;
    int64_t cap = longest + (longest < 65536 ? longest / 2 : 32768) + 64;
    MEM_NEW(ctx, s->b, cap);
    MEM_NEW(ctx, s->set, cap * 4);
    MEM_NEW(ctx, s->word, cap * 2);
    s->cap_user = cap;
done:
    return status;
}

/* Sorts one range of users in place: struct event over struct row. */
static akin_status range_block(void *arg, int64_t range, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sort_job *job = arg;
    struct sort_scratch *s = &job->scratch[worker];
    int64_t lo = job->range[range], n = job->range[range + 1] - lo;
    int64_t first = range << job->shift;
    int64_t n_users = job->n_users - first;
    n_users = n_users < (int64_t)1 << job->shift ? n_users : (int64_t)1 << job->shift;
    if (n == 0)
        return AKIN_OK;
    AKIN_TRY(scratch_room(job, s, n, err));
    const struct row *rows = job->rows + lo;
    memset(s->count, 0, (size_t)(n_users + 1) * sizeof *s->count);
    for (int64_t i = 0; i < n; i++)
        s->count[rows[i].user - first + 1]++;
    uint32_t longest = 0;
    for (int64_t u = 0; u < n_users; u++) {
        longest = s->count[u + 1] > longest ? s->count[u + 1] : longest;
        s->count[u + 1] += s->count[u];
    }
    AKIN_TRY(user_room(job, s, longest, err));
    for (int64_t i = 0; i < n; i++) {
        uint32_t to = s->count[rows[i].user - first]++;
        s->a[to] = (struct event){rows[i].item, rows[i].time, rows[i].value,
                                  job->src ? job->src[lo + i] : 0};
    }
    struct event *out = (struct event *)(void *)(job->rows + lo);
    int64_t kept = 0;
    for (int64_t u = 0, begin = 0; u < n_users; u++) {
        int64_t end = s->count[u], m = end - begin;
        struct event *e = s->a + begin;
        events_sort(job, s, e, m);
        m = user_clean(job, s, e, m, (uint32_t)(first + u), &job->dups[range]);
        memcpy(out + kept, e, (size_t)m * sizeof *e);
        kept += m;
        job->user_ptr[first + u + 1] = m;
        begin = end;
    }
    job->kept[range + 1] = kept;
done:
    return status;
}

static akin_status emit_block(void *arg, int64_t range, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct sort_job *job = arg;
    int64_t to = job->kept[range], n = job->kept[range + 1] - to;
    const struct event *e = (const struct event *)(const void *)(job->rows + job->range[range]);
    for (int64_t i = 0; i < n; i++)
        job->item[to + i] = (int32_t)e[i].item;
    for (int64_t i = 0; job->value && i < n; i++)
        job->value[to + i] = e[i].value;
    for (int64_t i = 0; job->time && i < n; i++)
        job->time[to + i] = e[i].time;
    for (int64_t i = 0; job->type && i < n; i++)
        job->type[to + i] = (uint8_t)event_type(job, &e[i]);
    for (int64_t i = 0; job->role && i < n; i++)
        job->role[to + i] =
            (uint8_t)job->ing->ext[e[i].src >> SLAB_BITS][e[i].src & (SLAB_ROWS - 1)].role;
    for (int64_t i = 0; job->src_out && i < n; i++)
        job->src_out[to + i] = e[i].src;
    progress_add(job->ing->ctx, n);
    return AKIN_OK;
}

/* Ranges of users: as few rows as fit a cache, at most RANGES_MAX. */
static void ranges_choose(struct sort_job *job)
{
    int64_t want = job->ing->n_rows / RANGE_ROWS + 1;
    want = want < RANGES_MAX ? want : RANGES_MAX;
    while (job->shift < 31 && (job->n_users - 1) >> job->shift >= want)
        job->shift++;
    job->n_ranges = job->n_users > 0 ? ((job->n_users - 1) >> job->shift) + 1 : 0;
}

static void places_compute(struct sort_job *job)
{
    int64_t at = 0;
    for (int64_t r = 0; r < job->n_ranges; r++) {
        job->range[r] = at;
        for (int64_t s = 0; s < job->ing->n_slabs; s++) {
            int64_t n = job->at[s * job->n_ranges + r];
            job->at[s * job->n_ranges + r] = at;
            at += n;
        }
    }
    job->range[job->n_ranges] = at;
}

/* Duplicates of all ranges in user order: counted, sampled, or refused. */
static akin_status dups_report(struct sort_job *job, const struct dataset *ds, akin_error *err)
{
    for (int64_t r = 0; r < job->n_ranges; r++) {
        const struct range_dups *d = &job->dups[r];
        for (int i = 0; i < d->k; i++) {
            char text[DEFECT_TEXT];
            int32_t nu, ni;
            const char *user = ids_get(&ds->users, (int32_t)d->user[i], &nu);
            const char *item = ids_get(&ds->items, (int32_t)d->item[i], &ni);
            snprintf(text, sizeof text, "user %.*s, item %.*s", nu < 40 ? nu : 40, user,
                     ni < 40 ? ni : 40, item);
            if (job->plan->policy == DUP_ERROR)
                return error_set(err, AKIN_E_INPUT, __FILE__, __LINE__,
                                 "duplicate event: %s (duplicates=error; choose last, first, sum, "
                                 "max, mean or keep)",
                                 text);
            defects_add_n(&job->ing->defects, DEFECT_DUPLICATE, 1, text);
        }
        job->ing->defects.n[DEFECT_DUPLICATE] += d->n - d->k;
    }
    return AKIN_OK;
}

static akin_status outputs_alloc(struct sort_job *job, int64_t n, bool has_src, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = job->ing->ctx;
    MEM_NEW(ctx, job->item, n);
    if (job->plan->has_value)
        MEM_NEW(ctx, job->value, n);
    if (job->plan->has_time)
        MEM_NEW(ctx, job->time, n);
    if (job->plan->has_type)
        MEM_NEW(ctx, job->type, n);
    if (job->ing->has_role)
        MEM_NEW(ctx, job->role, n);
    if (has_src)
        MEM_NEW(ctx, job->src_out, n);
done:
    return status;
}

static void job_free(struct sort_job *job)
{
    akin_ctx *ctx = job->ing->ctx;
    for (int w = 0; job->scratch && w < par_workers(ctx); w++) {
        mem_free(ctx, job->scratch[w].a);
        mem_free(ctx, job->scratch[w].b);
        mem_free(ctx, job->scratch[w].count);
        mem_free(ctx, job->scratch[w].set);
        mem_free(ctx, job->scratch[w].word);
    }
    mem_free(ctx, job->scratch);
    mem_free(ctx, job->at);
    mem_free(ctx, job->range);
    mem_free(ctx, job->kept);
    mem_free(ctx, job->rows);
    mem_free(ctx, job->src);
    mem_free(ctx, job->user_ptr);
    mem_free(ctx, job->dups);
    mem_free(ctx, job->item);
    mem_free(ctx, job->value);
    mem_free(ctx, job->time);
    mem_free(ctx, job->type);
    mem_free(ctx, job->role);
    mem_free(ctx, job->src_out);
}

static akin_status job_alloc(struct sort_job *job, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ingest *ing = job->ing;
    akin_ctx *ctx = ing->ctx;
    MEM_ZERO(ctx, job->scratch, par_workers(ctx));
    MEM_ZERO(ctx, job->at, ing->n_slabs * job->n_ranges);
    MEM_ZERO(ctx, job->range, job->n_ranges + 1);
    MEM_ZERO(ctx, job->kept, job->n_ranges + 1);
    MEM_ZERO(ctx, job->dups, job->n_ranges);
    MEM_ZERO(ctx, job->user_ptr, job->n_users + 1);
done:
    return status;
}

static void dataset_take(struct sort_job *job, struct dataset *ds, uint32_t **src)
{
    ds->n_events = job->kept[job->n_ranges];
    ds->user_ptr = job->user_ptr;
    ds->item = job->item;
    ds->value = job->value;
    ds->time = job->time;
    ds->type = job->type;
    ds->role = job->role;
    ds->is_owned = true;
    *src = job->src_out;
    job->user_ptr = NULL;
    job->item = NULL;
    job->value = NULL;
    job->time = NULL;
    job->type = job->role = NULL;
    job->src_out = NULL;
}

akin_status ingest_sort(struct ingest *ing, const struct sort_plan *plan, struct dataset *ds,
                        uint32_t **src, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = ing->ctx;
    struct sort_job job = {.ing = ing, .plan = plan, .n_users = ds->users.n};
    ranges_choose(&job);
    AKIN_TRY(job_alloc(&job, err));
    AKIN_TRY(par_for(ctx, ing->n_slabs, number_block, &job, err));
    places_compute(&job);
    MEM_NEW(ctx, job.rows, ing->n_rows);
    if (ing->has_ext || ing->n_extra > 0)
        MEM_NEW(ctx, job.src, ing->n_rows);
    AKIN_TRY(par_for(ctx, ing->n_slabs, scatter_block, &job, err));
    AKIN_TRY(par_for(ctx, job.n_ranges, range_block, &job, err));
    for (int64_t r = 0; r < job.n_ranges; r++)
        job.kept[r + 1] += job.kept[r];
    for (int64_t u = 0; u < job.n_users; u++)
        job.user_ptr[u + 1] += job.user_ptr[u];
    AKIN_TRY(dups_report(&job, ds, err));
    AKIN_TRY(outputs_alloc(&job, job.kept[job.n_ranges], ing->n_extra > 0, err));
    AKIN_TRY(par_for(ctx, job.n_ranges, emit_block, &job, err));
    dataset_take(&job, ds, src);
done:
    job_free(&job);
    return status;
}
