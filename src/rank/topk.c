/*
 * Top-k: a binary heap of the kept, worst on top, sorted in place at the end.
 *
 * For scores in random order about k·ln(n/k) of n enter the heap; the rest is dismissed by one
 * comparison, most of them sixteen at a time by kern->scan_above before they come here. The heap
 * lives in the caller's output row, so a list needs no memory of its own.
 *
 * Not done: a sorted array for small k (level with the heap up to k = 20, far worse at k = n).
 */
#include "rank/topk.h"

static void sift_down(struct ranked *at, int32_t n, int32_t i)
{
    struct ranked x = at[i];
    for (;;) {
        int64_t child = 2 * (int64_t)i + 1;
        if (child >= n)
            break;
        if (child + 1 < n && ranked_before(&at[child], &at[child + 1]))
            child++;
        if (!ranked_before(&x, &at[child]))
            break;
        at[i] = at[child];
        i = (int32_t)child;
    }
    at[i] = x;
}

void topk_push(struct topk *t, int32_t item, float score)
{
    struct ranked x = {item, score};
    if (t->n == t->k) {
        if (t->k == 0 || !ranked_before(&x, &t->at[0]))
            return;
        t->at[0] = x;
        sift_down(t->at, t->n, 0);
        return;
    }
    int32_t i = t->n++;
    while (i > 0) {
        int32_t parent = (i - 1) / 2;
        if (!ranked_before(&t->at[parent], &x))
            break;
        t->at[i] = t->at[parent];
        i = parent;
    }
    t->at[i] = x;
}

void topk_sort(struct topk *t)
{
    for (int32_t n = t->n - 1; n > 0; n--) {
        struct ranked worst = t->at[0];
        t->at[0] = t->at[n];
        t->at[n] = worst;
        sift_down(t->at, n, 0);
    }
}
