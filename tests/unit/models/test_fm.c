/*
 * fm: posterior means with columns of users, items and events against an independent sampler
 * (tests/golden/make_fm.py); the draw behind classes; planted interactions found by both solvers;
 * reasons that sum to the score; contexts of requests and of past events; what cannot be fitted.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../contract/toy_data.c"
#include "../../contract/toy_data.h"

#include "data/context.h"
#include "models/fm_fit.h"
#include "rank/rank.h"

#include "fm_golden.h"

enum { DEVICES = 3 };

struct bed {
    akin_ctx *ctx;
    struct dataset *ds;
    struct feedback *feedback;
    struct train_view tv;
    struct model *m;
    struct ranker *ranker;
    struct arena arena;
    akin_error err;
};

static int32_t number_of(const struct ids *ids, int32_t at)
{
    int32_t size;
    const char *id = ids_get(ids, at, &size); /* no byte ends it */
    int32_t out = 0;
    for (int32_t i = 1; i < size; i++)
        out = 10 * out + id[i] - '0';
    return out;
}

static int device_of_event(int32_t user, int32_t item)
{
    return (user + 2 * item) % DEVICES;
}

/* A column of events, by toy numbers. */
static void add_devices(struct bed *b, int (*device)(int32_t user, int32_t item))
{
    static const char *const names[] = {"device"};
    static const enum col_type types[] = {COL_CATEGORY};
    struct table_builder *t;
    int64_t n_bad = 0;
    assert_int_equal(table_builder_create(b->ctx, 1, names, types, &t, &b->err), AKIN_OK);
    for (int32_t u = 0; u < b->ds->users.n; u++)
        for (int64_t e = b->ds->user_ptr[u]; e < b->ds->user_ptr[u + 1]; e++) {
            char cell[16];
            int size = snprintf(
                cell, sizeof cell, "d%d",
                device(number_of(&b->ds->users, u), number_of(&b->ds->items, b->ds->item[e])));
            assert_int_equal(
                table_builder_row(t, (const char *[]){cell}, (int32_t[]){size}, &n_bad, &b->err),
                AKIN_OK);
        }
    assert_int_equal(table_builder_finish(t, NULL, 0, &b->ds->event_table, &b->err), AKIN_OK);
}

static akin_status bed_try(struct bed *b, uint64_t seed, const struct toy_event *events, int64_t n,
                           int (*device)(int32_t, int32_t), const char *positive,
                           const char *params)
{
    const struct feedback_params rule = {.positive = positive};
    memset(b, 0, sizeof *b);
    assert_int_equal(ctx_create(2, seed, 0, &b->ctx, &b->err), AKIN_OK);
    assert_int_equal(kern_select(b->ctx, NULL, &b->err), AKIN_OK);
    arena_init(&b->arena, b->ctx);
    assert_int_equal(toy_dataset(b->ctx, events, n, &b->ds, &b->err), AKIN_OK);
    if (device)
        add_devices(b, device);
    assert_int_equal(
        feedback_create(b->ctx, &rule, &b->ds->types, dataset_newest(b->ds), &b->feedback, &b->err),
        AKIN_OK);
    assert_int_equal(train_view_build(b->ctx, b->ds, b->feedback, NULL, &b->tv, &b->err), AKIN_OK);
    json_t *json = json_loads(params, 0, NULL);
    assert_non_null(json);
    assert_int_equal(model_create(b->ctx, model_class_find("fm"), json, &b->m, &b->err), AKIN_OK);
    json_decref(json);
    return model_fit(b->m, &b->tv, NULL, &b->err);
}

static void bed_make(struct bed *b, uint64_t seed, const struct toy_event *events, int64_t n,
                     int (*device)(int32_t, int32_t), const char *positive, const char *params)
{
    if (bed_try(b, seed, events, n, device, positive, params) != AKIN_OK)
        fail_msg("%s", b->err.message);
    struct scorer scorer = model_scorer(b->m);
    assert_int_equal(ranker_create(b->ctx, &scorer, &b->ranker, &b->err), AKIN_OK);
}

