/* rules*.c: each rule alone, each two that can meet (docs/rules.md), limits. Random requests are in
 * tests/property. */
#include "core/param.h"
#include "shop.h"

#include <math.h>

/* Items and reasons: "3 1:pinned …"; "model" is not written. */
static void assert_answer(void **state, const struct shop *s, const char *want)
{
    struct ruled out[ITEMS];
    char text[4096] = "";
    size_t at = 0;
    int32_t n = apply(*state, s, out);
    for (int32_t i = 0; i < n; i++) {
        const char *reason = rule_reason_name(out[i].reason);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%d%s%s", i ? " " : "", out[i].item,
                               out[i].reason ? ":" : "", out[i].reason ? reason : "");
    }
    assert_string_equal(text, want);
}

/* ---- Each rule alone ---- */

static void test_off(void **state)
{
    struct shop s;
    struct ruled out[ITEMS];
    shop_init(&s, 50, 0);
    s.list[40].score = -0.0f;
    for (int32_t i = 41; i < 50; i++)
        s.list[i].score = UNSCORED;
    mem_fail_at(((akin_ctx *)*state)->mem, 1); /* it allocates nothing */
    for (int32_t k = 0; k < 60; k++) {
        s.in.k = k;
        int32_t n = apply(*state, &s, out);
        assert_int_equal(n, k < 50 ? k : 50);
        for (int32_t i = 0; i < n; i++) {
            assert_int_equal(out[i].item, s.list[i].item);
            assert_memory_equal(&out[i].score, &s.list[i].score, sizeof out[i].score);
            assert_int_equal(out[i].reason, i < 41 ? RULE_MODEL : RULE_FALLBACK);
        }
    }
    mem_fail_at(((akin_ctx *)*state)->mem, 0);
}

static void test_lists(void **state)
{
    struct shop s;
    static const int32_t allow[] = {1, 2, 4, 9};
    shop_init(&s, 6, 3);
    s.deny[0] = 0;
    s.deny[1] = 2;
    s.in.n_deny = 2;
    assert_answer(state, &s, "1 3 4");
    s.in.allow = allow;
    s.in.n_allow = 4;
    assert_answer(state, &s, "1 4");
    s.in.n_deny = 0;
    assert_answer(state, &s, "1 2 4");
    s.in.n_allow = 0; /* an allow list without items allows none */
    assert_answer(state, &s, "");
}

static void test_damping(void **state)
{
    struct shop s;
    shop_init(&s, 6, 6);
    static const float scores[] = {8.0f, 4.0f, 2.0f, 0.0f, -1.0f, -1.0f};
    static const int32_t counts[] = {15, 0, -7, 100, 3, 0};
    for (int32_t i = 0; i < 6; i++) {
        s.list[i].score = scores[i];
        s.count[i] = counts[i];
    }
    s.p.popularity_damping = 0.5; /* 2, 4, 2, 0, -2, -1: a negative score is not raised */
    assert_answer(state, &s, "1 0 2 3 5 4");
    struct ruled out[6];
    apply(*state, &s, out);
    assert_true(out[1].score == 8.0f); /* the model's score is reported */
    s.list[5].score = UNSCORED;        /* not damped: after all that are scored, in their order */
    s.list[4].score = UNSCORED;
    assert_answer(state, &s, "1 0 2 3 4:fallback 5:fallback");
    s.list[0].score = INFINITY;
    assert_answer(state, &s, "0 1 2 3 4:fallback 5:fallback");
    s.in.count = NULL;
    s.list[3].score = NAN; /* never from a ranking */
    assert_answer(state, &s, "0 1 2 3:fallback 4:fallback 5:fallback");
}

static void test_cap(void **state)
{
    struct shop s;
    shop_init(&s, 6, 4);
    for (int32_t i = 0; i < 4; i++)
        shop_cat(&s, i, 7); /* 0..3 are films, 4 is a film and a play, 5 is nothing */
    shop_cat(&s, 4, 7);
    shop_cat(&s, 4, 9);
    s.p.category_cap = 2;
    assert_answer(state, &s, "0 1 5:diverse 2"); /* the cap gives way for the fourth place */
    s.in.k = 3;
    assert_answer(state, &s, "0 1 5:diverse");
    s.in.categories = NULL; /* nothing to count */
    assert_answer(state, &s, "0 1 2");
}

