/* Composites: parts named in every spelling, a blend of one, switches, cascades, fusions by hand,
 * files that hold parts. */
#include "contract.h"
#include "models/parts.h"

#include <unistd.h>

static struct model *fit(struct world *w, const char *name, const char *params)
{
    akin_error record, *err = &record;
    const struct contract_case c = {model_class_find(name), params, true};
    assert_non_null(c.cls);
    w->m = NULL;
    contract_ok(contract_create(w->ctx, &c, &w->m, err));
    contract_ok(model_fit(w->m, &w->tv, NULL, err));
    return w->m;
}

/* Scores of all items for a user, or for her history alone. */
static void scores_of(struct world *w, const struct model *m, int32_t user, bool is_known,
                      float out[TOY_ITEMS])
{
    akin_error record, *err = &record;
    struct scorer s = model_scorer(m);
    struct ranker *r;
    struct query q = model_query_user(m, user);
    if (!is_known) {
        q.user = -1;
        q.is_trained = false;
    }
    contract_ok(ranker_create(w->ctx, &s, &r, err));
    contract_ok(rank_scores_all(r, &q, out, err));
    ranker_free(r);
}

/* Weight (1, 0) is the single model, bit for bit, known and folded in; lists and reasons too. */
static void test_single(void **state)
{
    static const struct {
        const char *alone, *params, *blend;
    } cases[] = {
        {"ials", NULL, "{\"of\":[\"ials\",\"popular\"],\"weights\":[1,0]}"},
        {"itemknn", "{\"neighbors\":7}",
         "{\"of\":[\"popular\",\"itemknn:neighbors=7\"],\"weights\":\"0,3\"}"},
        {"popular", NULL, "{\"of\":[{\"type\":\"popular\",\"name\":\"p\"}]}"},
        {"fm", "{\"samples\":2,\"burn_in\":2}",
         "{\"of\":[{\"type\":\"fm\",\"samples\":2,\"burn_in\":2},\"als\"],\"weights\":[1,0]}"},
        {"rp3beta", NULL, "{\"of\":[\"blend:of=rp3beta\",\"ease\"],\"weights\":[0.1,0]}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        akin_error record, *err = &record;
        struct world w;
        world_make(&w, 2, NULL, 0, false);
        struct model *alone = fit(&w, cases[i].alone, cases[i].params);
        struct model *blend = fit(&w, "blend", cases[i].blend);
        assert_true(model_scorer(alone).flags == model_scorer(blend).flags);
        for (int32_t u = 0; u < TOY_USERS; u += 7) {
            float a[TOY_ITEMS], b[TOY_ITEMS];
            for (int known = 0; known < 2; known++) {
                scores_of(&w, alone, u, known, a);
                scores_of(&w, blend, u, known, b);
                assert_memory_equal(a, b, sizeof a);
            }
            struct ranker *r[2];
            struct ranked list[2][9];
            struct reason why[2][5];
            int32_t n[2], n_why[2];
            struct model *both[] = {alone, blend};
            struct scorer s[2];
            for (int k = 0; k < 2; k++) {
                struct query q = model_query_user(both[k], u);
                struct rank_options opt = {.k = 9};
                s[k] = model_scorer(both[k]);
                contract_ok(ranker_create(w.ctx, &s[k], &r[k], err));
                contract_ok(rank_lists(r[k], &q, 1, &opt, list[k], &n[k], err));
                contract_ok(rank_explain(r[k], &q, list[0][0].item, why[k], 5, &n_why[k], err));
                ranker_free(r[k]);
            }
            assert_int_equal(n[0], n[1]);
            assert_memory_equal(list[0], list[1], (size_t)n[0] * sizeof list[0][0]);
            assert_int_equal(n_why[0], n_why[1]);
            assert_memory_equal(why[0], why[1], (size_t)n_why[0] * sizeof why[0][0]);
        }
        model_free(alone);
        world_free(&w);
    }
}

/* The sum as it is written in blend.c, from the parts' own scores. */
static void test_blend_sum(void **state)
{
    struct world w;
    (void)state;
    world_make(&w, 3, NULL, 0, false);
    struct model *m = fit(&w, "blend", "{\"of\":[\"ials\",\"itemknn\"],\"weights\":[1,2]}");
    struct model *a = fit(&w, "ials", NULL), *b = fit(&w, "itemknn", NULL);
    struct parts_scale scale[2];
    akin_error record, *err = &record;
    contract_ok(parts_scale_fit(m, &w.tv, 200, scale, err));
    for (int32_t u = 0; u < TOY_USERS; u += 5) {
        float x[TOY_ITEMS], y[TOY_ITEMS], got[TOY_ITEMS];
        scores_of(&w, a, u, true, x);
        scores_of(&w, b, u, true, y);
        scores_of(&w, m, u, true, got);
        for (int32_t i = 0; i < TOY_ITEMS; i++) {
            double s = y[i] > UNSCORED ? (double)y[i] : scale[1].low;
            double want = ((double)x[i] - scale[0].mean) * scale[0].inv_sd +
                          2 * (s - scale[1].mean) * scale[1].inv_sd;
            assert_true(fabs(want - (double)got[i]) < 1e-5 * (1 + fabs(want)));
        }
    }
    model_free(a);
    model_free(b);
    w.m = m;
    world_free(&w);
}

/* Ratings are averaged by weight and stay ratings. */
static void test_blend_rates(void **state)
{
    struct world w;
    (void)state;
    world_make(&w, 1, NULL, 0, false);
    struct model *m = fit(&w, "blend", "{\"of\":[\"als\",\"slopeone\"],\"weights\":[3,1]}");
    struct model *a = fit(&w, "als", NULL), *b = fit(&w, "slopeone", NULL);
    assert_true((model_scorer(m).flags & SCORER_RATES) != 0);
    for (int32_t u = 0; u < TOY_USERS; u += 5) {
        float x[TOY_ITEMS], y[TOY_ITEMS], got[TOY_ITEMS];
        scores_of(&w, a, u, true, x);
        scores_of(&w, b, u, true, y);
        scores_of(&w, m, u, true, got);
        for (int32_t i = 0; i < TOY_ITEMS; i++) {
            double want = y[i] > UNSCORED ? (3 * (double)x[i] + (double)y[i]) / 4 : (double)x[i];
            assert_true(fabs(want - (double)got[i]) < 1e-5);
        }
    }
    model_free(a);
    model_free(b);
    w.m = m;
    world_free(&w);
}

/* By user: the asker's events choose the part, known or not; by item each item has its part. */
static void test_switch(void **state)
{
    struct world w;
    (void)state;
    world_make(&w, 2, NULL, 0, false);
    struct model *m = fit(&w, "switch", "{\"of\":[\"popular\",\"itemknn\"],\"thresholds\":[10]}");
    struct model *a = fit(&w, "popular", NULL), *b = fit(&w, "itemknn", NULL);
    int n_cold = 0;
    for (int32_t u = 0; u < TOY_USERS; u++) {
        float x[TOY_ITEMS], got[TOY_ITEMS];
        bool is_cold = model_query_user(m, u).hist.n < 10;
        n_cold += is_cold;
        scores_of(&w, is_cold ? a : b, u, u % 2, x);
        scores_of(&w, m, u, u % 2, got);
        assert_memory_equal(x, got, sizeof x);
    }
    assert_in_range(n_cold, 1, TOY_USERS - 1);
    model_free(m);
    m = fit(&w, "switch", "{\"of\":[\"popular\",\"itemknn\"],\"by\":\"item\",\"thresholds\":[14]}");
    float x[TOY_ITEMS], y[TOY_ITEMS], got[TOY_ITEMS];
    struct parts_scale scale[2];
    akin_error record, *err = &record;
    contract_ok(parts_scale_fit(m, &w.tv, 200, scale, err));
    scores_of(&w, a, 3, true, x);
    scores_of(&w, b, 3, true, y);
    scores_of(&w, m, 3, true, got);
    for (int32_t i = 0; i < TOY_ITEMS; i++) {
        int p = m->item_count[i] >= 14;
        float own = p ? y[i] : x[i];
        float want = own > UNSCORED ? (float)parts_z(&scale[p], own) : UNSCORED;
        assert_true(want == got[i]);
    }
    model_free(a);
    model_free(b);
    w.m = m;
    world_free(&w);
}

/* The second part's scores of the first one's best, and of nothing else. */
static void test_cascade(void **state)
{
    struct world w;
    enum { DEPTH = 6 };
    (void)state;
    world_make(&w, 2, NULL, 0, false);
    struct model *m = fit(&w, "cascade", "{\"of\":[\"popular\",\"ials\"],\"depth\":6}");
    struct model *a = fit(&w, "popular", NULL), *b = fit(&w, "ials", NULL);
    for (int32_t u = 0; u < TOY_USERS; u += 3) {
        float x[TOY_ITEMS], y[TOY_ITEMS], got[TOY_ITEMS];
        bool seen[TOY_ITEMS] = {false};
        struct history h = model_query_user(m, u).hist;
        for (int32_t e = 0; e < h.n; e++)
            seen[h.item[e]] = true;
        scores_of(&w, a, u, true, x);
        scores_of(&w, b, u, true, y);
        scores_of(&w, m, u, true, got);
        for (int32_t i = 0; i < TOY_ITEMS; i++) {
            int before = 0;
            for (int32_t j = 0; j < TOY_ITEMS; j++)
                before += !seen[j] && (x[j] > x[i] || (x[j] == x[i] && j < i));
            if (before < DEPTH)
                assert_true(got[i] == y[i]);
            else
                assert_true(!(got[i] > UNSCORED));
        }
    }
    model_free(a);
    model_free(b);
    w.m = m;
    world_free(&w);
}

/* Reciprocal ranks, counted by hand. */
static void test_fusion(void **state)
{
    struct world w;
    (void)state;
    world_make(&w, 1, NULL, 0, false);
    struct model *m =
        fit(&w, "fusion", "{\"of\":[\"ials\",\"popular\"],\"weights\":[1,0.5],\"k\":10}");
    struct model *part[] = {fit(&w, "ials", NULL), fit(&w, "popular", NULL)};
    for (int32_t u = 0; u < TOY_USERS; u += 7) {
        float x[2][TOY_ITEMS], got[TOY_ITEMS];
        bool seen[TOY_ITEMS] = {false};
        struct history h = model_query_user(m, u).hist;
        for (int32_t e = 0; e < h.n; e++)
            seen[h.item[e]] = true;
        scores_of(&w, part[0], u, true, x[0]);
        scores_of(&w, part[1], u, true, x[1]);
        scores_of(&w, m, u, true, got);
        for (int32_t i = 0; i < TOY_ITEMS; i++) {
            double want = 0;
            for (int p = 0; p < 2; p++) {
                int rank = 1;
                for (int32_t j = 0; j < TOY_ITEMS; j++)
                    rank += !seen[j] && (x[p][j] > x[p][i] || (x[p][j] == x[p][i] && j < i));
                want += (p ? .5 : 1) / (10 + rank);
            }
            if (!seen[i])
                assert_true(fabs(want - (double)got[i]) < 1e-7);
        }
    }
    model_free(part[0]);
    model_free(part[1]);
    w.m = m;
    world_free(&w);
}

static void test_refused(void **state)
{
    static const struct {
        const char *model, *params, *says;
    } cases[] = {
        {"blend", "{\"of\":[]}", "0 parts"},
        {"blend", "{\"of\":[\"ialz\"]}", "part 1: model 'ialz' is unknown (did you mean 'ials'?)"},
        {"blend", "{\"of\":[\"ials\",\"ials:factors=0\"]}", "part 2: ials: factors=0"},
        {"blend", "{\"of\":[\"ials:factors\"]}", "name:key=value"},
        {"blend", "{\"of\":[7]}", "part 1 (must be"},
        {"fusion", "{\"of\":[{\"name\":\"ials\"}]}", "part 1 (must be"},
        {"switch",
         "{\"of\":\"ials,ials,ials,ials,ials,ials,ials,ials,ials,ials,ials,ials,ials,"
         "ials,ials,ials,ials\"}",
         "17 parts (must be 1..16)"},
        {"blend",
         "{\"of\":[{\"type\":\"blend\",\"of\":[{\"type\":\"switch\",\"of\":[\"cascade\"]}]}]}",
         "cascade is one composite too deep (at most 3)"},
    };
    (void)state;
    struct world w;
    world_make(&w, 1, NULL, 0, true);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        akin_error err = {0};
        const struct contract_case c = {model_class_find(cases[i].model), cases[i].params, true};
        assert_int_equal(contract_create(w.ctx, &c, &w.m, &err), AKIN_E_ARG);
        if (!strstr(err.message, cases[i].says))
            fail_msg("'%s' lacks '%s'", err.message, cases[i].says);
    }
    static const struct {
        const char *model, *params, *says;
    } at_fit[] = {
        {"blend", "{\"weights\":[1]}", "1 numbers for 2 parts"},
        {"blend", "{\"weights\":[0,0]}", "all 0"},
        {"blend", "{\"weights\":[1,\"x\"]}", "part 2"},
        {"fusion", "{\"weights\":[1,-1]}", "part 2"},
        {"switch", "{\"thresholds\":[1,2]}", "2 thresholds for 2 parts"},
        {"switch", "{\"thresholds\":[-1]}", "threshold 1"},
    };
    for (size_t i = 0; i < sizeof at_fit / sizeof at_fit[0]; i++) {
        akin_error err = {0};
        const struct contract_case c = {model_class_find(at_fit[i].model), at_fit[i].params, true};
        assert_int_equal(contract_create(w.ctx, &c, &w.m, &err), AKIN_OK);
        assert_int_equal(model_fit(w.m, &w.tv, NULL, &err), AKIN_E_ARG);
        if (!strstr(err.message, at_fit[i].says))
            fail_msg("'%s' lacks '%s'", err.message, at_fit[i].says);
        model_free(w.m);
        w.m = NULL;
    }
    world_free(&w);
}

