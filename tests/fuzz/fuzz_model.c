/*
 * Fuzz: model files behind right sums. What loads can be asked for everything that a model is asked
 * for (lists, cold askers, similar items, segments, explanations, scores of given items) and saved
 * again; numbers may be senseless, indices may not.
 */
#include "fuzz_sums.h"
#include "kern/kern.h"
#include "models/model.h"
#include "rank/rank.h"

enum { ASKERS = 6, K = 5, REASONS = 4 };

/* Senseless numbers may leave a system of equations without a solution. */
static void answered(akin_status status, const akin_error *err)
{
    if (status != AKIN_E_INTERNAL || !strstr(err->message, "no solution"))
        fuzz_refused(status, err);
}

static void check_list(const struct model *m, const struct ranked *list, int32_t n)
{
    if (n < 0 || n > K)
        abort();
    for (int32_t i = 0; i < n; i++) {
        if (list[i].item < 0 || list[i].item >= m->items.n)
            abort();
        for (int32_t j = 0; j < i; j++)
            if (list[j].item == list[i].item)
                abort();
    }
}

static void ask_lists(const struct model *m, struct ranker *r, const struct query *q, int32_t n)
{
    struct rank_options opt = {.k = K};
    struct ranked lists[(ASKERS + 2) * K];
    int32_t counts[ASKERS + 2];
    akin_error err = {0};
    for (int seen = 0; seen < 2; seen++) {
        opt.include_seen = seen;
        akin_status status = rank_lists(r, q, n, &opt, lists, counts, &err);
        answered(status, &err);
        for (int32_t i = 0; status == AKIN_OK && i < n; i++)
            check_list(m, lists + i * K, counts[i]);
    }
}

static void ask_rest(const struct model *m, struct ranker *r, const struct query *q, int32_t n)
{
    static const int32_t some[] = {0, 1, -1, 0};
    struct rank_options opt = {.k = K};
    struct ranked list[K];
    struct reason reasons[REASONS];
    float scores[4];
    int32_t count = 0;
    akin_error err = {0};
    akin_status status = rank_similar(r, 0, &opt, list, &count, &err);
    answered(status, &err);
    if (status == AKIN_OK)
        check_list(m, list, count);
    answered(rank_segment(r, q, n, 0, K, list, &count, &err), &err);
    for (int32_t i = 0; i < n; i++) {
        answered(rank_score(r, &q[i], some, m->items.n > 1 ? 4 : 1, scores, &err), &err);
        status = rank_explain(r, &q[i], 0, reasons, REASONS, &count, &err);
        answered(status, &err);
        for (int32_t k = 0; status == AKIN_OK && k < count; k++)
            if (reasons[k].item < 0 || reasons[k].item >= m->items.n)
                abort();
    }
}

static void ask(struct model *m)
{
    static const int32_t cold[] = {0, 1, 0, -1};
    struct scorer scorer = model_scorer(m);
    struct ranker *r = NULL;
    struct query q[ASKERS + 2];
    int32_t n = 0;
    uint64_t sum;
    akin_error err = {0};
    akin_status status = ranker_create(m->ctx, &scorer, &r, &err);
    fuzz_refused(status, &err);
    for (; n < ASKERS && n < m->users.n; n++)
        q[n] = model_query_user(m, n);
    q[n++] = (struct query){.user = -1, .now = m->now};
    q[n] = (struct query){.user = -1, .now = m->now, .hist = {.item = cold}};
    q[n].hist.n = m->items.n > 1 ? 4 : m->items.n;
    n++;
    if (status == AKIN_OK)
        ask_lists(m, r, q, n);
    if (status == AKIN_OK && m->items.n > 0)
        ask_rest(m, r, q, n);
    ranker_free(r);
    status = model_fingerprint(m, &sum, &err); /* writes all sections, to nowhere */
    fuzz_refused(status, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    akin_ctx *ctx = fuzz_ctx_of((int64_t)256 << 20);
    const char *path = fuzz_file(data, size);
    struct model *m = NULL;
    akin_error err = {0};
    if (kern_select(ctx, NULL, &err) != AKIN_OK)
        abort();
    akin_status status = model_load(ctx, path, &m, &err);
    if ((status == AKIN_OK) != (m != NULL) ||
        (status != AKIN_OK && (status != AKIN_E_FORMAT && status != AKIN_E_VERSION)) ||
        (status != AKIN_OK && !strstr(err.message, path)))
        fuzz_fail("load", &err);
    if (m)
        ask(m);
    model_free(m);
    fuzz_clean(ctx, 0);
    return 0;
}
