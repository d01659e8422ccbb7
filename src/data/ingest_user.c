/*
 * One user's events: their order, and what happens to duplicates.
 *
 * Most users come nearly in order or have few events. (time, position) words are sorted by networks
 * of eight and branch-free merges; runs of equal times, which are short, by a merge sort over the
 * whole key. Duplicates by a small hash set; only policies that fold values sort a second time.
 */
#include "data/ingest_user.h"

#include <string.h>

#define NO_ITEM UINT32_MAX /* item numbers are int32 */

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

static inline uint64_t event_key(const struct event *e)
{
    return (uint64_t)e->time << 32 | e->item;
}

/* The order of the dataset; total, so that the order of input rows does not matter. */
static bool event_before(const struct event_order *by, const struct event *a, const struct event *b)
{
    if (event_key(a) != event_key(b))
        return event_key(a) < event_key(b);
    uint32_t ta = event_type(by, a), tb = event_type(by, b);
    if (ta != tb)
        return ta < tb;
    if (a->value < b->value || a->value > b->value)
        return a->value < b->value;
    return by->has_src ? a->src < b->src : false;
}

/* By (item, type), within that the order of the dataset: duplicates lie together. */
static bool same_before(const struct event_order *by, const struct event *a, const struct event *b)
{
    if (a->item != b->item)
        return a->item < b->item;
    uint32_t ta = event_type(by, a), tb = event_type(by, b);
    return ta != tb ? ta < tb : event_before(by, a, b);
}

typedef bool (*before_fn)(const struct event_order *by, const struct event *a,
                          const struct event *b);

/* Merge sort of n events at a; for runs of equal times and for folding, which are short. */
static void events_sort_by(const struct event_order *by, struct event *a, struct event *tmp,
                           int64_t n, before_fn before)
{
    for (int64_t lo = 0; lo < n; lo += 8) {
        int64_t hi = lo + 8 < n ? lo + 8 : n;
        for (int64_t j = lo + 1; j < hi; j++) {
            struct event e = a[j];
            int64_t k = j;
            for (; k > lo && before(by, &e, &a[k - 1]); k--)
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
                to[o++] = before(by, &from[q], &from[p]) ? from[q++] : from[p++];
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
static void events_sort(const struct event_order *by, struct user_scratch *s, struct event *e,
                        int64_t n)
{
    bool by_time = by->plan->has_time;
    int64_t i = 1;
    while (i < n && event_before(by, &e[i - 1], &e[i]))
        i++;
    if (i >= n)
        return;
    for (i = 0; i < n; i++)
        s->word[i] = (uint64_t)(by_time ? e[i].time : e[i].item) << 32 | (uint64_t)i;
    const uint64_t *word = words_sort(s->word, s->word + s->cap, n);
    for (i = 0; i < n; i++)
        s->b[i] = e[word[i] & UINT32_MAX];
    memcpy(e, s->b, (size_t)n * sizeof *e);
    for (int64_t lo = 0, hi; lo < n; lo = hi) {
        hi = lo + 1;
        while (hi < n && (by_time ? e[hi].time == e[lo].time : e[hi].item == e[lo].item))
            hi++;
        if (hi - lo > 1)
            events_sort_by(by, e + lo, s->b, hi - lo, event_before);
    }
}

/*
 * Keys (item, type) of e[0..n) into the set, from the last event to the first or the other way;
 * events whose key is there already get the item NO_ITEM if drop, else the first one ends it.
 * Returns how many repeat (1 if it ended).
 */
static int64_t events_repeat(const struct event_order *by, struct user_scratch *s, struct event *e,
                             int64_t n, bool from_end, struct event_dups *dups, uint32_t user,
                             bool drop)
{
    int bits = 64 - __builtin_clzll((uint64_t)n * 2);
    uint64_t mask = ((uint64_t)1 << bits) - 1;
    int64_t n_repeat = 0;
    memset(s->set, 0, ((size_t)mask + 1) * sizeof *s->set);
    for (int64_t k = 0; k < n; k++) {
        int64_t i = from_end ? n - 1 - k : k;
        uint64_t key = ((uint64_t)event_type(by, &e[i]) << 32 | e[i].item) + 1;
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
static int64_t user_fold(const struct event_order *by, struct user_scratch *s, struct event *e,
                         int64_t n, uint32_t user, struct event_dups *dups)
{
    events_sort_by(by, e, s->b, n, same_before);
    int64_t kept = 0;
    for (int64_t lo = 0, hi; lo < n; lo = hi) {
        uint32_t type = event_type(by, &e[lo]);
        for (hi = lo + 1; hi < n && e[hi].item == e[lo].item; hi++)
            if (event_type(by, &e[hi]) != type)
                break;
        if (hi - lo > 1 && dups->k < DUP_SAMPLES) {
            dups->user[dups->k] = user;
            dups->item[dups->k++] = e[lo].item;
        }
        dups->n += hi - lo - 1;
        e[kept++] = group_fold(by->plan->policy, e + lo, hi - lo);
    }
    events_sort(by, s, e, kept);
    return kept;
}

static int64_t user_clean(const struct event_order *by, struct user_scratch *s, struct event *e,
                          int64_t n, uint32_t user, struct event_dups *dups)
{
    int policy = by->plan->policy;
    if (policy == DUP_KEEP || n < 2)
        return n;
    if (policy == DUP_LAST || policy == DUP_FIRST || policy == DUP_ERROR) {
        int64_t gone = events_repeat(by, s, e, n, policy == DUP_LAST, dups, user, true);
        dups->n += gone;
        return gone ? events_close(e, n) : n;
    }
    if (!events_repeat(by, s, e, n, false, dups, user, false))
        return n;
    return user_fold(by, s, e, n, user, dups);
}

akin_status user_scratch_room(akin_ctx *ctx, struct user_scratch *s, int64_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (n <= s->cap)
        return AKIN_OK;
    user_scratch_free(ctx, s);
    int64_t cap = n + (n < 65536 ? n / 2 : 32768) + 64;
    MEM_NEW(ctx, s->b, cap);
    MEM_NEW(ctx, s->set, cap * 4);
    MEM_NEW(ctx, s->word, cap * 2);
    s->cap = cap;
done:
    return status;
}

void user_scratch_free(akin_ctx *ctx, struct user_scratch *s)
{
    mem_free(ctx, s->b);
    mem_free(ctx, s->set);
    mem_free(ctx, s->word);
    *s = (struct user_scratch){0};
}

int64_t user_events_sort(const struct event_order *by, struct user_scratch *s, struct event *e,
                         int64_t n, uint32_t user, struct event_dups *dups)
{
    events_sort(by, s, e, n);
    return user_clean(by, s, e, n, user, dups);
}