/* What every model carries lies in the file once; parts' parts have their own sections. */
static void test_file(void **state)
{
    akin_error record, *err = &record;
    struct world w;
    struct container *file;
    char path[256];
    int n_items = 0, n_inner = 0;
    (void)state;
    world_make(&w, 1, NULL, 0, false);
    fit(&w, "blend", "{\"of\":[\"ials\",\"fusion:of=itemknn\",\"popular\"]}");
    contract_path(path, sizeof path, "parts");
    contract_ok(model_save(w.m, path, err));
    contract_ok(container_open(w.ctx, path, &file, err));
    for (int i = 0; i < container_sections(file); i++) {
        const char *name;
        container_section_info(file, i, &name, NULL, NULL, NULL);
        n_items += strstr(name, ".items.") != NULL || strstr(name, ".hist.") != NULL;
        n_inner += strncmp(name, "p1.p0.m.", 8) == 0;
        assert_true(strncmp(name, "p3.", 3) != 0);
    }
    assert_int_equal(n_items, 0);
    assert_true(n_inner > 0);
    container_close(file);
    struct model *again;
    contract_ok(model_load(w.ctx, path, &again, err));
    assert_true(contract_fingerprint(again) == contract_fingerprint(w.m));
    assert_int_equal(again->n_parts, 3);
    assert_string_equal(again->part[1]->part[0]->cls->name, "itemknn");
    model_free(again);
    unlink(path);
    world_free(&w);
}

/* Parts start from the parts of an earlier model. */
static void test_warm(void **state)
{
    akin_error record, *err = &record;
    struct world w;
    (void)state;
    world_make(&w, 1, NULL, 0, false);
    struct model *cold = fit(&w, "blend", "{\"of\":[\"ials:epochs=1\",\"popular\"]}");
    int32_t map[TOY_USERS];
    for (int32_t i = 0; i < TOY_USERS; i++)
        map[i] = i;
    struct fit_control warm = {.warm = cold, .warm_user = map, .warm_item = map};
    const struct contract_case c = {cold->cls, "{\"of\":[\"ials:epochs=1\",\"popular\"]}", true};
    contract_ok(contract_create(w.ctx, &c, &w.m, err));
    contract_ok(model_fit(w.m, &w.tv, &warm, err));
    assert_true(contract_fingerprint(cold) != contract_fingerprint(w.m));
    model_free(cold);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single),      cmocka_unit_test(test_blend_sum),
        cmocka_unit_test(test_blend_rates), cmocka_unit_test(test_switch),
        cmocka_unit_test(test_cascade),     cmocka_unit_test(test_fusion),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_file),
        cmocka_unit_test(test_warm),
    };
    return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
