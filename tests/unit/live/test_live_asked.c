/*
 * What else the engine is told and asked: events that are refused, events twice, pages of events,
 * similar and popular items, search, export, the list cache, items given to be ranked.
 */
#include "live_bed.h"

#include "live_bed.c"

#include <math.h>

static void test_events_checked(void **state)
{
    static const struct {
        const char *body, *says;
    } bad[] = {
        {"[]", "give one event"},
        {"{\"user_id\":\"u1\"}", "event 0: item_id is missing"},
        {"[{\"user_id\":\"u1\",\"item_id\":\"i1\"},{\"user_id\":\"\",\"item_id\":\"i1\"}]",
         "event 1: user_id has 0 bytes"},
        {"{\"user_id\":\"u1\",\"item_id\":\"i1\",\"rating\":3}", "unknown key 'rating'"},
        {"{\"user_id\":\"u1\",\"item_id\":\"i1\",\"value\":\"3\"}", "value must be a number"},
        {"{\"user_id\":\"u1\",\"item_id\":\"i1\",\"time\":\"yesterday\"}", "time must be"},
        {"{\"user_id\":\"u1\",\"item_id\":\"i1\",\"time\":99999999999}", "time must be"},
        {"{\"user_id\":\"u1\",\"item_id\":\"i1\",\"context\":[]}", "context must be an object"},
        {"{\"user_id\":7,\"item_id\":\"i1\"}", "user_id must be a text"},
    };
    struct bed bed, *b = &bed;
    struct wait w = wait_new();
    (void)state;
    bed_make(b, model_class_find("popular"), NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *body = json_loads(bad[i].body, 0, NULL);
        assert_int_equal(live_put_events(b->l, body, on_done, &w, &b->err), AKIN_E_INPUT);
        if (!strstr(b->err.message, bad[i].says))
            fail_msg("%s: %s", bad[i].body, b->err.message);
        json_decref(body);
    }
    /* the same event twice is one */
    for (int i = 0; i < 2; i++) {
        json_t *body =
            json_loads("{\"events\":[{\"event_id\":\"e1\",\"user_id\":\"u1\",\"item_id\":"
                       "\"i1\",\"value\":4,\"time\":\"2026-01-02T03:04:05Z\"}]}",
                       0, NULL);
        w = wait_new();
        OK(live_put_events(b->l, body, on_done, &w, &b->err));
        wait_for(&w);
        assert_non_null(strstr(w.result, i ? "\"duplicates\":1" : "\"accepted\":1"));
        json_decref(body);
    }
    struct live_stats stats;
    live_stats(b->l, &stats);
    assert_int_equal(stats.overlay_events, 1);
    buf_clear(&b->out);
    OK(live_user_events(b->s, "u1", 0, 5, &b->out, &b->err));
    assert_non_null(strstr(b->out.data, "\"event_id\":\"e1\""));
    assert_non_null(strstr(b->out.data, "2026-01-02T03:04:05Z"));
    bed_free(b);
}

/* Pages cover the store's events and the model's, each once. */
static void test_pages(void **state)
{
    struct bed bed, *b = &bed;
    int64_t before = 0;
    size_t total = 0;
    (void)state;
    bed_make(b, model_class_find("popular"), NULL);
    for (int i = 0; i < 5; i++)
        tell_nth(b, "u2", i);
    struct model *m;
    OK(model_load(b->ctx, b->path, &m, &b->err));
    size_t trained = (size_t)histories_of(&m->hist, ids_find(&m->users, "u2", 2)).n;
    model_free(m);
    for (int page = 0; page < 100; page++) {
        buf_clear(&b->out);
        OK(live_user_events(b->s, "u2", before, 2, &b->out, &b->err));
        json_t *x = answer(b);
        total += json_array_size(json_object_get(x, "events"));
        const json_t *next = json_object_get(x, "next");
        before = json_integer_value(next);
        bool is_last = json_is_null(next);
        json_decref(x);
        if (is_last)
            break;
    }
    assert_int_equal(total, trained + 5);
    bed_free(b);
}