static void bed_free(struct bed *b)
{
    ranker_free(b->ranker);
    model_free(b->m);
    train_view_free(&b->tv);
    feedback_free(b->feedback);
    dataset_free(b->ds);
    arena_free(&b->arena);
    assert_int_equal(mem_used(b->ctx->mem), 0);
    ctx_free(b->ctx);
}

static const struct attributes *on_device(struct bed *b, const char *device)
{
    const struct attributes *a;
    json_t *object = json_pack("{s:s}", "device", device);
    assert_int_equal(arena_own(&b->arena, (void (*)(void *))json_decref, object, &b->err), AKIN_OK);
    assert_int_equal(context_read(object, &b->arena, &a, &b->err), AKIN_OK);
    return a;
}

/* Of a toy user for a toy item. */
static double score(struct bed *b, int32_t user, int32_t item, int device)
{
    char name[16];
    float out;
    int32_t at = toy_item(b->ds, item);
    struct query q = model_query_user(b->m, toy_user(b->ds, user));
    snprintf(name, sizeof name, "d%d", device);
    if (device >= 0)
        q.context = on_device(b, name);
    assert_int_equal(rank_score(b->ranker, &q, &at, 1, &out, &b->err), AKIN_OK);
    return (double)out;
}

/* ---- The posterior ---- */

enum { SEEDS = 4 };

static void against_golden(const char *params, const char *positive,
                           const double golden[GOLDEN_USERS][GOLDEN_ITEMS],
                           const double error[GOLDEN_USERS][GOLDEN_ITEMS], double most)
{
    static double of[SEEDS][GOLDEN_USERS][GOLDEN_ITEMS];
    double apart = 0, squares = 0;
    int n = GOLDEN_USERS * GOLDEN_ITEMS;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct bed b;
        bed_make(&b, seed + 1, golden_events, GOLDEN_RATINGS, device_of_event, positive, params);
        for (int32_t u = 0; u < GOLDEN_USERS; u++)
            for (int32_t i = 0; i < GOLDEN_ITEMS; i++)
                of[seed][u][i] = score(&b, u, i, (u + i) % DEVICES);
        bed_free(&b);
    }
    for (int32_t u = 0; u < GOLDEN_USERS; u++)
        for (int32_t i = 0; i < GOLDEN_ITEMS; i++) {
            double mean = 0, var = 0;
            for (int s = 0; s < SEEDS; s++)
                mean += of[s][u][i] / SEEDS;
            for (int s = 0; s < SEEDS; s++)
                var += (of[s][u][i] - mean) * (of[s][u][i] - mean) / (SEEDS * (SEEDS - 1));
            double off = mean - golden[u][i];
            apart += fabs(off);
            squares += off * off / (var + error[u][i] * error[u][i]);
        }
    printf("%d pairs, %.4f apart, in standard errors %.2f\n", n, apart / n, sqrt(squares / n));
    assert_true(apart / n < most);
    assert_true(squares / n < 4); /* the variance of a mean over few seeds is itself uncertain */
}

#define COLUMNS "\"columns\":[\"genre\",\"group\",\"device\"],\"noise\":0.001,\"factors\":2,"

static void golden_posterior(void **state)
{
    (void)state;
    against_golden("{" COLUMNS "\"samples\":900,\"thin\":2,\"burn_in\":200}", NULL, golden_values,
                   golden_values_error, 0.04);
}

/* The variance that a logistic error of size r had, by its mean weight, which is known. */
static void logistic_mixture(void **state)
{
    static const double at[] = {.002, .05, .5, 1, 2, 4, 8, 15};
    enum { DRAWS = 20000 };
    (void)state;
    for (size_t a = 0; a < sizeof at / sizeof at[0]; a++) {
        struct rng rng = rng_make(1, RNG_TEST, a);
        double sum = 0, squares = 0, e = exp(-at[a]);
        for (int i = 0; i < DRAWS; i++) {
            double weight = 1 / fm_draw_lambda(&rng, at[a]);
            sum += weight;
            squares += weight * weight;
        }
        double mean = sum / DRAWS, error = sqrt((squares / DRAWS - mean * mean) / DRAWS);
        assert_true(fabs(mean - (1 - e) / (1 + e) / at[a]) < 4 * error);
    }
}