/* What must give way does so by as little as it can: 3 and 3, not 2 and 4. */
static void test_cap_gives_way(void **state)
{
    struct shop s;
    shop_init(&s, 8, 6);
    for (int32_t i = 0; i < 8; i++)
        shop_cat(&s, i, i < 5 ? -1 : 3);
    s.p.category_cap = 2;
    assert_answer(state, &s, "0 1 5:diverse 6:diverse 2 7:diverse");
}

static void test_diversity(void **state)
{
    struct shop s;
    shop_init(&s, 4, 4);
    shop_cat(&s, 0, 1);
    shop_cat(&s, 1, 1);
    shop_cat(&s, 2, 2);
    shop_cat(&s, 3, 1);
    s.p.diversity = 0.5; /* relevance 1, 2/3, 1/3, 0 */
    assert_answer(state, &s, "0 2:diverse 1 3");
    s.p.diversity = 1.0;
    assert_answer(state, &s, "0 2:diverse 1 3");
    s.p.diversity = 0.2;
    assert_answer(state, &s, "0 1 2 3");
    s.p.diversity = 1.0;
    s.in.categories = NULL; /* nothing to tell alike by */
    assert_answer(state, &s, "0 1 2 3");
    for (int32_t i = 0; i < 4; i++)
        s.list[i].score = 5.0f; /* equal scores */
    s.in.categories = shop_categories;
    assert_answer(state, &s, "0 2:diverse 1 3");
    s.list[0].score = INFINITY;
    s.list[3].score = -3e38f;
    assert_answer(state, &s, "0 2:diverse 1 3");
}

static float no_number(const void *arg, int32_t a, int32_t b)
{
    (void)arg;
    return a + b == 1 ? INFINITY : a + b == 2 ? -INFINITY : NAN; /* 1, -1 and 0 */
}

/* Variety does not bring up what the model says nothing about, but orders it among itself. */
static void test_diversity_unscored(void **state)
{
    struct shop s;
    shop_init(&s, 5, 5);
    static const int32_t cat[] = {1, 1, 2, 2, 3};
    for (int32_t i = 0; i < 5; i++) {
        shop_cat(&s, i, cat[i]);
        if (i >= 2)
            s.list[i].score = UNSCORED;
    }
    s.p.diversity = 1.0;
    assert_answer(state, &s, "0 1 2:fallback 4:fallback 3:fallback");
    s.p.diversity = 0.2;
    assert_answer(state, &s, "0 1 2:fallback 3:fallback 4:fallback");
    s.in.k = 3;
    s.in.n = 3;
    s.list[2].score = 1.0f;
    s.p.diversity = 0.9;
    s.in.likeness = no_number;
    assert_answer(state, &s, "0 2:diverse 1");
}

static void test_pinned(void **state)
{
    struct shop s;
    shop_init(&s, 6, 4);
    for (int32_t i = 0; i < ITEMS; i++)
        s.pinned[i] = -1;
    s.pinned[1] = 4;
    s.pinned[3] = 20; /* not in the list */
    s.in.n_pinned = 4;
    assert_answer(state, &s, "0 4:pinned 1 20:pinned");
    s.pinned[0] = 4; /* twice: the first place holds */
    assert_answer(state, &s, "4:pinned 0 1 20:pinned");
    s.pinned[0] = 0; /* where it stands anyway */
    assert_answer(state, &s, "0:pinned 4:pinned 1 20:pinned");
    s.in.n = 1; /* the list ends before place 3: nearer to the top, in their order */
    s.pinned[0] = -1;
    s.pinned[1] = -1;
    s.pinned[2] = 21;
    assert_answer(state, &s, "0 21:pinned 20:pinned");
    s.in.n = 6; /* places beyond the list's end are no pins */
    s.in.k = 2;
    s.pinned[2] = 1;
    assert_answer(state, &s, "0 1");
    s.in.n = 1;
    assert_answer(state, &s, "0 1:fallback");
}

