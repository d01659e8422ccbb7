/*
 * The engine over every model of the registry: an acknowledged event shows in the next answer, two
 * alike with different events get different lists, fold-in of a known history equals the user's own
 * list, filters, upserts, deletions, erasure, rules, restart; swap and rollback while others ask.
 */
#include "live_bed.h"

#include "live_bed.c"

#include <math.h>

enum { N_IDS = 128 };

/* ---- Every model ---- */

static void event_shows(struct bed *b)
{
    json_t *before = ask_user(b, "u5", 10), *after;
    char first[64];
    assert_int_equal(size_of(before), 10);
    snprintf(first, sizeof first, "%s", nth(before, 0));
    tell(b, "u5", first);
    after = ask_user(b, "u5", 10);
    assert_int_equal(size_of(after), 10);
    assert_false(holds(after, first));
    json_decref(before);
    json_decref(after);
    /* and after a restart */
    close_engine(b);
    open_engine(b);
    after = ask_user(b, "u5", 10);
    assert_false(holds(after, first));
    json_decref(after);
}

/* Strangers, alike at first. */
static void events_differ(struct bed *b)
{
    json_t *x = ask_user(b, "new-a", 5), *y = ask_user(b, "new-b", 5);
    assert_true(json_equal(json_object_get(x, "items"), json_object_get(y, "items")));
    if (!json_is_null(json_object_get(x, "fallback")))
        assert_string_equal(json_text(json_object_get(x, "fallback"), "code", ""), "no_history");
    json_decref(x);
    json_decref(y);
    for (int i = 0; i < 3; i++) {
        tell_nth(b, "new-a", 4 * i);     /* cluster 0 */
        tell_nth(b, "new-b", 4 * i + 1); /* cluster 1 */
    }
    x = ask_user(b, "new-a", 5);
    y = ask_user(b, "new-b", 5);
    buf_clear(&b->out);
    OK(live_models_json(b->l, &b->out, &b->err));
    json_t *models = answer(b);
    bool is_personal = json_is_true(
        json_object_get(json_array_get(json_object_get(models, "models"), 0), "personal"));
    if (is_personal)
        assert_false(json_equal(json_object_get(x, "items"), json_object_get(y, "items")));
    assert_true(json_is_null(json_object_get(x, "fallback")));
    json_decref(models);
    json_decref(x);
    json_decref(y);
}

/*
 * The training history, given by hand to a stranger, gives the user's own list and scores. (How
 * near the others come, tests/e2e/test_every_model.py says.)
 */
static void fold_in_equal(struct bed *b, const struct model_class *cls)
{
    struct live_history_item history[N_IDS];
    char ids[N_IDS][16];
    if (!(cls->flags & MODEL_CLOSED_FORM))
        return;
    json_t *own = ask_user(b, "u9", 10), *given;
    struct model *m;
    OK(model_load(b->ctx, b->path, &m, &b->err));
    struct history h = histories_of(&m->hist, ids_find(&m->users, "u9", 2));
    assert_true(h.n < N_IDS);
    for (int32_t i = 0; i < h.n; i++) {
        int32_t size;
        const char *id = ids_get(&m->items, h.item[i], &size);
        snprintf(ids[i], sizeof ids[i], "%.*s", (int)size, id);
        history[i] = (struct live_history_item){.item_id = ids[i],
                                                .value = h.value ? (double)h.value[i] : 1.0,
                                                .time = h.time ? h.time[i] : 1};
    }
    given = ask(b, &(struct live_query){.history = history, .n_history = h.n, .k = 10});
    for (size_t i = 0; i < 10; i++) {
        const json_t *x = json_array_get(json_object_get(own, "items"), i);
        const json_t *y = json_array_get(json_object_get(given, "items"), i);
        double a = json_double(x, "score", -1e30), c = json_double(y, "score", -1e30);
        assert_true(fabs(a - c) <= 1e-5 * fabs(a));
        assert_string_equal(json_text(x, "item_id", ""), json_text(y, "item_id", ""));
    }
    model_free(m);
    json_decref(own);
    json_decref(given);
}