/* ---- What is planted is found ---- */

enum { PEOPLE = 40, THINGS = 30 };

/* Nothing that user and item could stand for. */
static int flips(int32_t user, int32_t item)
{
    return (int)(rng_u64(5, RNG_TEST, (uint64_t)user, (uint64_t)item) & 1);
}

/* Groups like other genres, and so do devices. */
static double truth(int32_t user, int32_t item, int device)
{
    int genre = item % TOY_CLUSTERS, group = user % TOY_CLUSTERS;
    return 3 + (group % 2 == genre % 2 ? .7 : -.7) + (device == genre / 2 ? 1 : -1) +
           .2 * (item % 3);
}

static int64_t planted(struct toy_event *out)
{
    int64_t n = 0;
    struct rng rng = rng_make(11, RNG_TEST, 0);
    for (int32_t u = 0; u < PEOPLE; u++)
        for (int32_t i = u % 3; i < THINGS; i += 1 + (int32_t)rng_below(&rng, 2))
            out[n++] = (struct toy_event){
                u, i, (float)(truth(u, i, flips(u, i)) + .2 * (rng_double(&rng) - .5)), 1000 + n};
    return n;
}

/* Over pairs that nobody rated, on both devices. */
static double error_of(struct bed *b, const struct toy_event *events, int64_t n, bool with_context)
{
    double squares = 0;
    int64_t count = 0;
    for (int32_t u = 0; u < PEOPLE; u++)
        for (int32_t i = 0; i < THINGS; i++) {
            bool is_known = false;
            for (int64_t e = 0; e < n; e++)
                is_known = is_known || (events[e].user == u && events[e].item == i);
            for (int d = 0; d < 2 && !is_known; d++) {
                double off = score(b, u, i, with_context ? d : -1) - truth(u, i, d);
                squares += off * off;
                count++;
            }
        }
    arena_reset(&b->arena);
    return sqrt(squares / (double)count);
}

static void planted_interactions(void **state)
{
    static struct toy_event events[PEOPLE * THINGS];
    static const char *const solvers[] = {
        "{\"factors\":6,\"noise\":0.01,\"columns\":[\"genre\",\"group\",\"device\"]}",
        "{\"factors\":6,\"solver\":\"als\",\"reg\":1,\"linear_reg\":1,\"epochs\":60,"
        "\"columns\":[\"genre\",\"group\",\"device\"]}",
        "{\"factors\":6,\"solver\":\"sgd\",\"reg\":1,\"linear_reg\":1,\"epochs\":300,\"batch\":64,"
        "\"columns\":[\"genre\",\"group\",\"device\"]}",
        "{\"factors\":6,\"solver\":\"adagrad\",\"reg\":1,\"linear_reg\":1,\"epochs\":300,"
        "\"batch\":64,\"columns\":[\"genre\",\"group\",\"device\"]}"};
    int64_t n = planted(events);
    (void)state;
    for (int s = 0; s < 4; s++) {
        struct bed b;
        bed_make(&b, 2, events, n, flips, NULL, solvers[s]);
        double with = error_of(&b, events, n, true), without = error_of(&b, events, n, false);
        printf("rmse %.3f, without context %.3f\n", with, without);
        assert_true(with < .2);
        assert_true(without > .8);
        bed_free(&b);
    }
}