static void test_promoted(void **state)
{
    struct shop s;
    shop_init(&s, 6, 6);
    s.promoted[0] = 1;
    s.promoted[1] = 30;
    s.promoted[2] = 5;
    s.promoted[3] = 31;
    s.in.n_promoted = 4;
    assert_answer(state, &s, "0 1 2 3 4 5"); /* promote_every is off */
    s.p.promote_every = 3;                   /* 1 stands above its place and keeps it */
    assert_answer(state, &s, "0 1 30:promoted 2 3 5:promoted");
    s.p.promote_every = 2;
    assert_answer(state, &s, "0 1:promoted 2 30:promoted 3 5:promoted");
    s.p.promote_every = 1; /* as far as they reach, then the ranking */
    assert_answer(state, &s, "1:promoted 30:promoted 5:promoted 31:promoted 0 2");
    s.p.promote_every = 7;
    assert_answer(state, &s, "0 1 2 3 4 5");
    s.in.k = 8; /* the list is too short: they fill up */
    assert_answer(state, &s, "0 1 2 3 4 5 30:promoted 31:fallback");
}

static void test_explore(void **state)
{
    struct shop s;
    struct ruled out[ITEMS], again[ITEMS];
    enum { K = 10, FRESH = 8, N = 10000 };
    int32_t at_place[K] = {0}, of_item[FRESH] = {0}, total = 0;
    shop_init(&s, 50, K);
    s.in.n_fresh = FRESH;
    for (int32_t j = 0; j < FRESH; j++)
        s.fresh[j] = 100 + j;
    s.p.explore = 0.25;
    for (int32_t seed = 0; seed < N; seed++) {
        s.in.seed = (uint64_t)seed * 77;
        assert_int_equal(apply(*state, &s, out), K);
        int32_t n = 0;
        for (int32_t i = 0; i < K; i++) {
            assert_int_equal(out[i].reason, out[i].item >= 100 ? RULE_EXPLORED : RULE_MODEL);
            if (out[i].item < 100)
                continue;
            assert_true(out[i].score == UNSCORED);
            at_place[i]++;
            of_item[out[i].item - 100]++;
            n++;
        }
        assert_true(n == 2 || n == 3); /* the share, in every list */
        total += n;
        apply(*state, &s, again);
        assert_memory_equal(out, again, K * sizeof *out);
        s.in.k = 6; /* a shorter list is the head of the longer */
        assert_int_equal(apply(*state, &s, again), 6);
        assert_memory_equal(out, again, 6 * sizeof *out);
        s.in.k = K;
    }
    /* five standard deviations of a count with the mean that it should have */
    assert_true(fabs((double)total / N - 2.5) < 5 * 0.5 / 100);
    for (int32_t i = 0; i < K; i++)
        assert_true(fabs((double)at_place[i] - 0.25 * N) < 5 * sqrt(0.25 * 0.75 * N));
    for (int32_t j = 0; j < FRESH; j++)
        assert_true(fabs((double)of_item[j] - (double)total / FRESH) < 5 * sqrt(total / FRESH));
    s.p.explore = 1.0; /* all places, as far as they reach */
    apply(*state, &s, out);
    for (int32_t i = 0; i < K; i++)
        assert_int_equal(out[i].reason, i < FRESH ? RULE_EXPLORED : RULE_MODEL);
    s.p.explore = 0.0;
    assert_answer(state, &s, "0 1 2 3 4 5 6 7 8 9");
    s.in.n = 8;
    assert_answer(state, &s, "0 1 2 3 4 5 6 7 100:fallback 101:fallback");
}

/* ---- Where two meet ---- */