static void test_items_questions(void **state)
{
    struct bed bed, *b = &bed;
    json_t *x;
    (void)state;
    bed_make(b, model_class_find("itemknn"), NULL);
    buf_clear(&b->out);
    OK(live_similar(b->s, "i4", &(struct live_query){.k = 5}, &b->out, &b->err));
    x = answer(b);
    assert_int_equal(size_of(x), 5);
    assert_false(holds(x, "i4"));
    for (size_t i = 0; i < 5; i++) /* one taste cluster */
        assert_int_equal(strtol(nth(x, i) + 1, NULL, 10) % TOY_CLUSTERS, 0);
    json_decref(x);
    assert_int_equal(live_similar(b->s, "zz", &(struct live_query){.k = 5}, &b->out, &b->err),
                     AKIN_E_NOT_FOUND);
    assert_int_equal(live_together(b->s, "i4", &(struct live_query){.k = 5}, &b->out, &b->err),
                     AKIN_E_UNSUPPORTED);
    for (int i = 0; i < 4; i++) {
        char user[32];
        snprintf(user, sizeof user, "visitor%d", i);
        tell(b, user, "i12");
    }
    buf_clear(&b->out);
    OK(live_popular(b->s, 3600, &(struct live_query){.k = 3}, &b->out, &b->err));
    x = answer(b);
    assert_int_equal(size_of(x), 1);
    assert_string_equal(nth(x, 0), "i12");
    json_decref(x);
    buf_clear(&b->out);
    OK(live_item_users(b->s, "i8", &(struct live_query){.k = 5}, &b->out, &b->err));
    x = answer(b);
    assert_true(json_array_size(json_object_get(x, "users")) > 0);
    json_decref(x);
    buf_clear(&b->out);
    OK(live_search(b->s, "u1", 5, &b->out, &b->err));
    x = answer(b);
    const json_t *users = json_object_get(x, "users");
    assert_int_equal(json_array_size(users), 5);
    for (size_t i = 0; i < 5; i++) {
        const char *id = json_string_value(json_array_get(users, i));
        assert_memory_equal(id, "u1", 2);
        assert_true(i == 0 || strcmp(json_string_value(json_array_get(users, i - 1)), id) < 0);
    }
    json_decref(x);
    buf_clear(&b->out);
    OK(live_user_export(b->s, "visitor1", &b->out, &b->err));
    assert_non_null(strstr(b->out.data, "\"item_id\":\"i12\""));
    bed_free(b);
}

static void test_cache(void **state)
{
    struct bed bed, *b = &bed;
    struct live_stats stats;
    (void)state;
    bed_make(b, model_class_find("itemknn"), NULL);
    json_t *x = ask_user(b, "u4", 7), *y = ask_user(b, "u4", 7), *z;
    live_stats(b->l, &stats);
    assert_int_equal(stats.cache_hits, 1);
    assert_true(json_equal(x, y));
    tell(b, "u4", nth(x, 0));
    z = ask_user(b, "u4", 7);
    assert_false(json_equal(x, z));
    json_decref(x);
    json_decref(y);
    json_decref(z);
    bed_free(b);
}

static void test_rank_names_the_unknown(void **state)
{
    static const char *const items[] = {"i1", "nobody knows", "i2", "i3", "gone"};
    struct bed bed, *b = &bed;
    (void)state;
    bed_make(b, model_class_find("ials"), NULL);
    put_item(b, "gone", "{}");
    delete_item(b, "gone");
    delete_item(b, "i3");
    struct live_query q = {.user_id = "u1", .k = -1, .items = items, .n_items = 5};
    buf_clear(&b->out);
    OK(live_rank(b->s, &q, &b->out, &b->err));
    json_t *x = answer(b), *want = json_pack("[s,s,s]", items[1], items[3], items[4]);
    assert_int_equal(json_array_size(json_object_get(x, "items")), 2);
    assert_true(json_equal(json_object_get(x, "unknown"), want));
    json_decref(x);
    q.n_items = 1;
    buf_clear(&b->out);
    OK(live_rank(b->s, &q, &b->out, &b->err));
    x = answer(b);
    assert_true(json_is_array(json_object_get(x, "unknown")));
    assert_int_equal(json_array_size(json_object_get(x, "unknown")), 0);
    json_decref(x);
    q.n_items = 0;
    buf_clear(&b->out);
    OK(live_recommend(b->s, &q, &b->out, &b->err));
    assert_null(strstr(b->out.data, "\"unknown\""));
    json_decref(want);
    bed_free(b);
}