/* Which events are positives, on either device. */
static void planted_classes(void **state)
{
    static struct toy_event events[PEOPLE * THINGS];
    static const char *const solvers[] = {
        "{\"task\":\"classification\",\"factors\":4,\"columns\":[\"genre\",\"group\",\"device\"]}",
        "{\"task\":\"classification\",\"factors\":4,\"solver\":\"als\",\"reg\":0.3,"
        "\"columns\":[\"genre\",\"group\",\"device\"]}",
        "{\"task\":\"classification\",\"factors\":4,\"solver\":\"adagrad\",\"reg\":0.3,"
        "\"epochs\":200,\"batch\":64,\"columns\":[\"genre\",\"group\",\"device\"]}"};
    int64_t n = planted(events);
    (void)state;
    for (int s = 0; s < 3; s++) {
        struct bed b;
        int right = 0;
        bed_make(&b, 3, events, n, flips, "value > 3.2", solvers[s]);
        for (int32_t u = 0; u < PEOPLE; u++)
            for (int32_t i = 0; i < THINGS; i++)
                for (int d = 0; d < 2; d++)
                    right += (score(&b, u, i, d) > 0) == (truth(u, i, d) > 3.2);
        printf("%d of %d right\n", right, 2 * PEOPLE * THINGS);
        assert_true(right > 2 * PEOPLE * THINGS * 95 / 100);
        bed_free(&b);
    }
}

/* ---- Askers ---- */

static const char *const small = "{\"factors\":3,\"samples\":5,\"thin\":2,\"noise\":0.01}";

/* Reasons are what the score is above that of the same one without events. */
static void reasons_sum_up(void **state)
{
    struct bed b;
    (void)state;
    bed_make(&b, 4, golden_events, GOLDEN_RATINGS, device_of_event, NULL, small);
    for (int32_t u = 0; u < GOLDEN_USERS; u++)
        for (int32_t i = 0; i < GOLDEN_ITEMS; i++) {
            struct query q = model_query_user(b.m, u), bare = q;
            struct reason r[GOLDEN_ITEMS];
            float all, none;
            int32_t n;
            double sum = 0;
            bare.hist.n = 0;
            q.context = bare.context = on_device(&b, "d1");
            assert_int_equal(rank_score(b.ranker, &q, &i, 1, &all, &b.err), AKIN_OK);
            assert_int_equal(rank_score(b.ranker, &bare, &i, 1, &none, &b.err), AKIN_OK);
            assert_int_equal(
                b.m->cls->scorer.explain(b.m->self, &q, i, r, GOLDEN_ITEMS, &n, &b.arena, &b.err),
                AKIN_OK);
            assert_int_equal(n, q.hist.n);
            for (int32_t j = 0; j < n; j++)
                sum += (double)r[j].contribution;
            assert_true(fabs(sum - (double)(all - none)) < 2e-4);
        }
    bed_free(&b);
}

/* Past events keep their context while the history goes on; unknown values say nothing. */
static void contexts(void **state)
{
    struct bed b;
    (void)state;
    bed_make(&b, 5, golden_events, GOLDEN_RATINGS, device_of_event, NULL, small);
    for (int32_t u = 0; u < GOLDEN_USERS; u++) {
        struct query q = model_query_user(b.m, u);
        float trained[GOLDEN_ITEMS], other[GOLDEN_ITEMS];
        assert_int_equal(rank_scores_all(b.ranker, &q, trained, &b.err), AKIN_OK);
        q.is_trained = false;
        assert_int_equal(rank_scores_all(b.ranker, &q, other, &b.err), AKIN_OK);
        assert_memory_equal(trained, other, sizeof trained);
        q.context = on_device(&b, "never seen");
        assert_int_equal(rank_scores_all(b.ranker, &q, other, &b.err), AKIN_OK);
        assert_memory_equal(trained, other, sizeof trained);
        q.context = on_device(&b, "d2");
        assert_int_equal(rank_scores_all(b.ranker, &q, other, &b.err), AKIN_OK);
        assert_memory_not_equal(trained, other, sizeof trained);
    }
    bed_free(&b);
}