static void test_deny_beats_all(void **state)
{
    struct shop s;
    static const int32_t allow[] = {0, 1, 2, 3, 22};
    shop_init(&s, 4, 4);
    s.deny[0] = 20;
    s.deny[1] = 21;
    s.in.n_deny = 2;
    s.pinned[0] = 20;
    s.in.n_pinned = 1;
    s.promoted[0] = 21;
    s.promoted[1] = 22;
    s.in.n_promoted = 2;
    s.p.promote_every = 2;
    s.fresh[0] = 21;
    s.fresh[1] = 23;
    s.in.n_fresh = 2;
    s.p.explore = 1.0;
    assert_answer(state, &s, "23:explored 22:promoted 0 1");
    s.in.allow = allow; /* as an allow list does: 23 is not in it */
    s.in.n_allow = 5;
    assert_answer(state, &s, "0 22:promoted 1 2");
}

static void test_pinned_meets(void **state)
{
    struct shop s;
    shop_init(&s, 8, 5);
    for (int32_t i = 0; i < 5; i++)
        s.pinned[i] = -1;
    for (int32_t i = 0; i < 4; i++)
        shop_cat(&s, i, 1);
    s.pinned[3] = 2;
    s.pinned[4] = 3;
    s.in.n_pinned = 5;
    s.p.category_cap = 1; /* pins beat the cap, and are counted before their place comes */
    assert_answer(state, &s, "4:diverse 5:diverse 6:diverse 2:pinned 3:pinned");
    s.p.category_cap = 3;
    assert_answer(state, &s, "0 4:diverse 5:diverse 2:pinned 3:pinned");
    s.p.category_cap = 0;
    s.p.diversity = 0.6; /* and as chosen by diversity: 0 is like 2, which is not yet there */
    assert_answer(state, &s, "4:diverse 5:diverse 6:diverse 2:pinned 3:pinned");
    s.p.diversity = 0.0;
    s.p.promote_every = 1; /* pins stay, whatever else wants their place */
    s.promoted[0] = 3;
    s.promoted[1] = 7;
    s.in.n_promoted = 2;
    s.p.explore = 1.0;
    s.fresh[0] = 2;
    s.fresh[1] = 50;
    s.in.n_fresh = 2;
    assert_answer(state, &s, "7:promoted 50:explored 0 2:pinned 3:pinned");
}

static void test_caps_hold_for_others(void **state)
{
    struct shop s;
    shop_init(&s, 6, 4);
    static const int32_t films[] = {0, 1, 20, 30};
    for (int32_t j = 0; j < 4; j++)
        shop_cat(&s, films[j], 1);
    s.p.category_cap = 1;
    s.p.promote_every = 2;
    s.promoted[0] = 20; /* over the cap after 0: the next one comes */
    s.promoted[1] = 21;
    s.in.n_promoted = 2;
    assert_answer(state, &s, "0 21:promoted 2:diverse 3:diverse");
    s.p.promote_every = 1;
    assert_answer(state, &s, "20:promoted 21:promoted 2:diverse 3:diverse");
    s.p.promote_every = 0;
    s.in.n_promoted = 0;
    s.p.explore = 1.0;
    s.fresh[0] = 30;
    s.fresh[1] = 20;
    s.in.n_fresh = 2; /* only one of the two */
    struct ruled out[4];
    assert_int_equal(apply(*state, &s, out), 4);
    assert_true(out[0].item >= 20 && out[0].reason == RULE_EXPLORED);
    for (int32_t i = 1; i < 4; i++)
        assert_int_equal(out[i].item, 1 + i);
}

/* Exploration counts its share of the places that are free, so pins do not eat it. */
static void test_explore_of_free(void **state)
{
    struct shop s;
    struct ruled out[ITEMS];
    shop_init(&s, 50, 20);
    for (int32_t i = 0; i < 20; i++) {
        s.pinned[i] = i % 2 ? 200 + i : -1;
        s.fresh[i] = 100 + i;
    }
    s.in.n_pinned = 20;
    s.in.n_fresh = 20;
    s.fresh[19] = 3; /* a new item that the model ranks: once, with its score */
    s.p.explore = 0.5;
    for (uint64_t seed = 0; seed < 200; seed++) {
        int32_t n = 0, n_three = 0;
        s.in.seed = seed;
        assert_int_equal(apply(*state, &s, out), 20);
        for (int32_t i = 0; i < 20; i++) {
            assert_true(i % 2 ? out[i].item == 200 + i : out[i].reason != RULE_PINNED);
            n += out[i].reason == RULE_EXPLORED;
            n_three += out[i].item == 3;
            assert_true(out[i].item != 3 || out[i].score == 47.0f);
        }
        assert_int_equal(n, 5);
        assert_true(n_three <= 1);
    }
}

