/*
 * Items that come after a model that scores by attributes: ranked as their likes at once, also
 * after many changes, while others ask, and without memory.
 */
#include "live_bed.h"

#include "live_bed.c"

#include "live/engine.h"

#include <math.h>

/* Of the cluster and year of an item of the toy data, but its title. */
static void put_like(struct bed *b, const char *id, int item)
{
    char json[128];
    akin_error err;
    int32_t number;
    snprintf(json, sizeof json, "{\"title\":\"Item %d\",\"genre\":[\"genre%d\"],\"year\":%d}", item,
             item % TOY_CLUSTERS, 1990 + item % 30);
    json_t *object = json_loads(json, 0, NULL);
    assert_int_equal(catalog_put(b->l->catalog, id, strlen(id), object, &number, &err), AKIN_OK);
    json_decref(object);
}

static double score_of(const json_t *list, const char *item)
{
    for (size_t i = 0; i < size_of(list); i++)
        if (strcmp(nth(list, i), item) == 0)
            return json_number_value(
                json_object_get(json_array_get(json_object_get(list, "items"), i), "score"));
    return NAN;
}

/* The best of u5 that the model knows, and what an item that says the same has. */
static void expect_twin(struct bed *b, const char *twin, int64_t k)
{
    json_t *list = ask_user(b, "u5", k);
    char best[16];
    size_t at = 0;
    while (at < size_of(list) && nth(list, at)[0] != 'i')
        at++;
    assert_true(at < size_of(list));
    snprintf(best, sizeof best, "%s", nth(list, at));
    double score = score_of(list, best);
    assert_true(isnan(score_of(list, twin)));
    json_decref(list);
    put_like(b, twin, (int)strtol(best + 1, NULL, 10));
    list = ask_user(b, "u5", k);
    assert_true(fabs(score_of(list, twin) - score) < 1e-5);
    json_decref(list);
}

static void test_twin(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    bed_make(b, model_class_find("content"), NULL);
    expect_twin(b, "twin", 10);
    /* its reasons are those of its like, and add up the same */
    json_t *list = ask(b, &(struct live_query){.user_id = "u5", .k = 2, .explain = true});
    const json_t *items = json_object_get(list, "items");
    const json_t *a = json_array_get(json_object_get(json_array_get(items, 0), "reasons"), 0);
    const json_t *c = json_array_get(json_object_get(json_array_get(items, 1), "reasons"), 0);
    assert_true(holds(list, "twin"));
    assert_string_equal(json_text(a, "item_id", ""), json_text(c, "item_id", "-"));
    json_decref(list);
    /* one of nothing known, and one deleted, are in no place of theirs */
    put_item(b, "blank", "{}");
    delete_item(b, "twin");
    list = ask_user(b, "u5", 10);
    assert_false(holds(list, "twin") || holds(list, "blank"));
    json_decref(list);
    bed_free(b);
}

/* More changes than the catalogue remembers. */
static void test_many(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    bed_make(b, model_class_find("content"), NULL);
    for (int i = 0; i < 6000; i++) {
        char id[16];
        snprintf(id, sizeof id, "n%d", i % 50);
        put_like(b, id, TOY_CLUSTERS * i + (i < 5950)); /* in the end of the cluster of u4 */
    }
    json_t *list = ask_user(b, "u4", 20);
    size_t n = 0;
    for (size_t i = 0; i < size_of(list); i++)
        n += nth(list, i)[0] == 'n';
    assert_true(n > 10);
    json_decref(list);
    expect_twin(b, "twin", 60);
    bed_free(b);
}

static void test_while_asked(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    struct askers askers;
    bed_make(b, model_class_find("content"), NULL);
    askers_start(&askers, b);
    for (int i = 0; i < 300 || b->l->n_answers < 1000; i++) {
        char id[16];
        snprintf(id, sizeof id, "n%d", i % 40);
        put_like(b, id, i);
    }
    askers_stop(&askers);
    expect_twin(b, "twin", 60);
    bed_free(b);
}

/* Without memory an answer fails, and the next is whole. */
static void test_memory(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    bed_make(b, model_class_find("content"), NULL);
    json_decref(ask_user(b, "u5", 5));
    put_like(b, "new", 5);
    for (int64_t n = 1; n < 100; n++) {
        struct live_query q = {.user_id = "u5", .k = 60, .no_cache = true};
        buf_clear(&b->out);
        mem_fail_at(b->ctx->mem, n);
        akin_status status = live_recommend(b->s, &q, &b->out, &b->err);
        mem_fail_at(b->ctx->mem, 0);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
    json_t *list = ask_user(b, "u5", 60);
    assert_true(score_of(list, "new") > 0);
    json_decref(list);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twin),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_while_asked),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