/* An item known by its columns alone scores as one that is in the table and was never rated. */
static void late_items(void **state)
{
    struct bed b;
    int32_t cold = 6; /* of make_bmf.py: nobody rated it */
    (void)state;
    bed_make(&b, 6, golden_events, GOLDEN_RATINGS, device_of_event, NULL, small);
    const struct item_source source = {.items = &b.m->item_table};
    struct item_at at = {&source, toy_item(b.ds, cold)};
    const struct attributes a = item_attributes(&at);
    struct item_state late;
    assert_int_equal(b.m->cls->scorer.fold_in_item(b.m->self, &a, &late, &b.arena, &b.err),
                     AKIN_OK);
    assert_true(late.n > 0);
    for (int32_t u = 0; u < GOLDEN_USERS; u++) {
        struct query q = model_query_user(b.m, toy_user(b.ds, u));
        float of_late;
        q.context = on_device(&b, "d0");
        assert_int_equal(
            b.m->cls->scorer.score_states(b.m->self, &q, &late, 1, &of_late, &b.arena, &b.err),
            AKIN_OK);
        assert_true(fabs((double)of_late - score(&b, u, cold, 0)) < 1e-4);
    }
    bed_free(&b);
}

/* ---- Input ---- */

static void refused(void **state)
{
    struct toy_event odd[2] = {golden_events[0], golden_events[1]};
    static const struct {
        const char *positive, *params, *message;
    } cases[] = {
        {NULL, "{\"task\":\"classification\"}", "needs two classes"},
        {"value >= 100", "{\"task\":\"classification\"}", "are negatives"},
        {NULL, "{\"columns\":[\"nowhere\"]}", "'nowhere' is no column"},
    };
    struct bed b;
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        assert_true(bed_try(&b, 1, golden_events, GOLDEN_RATINGS, NULL, cases[c].positive,
                            cases[c].params) != AKIN_OK);
        assert_non_null(strstr(b.err.message, cases[c].message));
        bed_free(&b);
    }
    for (int x = 0; x < 2; x++) {
        odd[0].value = x ? NAN : INFINITY;
        assert_int_equal(bed_try(&b, 1, odd, 2, NULL, NULL, "{}"), AKIN_E_INPUT);
        assert_non_null(strstr(b.err.message, "not finite"));
        bed_free(&b);
    }
}

/* One rating, one user, one item, one value: predictions stay where the ratings are. */
static void hardly_anything(void **state)
{
    static const struct toy_event one[] = {{0, 0, 4, 1600000000}};
    static const struct toy_event user[] = {{0, 0, 4, 1}, {0, 1, 2, 2}, {0, 2, 3, 3}};
    static const struct toy_event item[] = {{0, 0, 4, 1}, {1, 0, 2, 2}, {2, 0, 3, 3}};
    static const struct toy_event constant[] = {{0, 0, 4, 1}, {1, 0, 4, 2}, {0, 1, 4, 3}};
    static const struct {
        const struct toy_event *events;
        int64_t n;
    } cases[] = {{one, 1}, {user, 3}, {item, 3}, {constant, 3}};
    static const char *const params[] = {"{}", "{\"solver\":\"als\"}", "{\"task\":\"ranking\"}",
                                         "{\"solver\":\"sgd\"}", "{\"solver\":\"adagrad\"}"};
    (void)state;
    for (int c = 0; c < 20; c++) {
        struct bed b;
        bed_make(&b, 1, cases[c % 4].events, cases[c % 4].n, flips, NULL, params[c / 4]);
        for (int32_t u = 0; u < b.m->users.n; u++)
            for (int32_t i = 0; i < b.m->items.n; i++) {
                double x = score(&b, u, i, 1);
                assert_true(c / 4 == 2 ? isfinite(x) : x > 0 && x < 6);
            }
        bed_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_posterior),     cmocka_unit_test(logistic_mixture),
        cmocka_unit_test(planted_interactions), cmocka_unit_test(planted_classes),
        cmocka_unit_test(reasons_sum_up),       cmocka_unit_test(contexts),
        cmocka_unit_test(late_items),           cmocka_unit_test(refused),
        cmocka_unit_test(hardly_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