/* The users that a search finds, with commas. */
static const char *users_found(struct bed *b, const char *text, int64_t most)
{
    static char all[256];
    size_t i;
    json_t *user;
    all[0] = '\0';
    buf_clear(&b->out);
    OK(live_search(b->s, text, most, &b->out, &b->err));
    json_t *x = answer(b);
    json_array_foreach(json_object_get(x, "users"), i, user) {
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? "," : "", json_string_value(user));
    }
    json_decref(x);
    return all;
}

/* People whom no model knows are found as soon as an event of theirs is acknowledged. */
static void test_search_for_newcomers(void **state)
{
    struct bed bed, *b = &bed;
    struct wait w;
    (void)state;
    bed_make(b, model_class_find("popular"), NULL);
    assert_string_equal(users_found(b, "u1", 3), "u1,u10,u11");
    assert_string_equal(users_found(b, "v", 3), "");
    tell(b, "u10", "i1"); /* known to both: once */
    tell(b, "u1-new", "i1");
    tell(b, "u101x", "i1");
    tell(b, "visitor", "i1");
    assert_string_equal(users_found(b, "u1", 4), "u1,u1-new,u10,u101x");
    assert_string_equal(users_found(b, "u1", 2), "u1,u1-new");
    assert_string_equal(users_found(b, "v", 3), "visitor");
    erase_user(b, "visitor", &w);
    erase_user(b, "u1", &w);
    erase_user(b, "u10", &w);
    tell(b, "u10", "i2"); /* came back after it was erased */
    for (int round = 0; round < 2; round++) {
        assert_string_equal(users_found(b, "v", 3), "");
        assert_string_equal(users_found(b, "u1", 3), "u1-new,u10,u101x");
        close_engine(b);
        open_engine(b);
    }
    bed_free(b);
}

/* n events of kinds KIND-0, KIND-1, …, and a last one without an item if is_bad. */
static akin_status tell_kinds(struct bed *b, const char *kind, int n, bool is_bad)
{
    struct wait w = wait_new();
    json_t *all = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(all, json_pack("{s:s, s:s, s:o}", "user_id", "u1", "item_id", "i1",
                                             "event_type", json_sprintf("%s-%d", kind, i)));
    if (is_bad)
        json_array_append_new(all, json_pack("{s:s}", "user_id", "u1"));
    akin_status status = live_put_events(b->l, all, on_done, &w, &b->err);
    if (status == AKIN_OK)
        wait_for(&w);
    json_decref(all);
    return status;
}

/* There is room for LIVE_TYPES kinds of events: what is refused, or only asked by, takes none. */
static void test_kinds(void **state)
{
    enum { KINDS = 250 };
    struct live_history_item asked[2 * KINDS];
    char names[2 * KINDS][16];
    struct bed bed, *b = &bed;
    (void)state;
    bed_make(b, model_class_find("itemknn"), NULL);
    for (int i = 0; i < 2 * KINDS; i++) {
        snprintf(names[i], sizeof names[i], "asked-%d", i);
        asked[i] = (struct live_history_item){"i1", names[i], (double)NAN, 0};
    }
    json_decref(ask(b, &(struct live_query){.history = asked, .n_history = 2 * KINDS, .k = 3}));
    assert_int_equal(tell_kinds(b, "bad", KINDS, true), AKIN_E_INPUT);
    assert_int_equal(tell_kinds(b, "many", KINDS + 1, false), AKIN_E_INPUT);
    assert_non_null(strstr(b->err.message, "event type 'many-250': there are 250 kinds already"));
    int64_t most = b->p.max_overlay;
    b->p.max_overlay = KINDS - 1;
    close_engine(b);
    open_engine(b);
    assert_int_equal(tell_kinds(b, "held", KINDS, false), AKIN_E_LIMIT);
    assert_int_equal(tell_kinds(b, "good", KINDS - 1, false), AKIN_OK);
    b->p.max_overlay = most;
    close_engine(b);
    open_engine(b);
    assert_int_equal(tell_kinds(b, "last", 1, false), AKIN_OK);
    assert_int_equal(tell_kinds(b, "over", 1, false), AKIN_E_INPUT);
    assert_int_equal(tell_kinds(b, "good", KINDS - 1, false), AKIN_OK); /* known ones go on */
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_checked),         cmocka_unit_test(test_pages),
        cmocka_unit_test(test_items_questions),        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_rank_names_the_unknown), cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_search_for_newcomers),
    };
    printf("seed %llu\n", (unsigned long long)bed_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
