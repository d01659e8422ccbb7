/*
 * Users like a user, over every model of the registry, against a naive count and a naive cosine.
 */
#include "live_bed.h"

#include "live_bed.c"

#include <math.h>

enum { PER_CLUSTER = TOY_USERS / TOY_CLUSTERS };

/* With vectors: as many factors as tastes; with more, 40 items do not fill them, and states tell
 * persons apart rather than tastes. */
static json_t *few_factors(const struct model_class *cls)
{
    bool has_length = param_find(cls->params, cls->n_params, "factors");
    return cls->scorer.vectors && has_length ? json_pack("{s:i}", "factors", TOY_CLUSTERS) : NULL;
}

/* Users like a user: (list, to be released by the caller). */
static json_t *like(struct bed *b, const char *user, int64_t k)
{
    buf_clear(&b->out);
    OK(live_user_similar(b->s, user, &(struct live_query){.k = k}, &b->out, &b->err));
    json_t *all = answer(b), *users = json_incref(json_object_get(all, "users"));
    assert_string_equal(json_text(all, "user_id", ""), user);
    assert_true(json_is_array(users));
    json_decref(all);
    return users;
}

static const char *user_at(const json_t *users, size_t i)
{
    return json_text(json_array_get(users, i), "user_id", "");
}

static bool has_user(const json_t *users, const char *user)
{
    for (size_t i = 0; i < json_array_size(users); i++)
        if (strcmp(user_at(users, i), user) == 0)
            return true;
    return false;
}

/* The others of the own cluster come before everybody else; best first; never the user itself. */
static void cluster_first(struct bed *b, const char *user, int cluster, size_t n)
{
    json_t *users = like(b, user, TOY_USERS + 10);
    double last = HUGE_VAL;
    assert_true(json_array_size(users) >= n);
    for (size_t i = 0; i < json_array_size(users); i++) {
        double score = json_double(json_array_get(users, i), "score", NAN);
        assert_true(score <= last);
        last = score;
        assert_string_not_equal(user_at(users, i), user);
        if (i < n)
            assert_int_equal(strtol(user_at(users, i) + 1, NULL, 10) % TOY_CLUSTERS, cluster);
    }
    json_t *few = like(b, user, 3), *none = like(b, user, 0);
    assert_int_equal(json_array_size(few), 3);
    assert_int_equal(json_array_size(none), 0);
    for (size_t i = 0; i < 3; i++)
        assert_true(json_equal(json_array_get(few, i), json_array_get(users, i)));
    json_decref(few);
    json_decref(none);
    json_decref(users);
}

/* Positives in common by those of either; nothing is repeated in the toy data. */
static double naive_jaccard(const struct model *m, int32_t u, int32_t v)
{
    struct history x = histories_of(&m->hist, u), y = histories_of(&m->hist, v);
    int n_x = 0, n_y = 0, n_both = 0;
    for (int32_t i = 0; i < x.n; i++)
        n_x += !x.weight || x.weight[i] > 0.0f;
    for (int32_t j = 0; j < y.n; j++)
        n_y += !y.weight || y.weight[j] > 0.0f;
    for (int32_t i = 0; i < x.n; i++)
        for (int32_t j = 0; j < y.n; j++)
            n_both += x.item[i] == y.item[j] && (!x.weight || x.weight[i] > 0.0f) &&
                      (!y.weight || y.weight[j] > 0.0f);
    return n_both / (double)(n_x + n_y - n_both);
}

static double naive_cosine(struct bed *b, const struct model *m, int32_t u, int32_t v)
{
    struct scorer s = model_scorer(m);
    struct item_vectors vectors;
    s.cls->vectors(s.self, &vectors);
    float *x = arena_alloc(&b->arena, vectors.k, sizeof *x, &b->err);
    float *y = arena_alloc(&b->arena, vectors.k, sizeof *y, &b->err);
    struct query p = model_query_user(m, u), q = model_query_user(m, v);
    OK(s.cls->fold_in(s.self, &p, x, &b->arena, &b->err));
    OK(s.cls->fold_in(s.self, &q, y, &b->arena, &b->err));
    double xy = 0, xx = 0, yy = 0;
    for (int32_t i = 0; i < vectors.k; i++) {
        xy += (double)x[i] * (double)y[i];
        xx += (double)x[i] * (double)x[i];
        yy += (double)y[i] * (double)y[i];
    }
    return xy / sqrt(xx * yy);
}

static void scores_are_exact(struct bed *b)
{
    struct model *m;
    json_t *users = like(b, "u6", TOY_USERS);
    OK(model_load(b->ctx, b->path, &m, &b->err));
    int32_t own = ids_find(&m->users, "u6", 2);
    bool has_vectors = m->cls->scorer.vectors && !(model_scorer(m).flags & SCORER_RATES);
    if (has_vectors)
        assert_int_equal(json_array_size(users), TOY_USERS - 1);
    for (size_t i = 0; i < json_array_size(users); i++) {
        const char *id = user_at(users, i);
        int32_t v = ids_find(&m->users, id, strlen(id));
        double want = has_vectors ? naive_cosine(b, m, own, v) : naive_jaccard(m, own, v);
        double got = json_double(json_array_get(users, i), "score", NAN);
        assert_true(fabs(got - want) <= 1e-6);
    }
    model_free(m);
    json_decref(users);
}

/* By events of this second: a stranger joins a cluster, an erased user is in no list. */
static void as_of_now(struct bed *b)
{
    struct wait w;
    akin_status unknown =
        live_user_similar(b->s, "stranger", &(struct live_query){.k = 5}, &b->out, &b->err);
    assert_int_equal(unknown, AKIN_E_NOT_FOUND);
    for (int i = 0; i < 5; i++)
        tell_nth(b, "stranger", 4 * i + 2);
    cluster_first(b, "stranger", 2, PER_CLUSTER);
    tell_nth(b, "u7", 3);
    cluster_first(b, "u7", 3, PER_CLUSTER - 1);
    erase_user(b, "u11", &w);
    cluster_first(b, "u7", 3, PER_CLUSTER - 2);
    json_t *users = like(b, "u7", TOY_USERS);
    assert_false(has_user(users, "u11"));
    json_decref(users);
    assert_int_equal(live_user_similar(b->s, "u11", &(struct live_query){.k = 5}, &b->out, &b->err),
                     AKIN_E_NOT_FOUND);
}

static void test_user_similar(void **state)
{
    (void)state;
    for (size_t i = 0; model_class_at(i); i++) {
        struct bed bed, *b = &bed;
        printf("  %s\n", model_class_at(i)->name);
        bed_make(b, model_class_at(i), few_factors(model_class_at(i)));
        for (int u = 0; u < 8; u++) {
            char user[16];
            snprintf(user, sizeof user, "u%d", u);
            cluster_first(b, user, u % TOY_CLUSTERS, PER_CLUSTER - 1);
        }
        scores_are_exact(b);
        as_of_now(b);
        assert_int_equal(live_user_similar(b->s, "u1", &(struct live_query){.k = b->p.max_k + 1},
                                           &b->out, &b->err),
                         AKIN_E_ARG);
        bed_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user_similar),
    };
    printf("seed %llu\n", (unsigned long long)bed_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