/* Damping goes before diversity: relevance is of the damped scores. */
static void test_damping_then_diversity(void **state)
{
    struct shop s;
    shop_init(&s, 4, 4);
    s.count[0] = 99;
    shop_cat(&s, 1, 1);
    shop_cat(&s, 2, 1);
    shop_cat(&s, 3, 2);
    s.p.popularity_damping = 1.0;
    assert_answer(state, &s, "1 2 3 0");
    s.p.diversity = 0.5;
    assert_answer(state, &s, "1 3:diverse 0:diverse 2");
}

/* ---- Limits ---- */

static void test_candidates(void **state)
{
    (void)state;
    struct shop s;
    shop_init(&s, 0, 10);
    assert_int_equal(rules_candidates(&s.p, &s.in), 10);
    s.p.explore = 0.5;
    s.p.promote_every = 2;
    assert_int_equal(rules_candidates(&s.p, &s.in), 10);
    s.in.n_deny = 7;
    assert_int_equal(rules_candidates(&s.p, &s.in), 17);
    s.p.diversity = 0.5;
    assert_int_equal(rules_candidates(&s.p, &s.in), 117);
    s.in.k = 100;
    assert_int_equal(rules_candidates(&s.p, &s.in), 1007);
    s.in.k = 100000;
    assert_int_equal(rules_candidates(&s.p, &s.in), 102007);
    s.in.k = INT32_MAX;
    assert_int_equal(rules_candidates(&s.p, &s.in), INT32_MAX);
    s.in.k = 0;
    assert_int_equal(rules_candidates(&s.p, &s.in), 0);
    s.in.k = -1;
    assert_int_equal(rules_candidates(&s.p, &s.in), 0);
}

static void test_arguments(void **state)
{
    struct shop s;
    struct ruled out[1];
    struct arena scratch;
    akin_error err;
    int32_t n = 5;
    shop_init(&s, 3, -1);
    arena_init(&scratch, *state);
    assert_int_equal(rules_apply(&s.p, &s.in, out, &n, &scratch, &err), AKIN_E_ARG);
    assert_int_equal(n, 0);
    assert_contains(err.message, "k=-1");
    s.in.k = 0;
    assert_int_equal(rules_apply(&s.p, &s.in, out, &n, &scratch, &err), AKIN_OK);
    assert_int_equal(n, 0);
    s.in.k = 1;
    s.in.n = INT32_MAX; /* refused before the list is read */
    s.p.explore = 1.0;
    s.in.n_fresh = 1;
    assert_int_equal(rules_apply(&s.p, &s.in, out, &n, &scratch, &err), AKIN_E_ARG);
    arena_free(&scratch);
    assert_string_equal(rule_reason_name(RULE_FALLBACK), "fallback");
    assert_string_equal(rule_reason_name((enum rule_reason)17), "unknown");
}

