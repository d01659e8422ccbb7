/*
 * keeper.c: events older than retention leave the store, memory and answers; events that every
 * model was trained on leave memory alone, and come back for an older model; popular counts each
 * once.
 */
#include "live_bed.h"

#include "live/engine.h"
#include "live_bed.c"

enum { DAY_SECONDS = 86400 };

static void tell_at(struct bed *b, const char *user, const char *item, const char *type,
                    int64_t time)
{
    tell_json(b, json_pack("{s:s, s:s, s:s, s:I}", "user_id", user, "item_id", item, "event_type",
                           type, "time", (json_int_t)time));
}

static int64_t overlay(struct bed *b)
{
    struct live_stats stats;
    live_stats(b->l, &stats);
    return stats.overlay_events;
}

static bool offers(struct bed *b, const char *user, const char *item)
{
    json_t *list = ask_user(b, user, TOY_ITEMS);
    bool is_there = holds(list, item);
    json_decref(list);
    return is_there;
}

static void test_retention(void **state)
{
    struct bed bed, *b = &bed;
    int64_t now = live_now();
    (void)state;
    bed_make(b, model_class_find("itemknn"), NULL);
    close_engine(b);
    b->p.retention = json_pack("{s:i, s:s}", "view", 30, "*", "365");
    open_engine(b);
    json_decref(b->p.retention);
    b->p.retention = NULL;
    tell_at(b, "new", "i1", "view", now - 40 * DAY_SECONDS);
    tell_at(b, "new", "i2", "buy", now - 40 * DAY_SECONDS);
    tell_at(b, "new", "i3", "view", now - 20 * DAY_SECONDS);
    tell_at(b, "new", "i4", "buy", now - 400 * DAY_SECONDS);
    tell_at(b, "old", "i5", "view", now - 31 * DAY_SECONDS);
    for (int i = 1; i <= 4; i++) {
        char id[16];
        snprintf(id, sizeof id, "i%d", i);
        assert_false(offers(b, "new", id));
    }
    OK(live_sweep(b->l, now, &b->err));
    assert_true(offers(b, "new", "i1"));
    assert_false(offers(b, "new", "i2"));
    assert_false(offers(b, "new", "i3"));
    assert_true(offers(b, "new", "i4"));
    assert_true(offers(b, "old", "i5"));
    assert_int_equal(overlay(b), 2);
    struct store_info info;
    store_info(live_store(b->l), &info);
    assert_int_equal(info.n_events, 2);
    buf_clear(&b->out);
    OK(live_user_export(b->s, "new", &b->out, &b->err));
    assert_null(strstr(b->out.data, "\"i1\""));
    assert_non_null(strstr(b->out.data, "\"i2\""));
    close_engine(b);
    open_engine(b);
    assert_int_equal(overlay(b), 2);
    bed_free(b);
}

static void test_wrong_rules(void **state)
{
    static const char *const wrong[] = {"{\"view\": 0}", "{\"view\": -1}", "{\"view\": \"soon\"}",
                                        "{\"view\": []}"};
    struct bed bed, *b = &bed;
    struct live *l;
    (void)state;
    bed_make(b, model_class_find("popular"), NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct live_options options = {.params = &b->p};
        b->p.retention = json_loads(wrong[i], 0, NULL);
        assert_int_equal(live_create(b->ctx, &options, &l, &b->err), AKIN_E_ARG);
        assert_non_null(strstr(b->err.message, "view"));
        json_decref(b->p.retention);
    }
    bed_free(b);
}

/* Of the generation that answers: as if it had been trained on the store up to there. */
static void trained_up_to(struct bed *b, int64_t seq)
{
    pthread_rwlock_wrlock(&b->l->models_lock);
    b->l->entry[0].current->m->watermark = seq;
    pthread_rwlock_unlock(&b->l->models_lock);
}

static double count_of(struct bed *b, const char *item)
{
    double count = 0;
    struct live_query q = {.k = TOY_ITEMS};
    buf_clear(&b->out);
    OK(live_popular(b->s, 0, &q, &b->out, &b->err));
    json_t *list = answer(b);
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(list, "items"), i, one)
        if (strcmp(json_text(one, "item_id", ""), item) == 0)
            count = json_number_value(json_object_get(one, "score"));
    json_decref(list);
    return count;
}

static void test_forgotten_and_remembered(void **state)
{
    struct bed bed, *b = &bed;
    (void)state;
    bed_make(b, model_class_find("itemknn"), NULL);
    double before = count_of(b, "i1");
    tell(b, "someone", "i1");
    tell(b, "someone", "i2");
    tell(b, "other", "i1");
    assert_true(count_of(b, "i1") == before + 2);
    OK(live_sweep(b->l, live_now(), &b->err));
    assert_int_equal(overlay(b), 3); /* the model knows none of them */
    trained_up_to(b, 2);
    assert_true(count_of(b, "i1") == before + 1);
    OK(live_sweep(b->l, live_now(), &b->err));
    assert_int_equal(overlay(b), 1);
    assert_false(offers(b, "other", "i1"));
    /* the file knows nothing of the store: with it the events are back, and stay while it may be
     * rolled back to */
    OK(live_model_load(b->l, "m", b->path, &b->err));
    assert_int_equal(overlay(b), 3);
    assert_false(offers(b, "someone", "i1"));
    assert_false(offers(b, "someone", "i2"));
    trained_up_to(b, 3);
    OK(live_sweep(b->l, live_now(), &b->err));
    assert_int_equal(overlay(b), 1); /* the generation before knows 2 */
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retention),
        cmocka_unit_test(test_wrong_rules),
        cmocka_unit_test(test_forgotten_and_remembered),
    };
    printf("seed %llu\n", (unsigned long long)bed_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