static void items_change(struct bed *b)
{
    json_t *x = ask_user(b, "u3", 40), *y;
    size_t eligible = size_of(x);
    json_decref(x);
    put_item(b, "brand-new", "{\"title\":\"Brand <b>new</b>\",\"genre\":[\"jazz\"],\"year\":2026}");
    x = ask_user(b, "u3", 100);
    assert_int_equal(size_of(x), eligible + 1);
    assert_true(holds(x, "brand-new"));
    json_decref(x);
    x = ask(b, &(struct live_query){.user_id = "u3", .k = 5, .filter = "year == 2026"});
    assert_int_equal(size_of(x), 1);
    assert_string_equal(nth(x, 0), "brand-new");
    json_decref(x);
    delete_item(b, "brand-new");
    x = ask_user(b, "u3", 5);
    char first[64];
    snprintf(first, sizeof first, "%s", nth(x, 0));
    delete_item(b, first);
    y = ask_user(b, "u3", 100);
    assert_int_equal(size_of(y), eligible - 1);
    assert_false(holds(y, first));
    assert_false(holds(y, "brand-new"));
    json_decref(x);
    json_decref(y);
}

static void named_lists(struct bed *b)
{
    const char *pinned[] = {"", "i7"}, *deny[] = {"i1"}, *allow[] = {"i1", "i2", "i6", "nothing"};
    json_t *x = ask(
        b,
        &(struct live_query){
            .k = 8, .pinned = pinned, .n_pinned = 2, .deny = deny, .n_deny = 1, .explain = true});
    assert_string_equal(nth(x, 1), "i7");
    assert_false(holds(x, "i1"));
    assert_int_equal(size_of(x), 8);
    json_decref(x);
    x = ask(b,
            &(struct live_query){.k = 8, .allow = allow, .n_allow = 4, .deny = deny, .n_deny = 1});
    assert_int_equal(size_of(x), 2);
    json_decref(x);
}

static void erased_gone(struct bed *b)
{
    struct wait w;
    json_t *stranger, *x;
    tell(b, "u11", "i0");
    erase_user(b, "u11", &w);
    assert_non_null(strstr(w.result, "\"events_deleted\":1"));
    assert_non_null(strstr(w.result, b->path));
    stranger = ask_user(b, "never-seen", 10);
    for (int round = 0; round < 2; round++) {
        x = ask_user(b, "u11", 10);
        assert_true(json_equal(json_object_get(x, "items"), json_object_get(stranger, "items")));
        json_decref(x);
        buf_clear(&b->out);
        assert_int_equal(live_user_json(b->s, "u11", &b->out, &b->err), AKIN_E_NOT_FOUND);
        close_engine(b);
        open_engine(b);
    }
    json_decref(stranger);
}

static void test_models(void **state)
{
    (void)state;
    for (size_t i = 0; model_class_at(i); i++) {
        struct bed bed, *b = &bed;
        print_message("%s\n", model_class_at(i)->name);
        bed_make(b, model_class_at(i), NULL);
        fold_in_equal(b, model_class_at(i));
        event_shows(b);
        events_differ(b);
        items_change(b);
        named_lists(b);
        erased_gone(b);
        bed_free(b);
    }
}

/* ---- Swaps while others ask ---- */

static void test_swap(void **state)
{
    enum { SWAPS = 40 };
    struct bed bed, *b = &bed;
    struct askers askers;
    (void)state;
    bed_make(b, model_class_find("ials"), NULL);
    askers_start(&askers, b);
    for (int i = 0; i < SWAPS; i++) {
        if (i % 3 == 2)
            OK(live_model_rollback(b->l, "m", &b->err));
        else
            OK(live_model_load(b->l, "m", b->path, &b->err));
        tell(b, "u1", i % 2 ? "i3" : "i4");
    }
    assert_int_equal(live_model_load(b->l, "m", b->db, &b->err), AKIN_E_FORMAT);
    assert_int_equal(live_model_rollback(b->l, "other", &b->err), AKIN_E_NOT_FOUND);
    askers_stop(&askers);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_swap),
    };
    printf("seed %llu\n", (unsigned long long)bed_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