/* Every allocation fails once. */
static void test_memory(void **state)
{
    akin_ctx *ctx = *state;
    struct shop s;
    struct ruled out[ITEMS], want[ITEMS];
    shop_random(&s, 12, ITEMS, CATS);
    for (int32_t i = 0; i < ITEMS; i++)
        s.list[i] = (struct ranked){i, (float)-i};
    s.in.n = ITEMS;
    s.in.k = 60;
    s.in.allow = NULL;
    s.in.likeness = NULL;
    s.p = (struct rule_params){0.5, 0.5, 3, NULL, 0.2, 4};
    s.in.n_pinned = s.in.n_promoted = s.in.n_fresh = ITEMS;
    for (int32_t i = 0; i < ITEMS; i++) {
        s.pinned[i] = i % 9 ? -1 : i;
        s.promoted[i] = ITEMS - 1 - i;
        s.fresh[i] = i;
    }
    int32_t n = apply(ctx, &s, want), failed = 0;
    assert_int_equal(n, 60);
    for (int64_t at = 1;; at++) {
        struct arena scratch;
        akin_error err;
        int32_t count = -1;
        arena_init(&scratch, ctx);
        mem_fail_at(ctx->mem, at);
        akin_status status = rules_apply(&s.p, &s.in, out, &count, &scratch, &err);
        mem_fail_at(ctx->mem, 0);
        arena_free(&scratch);
        if (status == AKIN_OK) {
            assert_int_equal(count, n);
            assert_memory_equal(out, want, (size_t)n * sizeof *out);
            break;
        }
        assert_int_equal(status, AKIN_E_MEMORY);
        assert_int_equal(count, 0);
        failed++;
    }
    assert_true(failed > 0);
    /* and when the first block of the arena ends at any of its allocations */
    for (int64_t room = 1, is_done = 0; !is_done; room += 192) {
        struct arena scratch;
        akin_error err;
        int32_t count = -1;
        arena_init(&scratch, ctx);
        assert_non_null(arena_alloc(&scratch, room, 1, &err));
        arena_reset(&scratch);
        mem_fail_at(ctx->mem, 1);
        akin_status status = rules_apply(&s.p, &s.in, out, &count, &scratch, &err);
        mem_fail_at(ctx->mem, 0);
        arena_free(&scratch);
        is_done = status == AKIN_OK;
        assert_int_equal(status, is_done ? AKIN_OK : AKIN_E_MEMORY);
        assert_int_equal(count, is_done ? n : 0);
    }
}

static void test_parameters(void **state)
{
    static const struct {
        const char *json, *message; /* NULL = accepted */
    } rows[] = {
        {"{}", NULL},
        {"{\"diversity\": 1, \"explore\": 1, \"popularity_damping\": 4}", NULL},
        {"{\"category_cap\": 100000, \"promote_every\": 100000, \"category\": \"brand\"}", NULL},
        {"{\"diversity\": 1.01}", "diversity"},
        {"{\"diversity\": -0.1}", "diversity"},
        {"{\"popularity_damping\": 4.5}", "popularity_damping"},
        {"{\"popularity_damping\": -1}", "popularity_damping"},
        {"{\"category_cap\": -1}", "category_cap"},
        {"{\"category_cap\": 100001}", "category_cap"},
        {"{\"explore\": \"nan\"}", "explore"},
        {"{\"explore\": 2}", "explore"},
        {"{\"promote_every\": -2}", "promote_every"},
        {"{\"promote_every\": 100001}", "promote_every"},
        {"{\"diversty\": 0.5}", "diversity"},
    };
    size_t n_rows = 0;
    while (rule_param_rows[n_rows].name) {
        assert_true(strlen(rule_param_rows[n_rows].help) > 10);
        n_rows++;
    }
    assert_int_equal(n_rows, sizeof(struct rule_params) / 8);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        struct rule_params p;
        akin_error err = {0};
        json_t *object = json_loads(rows[i].json, 0, NULL);
        arena_init(&arena, *state);
        akin_status status =
            param_parse("rules", rule_param_rows, n_rows, object, &arena, &p, &err);
        assert_int_equal(status, rows[i].message ? AKIN_E_ARG : AKIN_OK);
        if (rows[i].message)
            assert_contains(err.message, rows[i].message);
        if (i == 0) {
            assert_true(p.diversity == 0.0 && p.popularity_damping == 0.0 && p.explore == 0.0);
            assert_true(p.category_cap == 0 && p.promote_every == 0);
            assert_string_equal(p.category, "categories");
        }
        json_decref(object);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_damping),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_cap_gives_way),
        cmocka_unit_test(test_diversity),
        cmocka_unit_test(test_diversity_unscored),
        cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_promoted),
        cmocka_unit_test(test_explore),
        cmocka_unit_test(test_deny_beats_all),
        cmocka_unit_test(test_pinned_meets),
        cmocka_unit_test(test_caps_hold_for_others),
        cmocka_unit_test(test_explore_of_free),
        cmocka_unit_test(test_damping_then_diversity),
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_parameters),
    };
    return cmocka_run_group_tests(tests, toy_setup, toy_teardown);
}
