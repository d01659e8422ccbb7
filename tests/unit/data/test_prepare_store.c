/* prepare from a store, and a store merged into a dataset. */
#include "source_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

static void file_put(struct fixture *f, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static char *cell(const struct table *t, const struct ids *ids, const char *id, const char *column)
{
    static char text[128];
    const struct column *c = table_find(t, column);
    int32_t row = ids_find(ids, id, strlen(id));
    assert_non_null(c);
    assert_true(row >= 0);
    table_cell_text(c, row, text, sizeof text);
    return text;
}

static const char head[] = "user_id,item_id,event_type,value,time\n";

/* ---- tests ---- */

static void test_store_is_as_csv(void **state)
{
    struct fixture *f = *state;
    put_rows(f, "u1 i1 view 1.5 101\nu1 i2 buy 0.1 100\nu2 i1 view 3 90\n"
                "10 20 view -4 95\nu1 i1 view 2 300\n");
    struct prepared a = prepare_of(f, f->url, NULL, "");
    struct prepared b =
        prepare_string(f->ctx, "a.csv",
                       "user_id,item_id,event_type,value,time\nu1,i1,view,1.5,101\n"
                       "u1,i2,buy,0.1,100\nu2,i1,view,3,90\n10,20,view,-4,95\nu1,i1,view,2,300\n",
                       "{}");
    assert_int_equal(a.status, AKIN_OK);
    assert_int_equal(dataset_fingerprint(a.ds), dataset_fingerprint(b.ds));
    assert_int_equal(a.ds->watermark, 5);
    assert_int_equal(b.ds->watermark, 0);
    assert_int_equal(dropped(&a, "duplicate"), 1);
    assert_int_equal(json_int(a.report, "watermark", -1), 5);
    prepared_free(&a);
    /* the event's context, where it is asked for */
    a = prepare_of(f, f->url, NULL, ",\"context\":[\"device\"]");
    assert_int_equal(a.status, AKIN_OK);
    const struct column *device = table_find(&a.ds->event_table, "device");
    assert_non_null(device);
    char text[16];
    int n_phone = 0;
    for (int64_t e = 0; e < a.ds->n_events; e++) {
        table_cell_text(device, e, text, sizeof text);
        n_phone += strcmp(text, "phone") == 0;
        assert_int_equal(text[0] != '\0', a.ds->time[e] % 2);
    }
    assert_int_equal(n_phone, 1);
    prepared_free(&a);
    prepared_free(&b);
}

/* No value anywhere: implicit. A value somewhere: events without one count as 1. */
static void test_missing_values_and_types(void **state)
{
    struct fixture *f = *state;
    put_rows(f, "u1 i1 - - 100\nu2 i2 - - 101\n");
    struct prepared a = prepare_of(f, f->url, NULL, "");
    assert_int_equal(a.status, AKIN_OK);
    assert_null(a.ds->value);
    assert_null(a.ds->type);
    prepared_free(&a);
    put_rows(f, "u1 i2 rate 4 102\n");
    a = prepare_of(f, f->url, NULL, "");
    assert_int_equal(a.status, AKIN_OK);
    assert_events(a.ds, "u1", "i1 1 @100 t0\ni2 4 @102 t1\n");
    assert_int_equal(defects_sum(&a), 0);
    prepared_free(&a);
}

/* The merge of a dataset and what came later is the dataset of all, for any split of the events. */
static void test_merge_is_union(void **state)
{
    struct fixture *f = *state;
    static char rows[2][16384], csv[32768];
    uint64_t x = 88172645463325252u;
    printf("seed %llu\n", (unsigned long long)x);
    size_t n[2] = {0, 0}, n_csv = 0;
    n_csv += (size_t)snprintf(csv, sizeof csv, "%s", head);
    for (int i = 0; i < 400; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        int user = (int)(x % 17), item = (int)(x / 17 % 23), half = i >= 250;
        double value = (double)(x / 391 % 50) / 10;
        const char *type = x / 19550 % 3 ? "view" : "buy";
        n[half] += (size_t)snprintf(rows[half] + n[half], sizeof rows[0] - n[half],
                                    "%d i%d %s %g %d\n", user, item, type, value, 5000 + i);
        n_csv += (size_t)snprintf(csv + n_csv, sizeof csv - n_csv, "%d,i%d,%s,%g,%d\n", user, item,
                                  type, value, 5000 + i);
    }
    put_rows(f, rows[0]);
    struct prepared a = prepare_of(f, f->url, NULL, "");
    assert_int_equal(a.status, AKIN_OK);
    assert_int_equal(a.ds->watermark, 250);
    save_base(f, &a);
    put_rows(f, rows[1]);
    struct prepared all = prepare_string(f->ctx, "all.csv", csv, "{}");
    uint64_t want = dataset_fingerprint(all.ds);
    a = prepare_of(f, f->base, f->url, "");
    struct prepared b = prepare_of(f, f->url, f->base, "");
    struct prepared c = prepare_of(f, f->url, NULL, "");
    assert_int_equal(dataset_fingerprint(a.ds), want);
    assert_int_equal(dataset_fingerprint(b.ds), want);
    assert_int_equal(dataset_fingerprint(c.ds), want);
    assert_int_equal(a.ds->watermark, 400);
    /* only what is newer was read */
    assert_int_equal(json_int(a.report, "rows", 0) < 400, 1);
    prepared_free(&b);
    prepared_free(&c);
    prepared_free(&all);
    save_base(f, &a);
    /* nothing new: the same again, and a dataset alone is itself */
    a = prepare_of(f, f->base, f->url, "");
    b = prepare_of(f, f->base, NULL, "");
    assert_int_equal(dataset_fingerprint(a.ds), want);
    assert_int_equal(dataset_fingerprint(b.ds), want);
    assert_int_equal(a.ds->watermark, 400);
    assert_int_equal(b.ds->watermark, 400);
    prepared_free(&a);
    prepared_free(&b);
}

/* A dataset with all tables, made of files. */
static void make_base(struct fixture *f)
{
    char more[512], csv[96];
    file_put(f, "r.csv",
             "user_id,item_id,event_type,value,time\nu1,i1,view,1,10\nu1,i2,view,1,11\n"
             "u2,i1,view,1,12\nu2,i3,buy,2,13\nu3,i2,view,1,14\n");
    file_put(f, "i.csv",
             "item_id,title,genres,price\ni1,One (1995),A|B,1.5\n"
             "i2,\"Two, x (1996)\",B,\ni3,Three (1997),,3\ni4,Four (1998),C,4\n");
    file_put(f, "u.csv", "user_id,gender,age\nu1,F,30\nu2,M,\nu9,M,50\n");
    file_put(f, "t.csv", "user_id,item_id,tag,time\nu1,i1,fun,9\nu2,i1,dull,8\nzz,i3,odd,7\n");
    snprintf(csv, sizeof csv, "%s/r.csv", f->dir);
    snprintf(more, sizeof more,
             ",\"items\":\"%s/i.csv\",\"users\":\"%s/u.csv\",\"tags\":\"%s/t.csv\"", f->dir, f->dir,
             f->dir);
    struct prepared a = prepare_of(f, csv, NULL, more);
    assert_int_equal(a.status, AKIN_OK);
    save_base(f, &a);
}

static void test_tables_go_along(void **state)
{
    struct fixture *f = *state;
    make_base(f);
    put_rows(f, "u4 i5 view 1 20\n");
    put_word(f, STORE_ITEM, "i1", "{\"title\":\"One again\",\"price\":7}");
    put_word(f, STORE_ITEM, "i6", "{\"item_id\":\"i6\",\"title\":\"Six\",\"categories\":[\"C\"]}");
    put_word(f, STORE_USER, "u4", "{\"age\":41}");
    put_word(f, STORE_USER, "u2", "{\"user_id\":\"u1\",\"gender\":\"X\"}");
    struct prepared a = prepare_of(f, f->base, f->url, "");
    assert_int_equal(a.status, AKIN_OK);
    const struct dataset *d = a.ds;
    assert_int_equal(defects_sum(&a), 0);
    assert_int_equal(d->watermark, 5);
    assert_int_equal(d->items.n, 6);
    assert_int_equal(d->users.n, 5);
    assert_string_equal(cell(&d->item_table, &d->items, "i1", "title"), "One again");
    assert_string_equal(cell(&d->item_table, &d->items, "i1", "categories"), "");
    assert_string_equal(cell(&d->item_table, &d->items, "i1", "price"), "7");
    assert_string_equal(cell(&d->item_table, &d->items, "i2", "title"), "Two, x (1996)");
    assert_string_equal(cell(&d->item_table, &d->items, "i2", "year"), "1996");
    assert_string_equal(cell(&d->item_table, &d->items, "i4", "categories"), "C");
    assert_string_equal(cell(&d->item_table, &d->items, "i6", "categories"), "C");
    assert_string_equal(cell(&d->item_table, &d->items, "i5", "title"), "");
    assert_int_equal(table_find(&d->item_table, "price")->type, COL_NUMBER);
    assert_int_equal(table_find(&d->item_table, "categories")->type, COL_CATEGORY);
    assert_string_equal(cell(&d->user_table, &d->users, "u4", "age"), "41");
    assert_string_equal(cell(&d->user_table, &d->users, "u1", "gender"), "F");
    assert_string_equal(cell(&d->user_table, &d->users, "u2", "gender"), "X");
    assert_string_equal(cell(&d->user_table, &d->users, "u9", "age"), "50");
    assert_int_equal(d->n_tags, 3);
    save_base(f, &a);
    /* an older word does not come back */
    a = prepare_of(f, f->base, f->url, "");
    assert_string_equal(cell(&a.ds->item_table, &a.ds->items, "i1", "title"), "One again");
    assert_int_equal(a.ds->n_tags, 3);
    prepared_free(&a);
}

static void test_erased_and_deleted(void **state)
{
    struct fixture *f = *state;
    make_base(f);
    put_rows(f, "u1 i3 view 1 20\nu2 i4 view 1 21\nu3 i3 view 1 22\n");
    put_word(f, STORE_USER, "u1", "{\"age\":31}");
    int64_t seq = erase(f, "u1");
    put_word(f, STORE_ITEM, "i2", NULL);
    put_word(f, STORE_ITEM, "i4", NULL);
    put_word(f, STORE_ITEM, "i4", "{\"title\":\"Four is back\"}");
    struct prepared a = prepare_of(f, f->base, f->url, "");
    assert_int_equal(a.status, AKIN_OK);
    assert_int_equal(ids_find(&a.ds->users, "u1", 2), -1);
    assert_int_equal(ids_find(&a.ds->items, "i2", 2), -1);
    assert_events(a.ds, "u3", "i3 1 @22 t1\n");
    assert_events(a.ds, "u2", "i1 1 @12 t1\ni3 2 @13 t0\ni4 1 @21 t1\n");
    assert_string_equal(cell(&a.ds->item_table, &a.ds->items, "i4", "title"), "Four is back");
    assert_int_equal(dropped(&a, "unknown_item"), 1);
    assert_int_equal(json_int(a.report, "erased_events", -1), 2);
    assert_int_equal(a.ds->n_tags, 2);
    assert_true(a.ds->watermark > seq);
    save_base(f, &a);
    /* who comes back after an erasure starts anew; a deleted item stays deleted */
    put_rows(f, "u1 i1 view 1 30\nu2 i2 view 1 31\n");
    a = prepare_of(f, f->base, f->url, "");
    assert_events(a.ds, "u1", "i1 1 @30 t1\n");
    assert_int_equal(ids_find(&a.ds->items, "i2", 2), -1);
    assert_int_equal(dropped(&a, "unknown_item"), 1);
    assert_int_equal(json_int(a.report, "erased_events", -1), 0);
    prepared_free(&a);
    a = prepare_of(f, f->base, f->url, ",\"strict\":true");
    assert_int_equal(a.status, AKIN_E_INPUT);
    assert_non_null(strstr(a.err.message, "unknown_item"));
    prepared_free(&a);
}

static void refused(struct fixture *f, const char *a, const char *b, const char *more,
                    akin_status status, const char *part)
{
    struct prepared r = prepare_of(f, a, b, more);
    assert_int_equal(r.status, status);
    if (!strstr(r.err.message, part))
        fail_msg("'%s' lacks '%s'", r.err.message, part);
    prepared_free(&r);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    char path[160], other[160];
    refused(f, f->url, NULL, "", AKIN_E_NOT_FOUND, "s.db");
    put_word(f, STORE_ITEM, "i1", "{}"); /* a store without events */
    refused(f, f->url, NULL, "", AKIN_E_INPUT, "no event");
    refused(f, f->url, f->url, "", AKIN_E_ARG, "second store");
    refused(f, f->url, NULL, ",\"order\":\"rows\"", AKIN_E_ARG, "order=rows");
    file_put(f, "no.db", "this is a text and by no means a database, however long it may be");
    snprintf(path, sizeof path, "sqlite:%s/no.db", f->dir);
    refused(f, path, NULL, "", AKIN_E_FORMAT, "no.db");
    file_put(f, "no.akin", "a,b\n1,2\n");
    snprintf(path, sizeof path, "%s/no.akin", f->dir);
    refused(f, path, f->url, "", AKIN_E_FORMAT, "no.akin");
    /* a dataset of another store: its watermark is ahead */
    put_rows(f, "u1 i1 view 1 10\n");
    struct prepared a = prepare_of(f, f->url, NULL, "");
    assert_int_equal(a.status, AKIN_OK);
    a.ds->watermark = 100;
    save_base(f, &a);
    refused(f, f->base, f->url, "", AKIN_E_INPUT, "watermark");
    refused(f, f->base, f->base, "", AKIN_E_ARG, "second dataset");
    /* no times, or only an order */
    file_put(f, "r.csv", "user_id,item_id\nu1,i1\n");
    snprintf(path, sizeof path, "%s/r.csv", f->dir);
    a = prepare_of(f, path, NULL, "");
    save_base(f, &a);
    refused(f, f->base, f->url, "", AKIN_E_INPUT, "no times");
    a = prepare_of(f, f->base, NULL, "");
    assert_int_equal(a.status, AKIN_OK);
    assert_int_equal(a.ds->time_kind, TIME_NONE);
    prepared_free(&a);
    snprintf(other, sizeof other, ",\"order\":\"rows\"");
    a = prepare_of(f, path, NULL, other);
    save_base(f, &a);
    refused(f, f->base, NULL, "", AKIN_E_INPUT, "order");
}

/* More than a page and more than the head of a stream; ids that need escapes. */
static void test_pages(void **state)
{
    struct fixture *f = *state;
    enum { N = 20000 };
    static struct store_event events[N];
    static char text[N][3][40];
    for (int i = 0; i < N; i++) {
        snprintf(text[i][0], sizeof text[i][0], "e%d", i);
        snprintf(text[i][1], sizeof text[i][1], "user, \"%d\"\n\\", i % 700);
        snprintf(text[i][2], sizeof text[i][2], "\xc3\xa9 item|%d", i);
        events[i] = (struct store_event){.event_id = text[i][0],
                                         .user_id = text[i][1],
                                         .item_id = text[i][2],
                                         .event_type = "view",
                                         .value = (double)i / 7,
                                         .time = 1000 + i};
    }
    struct store_write w = {.op = STORE_PUT_EVENTS, .events = events, .n = N};
    write_one(f, &w);
    struct prepared a = prepare_of(f, f->url, NULL, "");
    assert_int_equal(a.status, AKIN_OK);
    assert_int_equal(a.ds->n_events, N);
    assert_int_equal(a.ds->users.n, 700);
    assert_int_equal(a.ds->items.n, N);
    assert_int_equal(defects_sum(&a), 0);
    uint64_t want = dataset_fingerprint(a.ds);
    save_base(f, &a);
    a = prepare_of(f, f->base, f->url, "");
    assert_int_equal(dataset_fingerprint(a.ds), want);
    prepared_free(&a);
}

/* Beside a process that writes: all events up to the watermark, and none after. */
struct busy {
    struct store *s;
    _Atomic bool stop;
    bool failed;
};

static void *write_on(void *arg)
{
    struct busy *b = arg;
    char id[32];
    for (int i = 0; i < 5000 && !b->stop; i++) {
        struct store_event e = {.event_id = id,
                                .user_id = "u",
                                .item_id = id,
                                .event_type = "",
                                .value = (double)NAN,
                                .time = i};
        struct store_write w = {.op = STORE_PUT_EVENTS, .events = &e, .n = 1};
        snprintf(id, sizeof id, "i%d", i);
        b->failed = b->failed || store_write_wait(b->s, &w, NULL) != AKIN_OK;
    }
    return NULL;
}

static void test_while_it_changes(void **state)
{
    struct fixture *f = *state;
    struct busy b = {.stop = false};
    pthread_t thread;
    akin_error err;
    put_rows(f, "u i view - 1\n");
    assert_int_equal(store_open(f->ctx, f->url, NULL, &b.s, &err), AKIN_OK);
    assert_int_equal(pthread_create(&thread, NULL, write_on, &b), 0);
    int64_t last = 0;
    for (int i = 0; i < 20; i++) {
        struct prepared a = prepare_of(f, f->url, NULL, "");
        assert_int_equal(a.status, AKIN_OK);
        assert_int_equal(a.ds->n_events, a.ds->watermark);
        assert_true(a.ds->watermark >= last);
        last = a.ds->watermark;
        prepared_free(&a);
    }
    b.stop = true;
    pthread_join(thread, NULL);
    store_close(b.s);
    assert_false(b.failed);
}

/* Each allocation of akin's own may fail: an error, and nothing is lost. */
static void test_memory(void **state)
{
    struct fixture *f = *state;
    make_base(f);
    put_rows(f, "u1 i3 view 1 20\nu2 i4 view 1 21\n");
    put_word(f, STORE_ITEM, "i2", NULL);
    put_word(f, STORE_ITEM, "i1", "{\"title\":\"One again\"}");
    akin_status status = AKIN_E_MEMORY;
    for (int64_t n = 1; status != AKIN_OK; n += 1 + n / 16) {
        mem_fail_at(f->ctx->mem, n);
        char params[512];
        snprintf(params, sizeof params, "{\"source\":[\"%s\",\"%s\"]}", f->base, f->url);
        struct prepared r = prepare_text(f->ctx, NULL, NULL, 0, params);
        mem_fail_at(f->ctx->mem, 0);
        status = r.status;
        assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
        prepared_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_store_is_as_csv, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_values_and_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_merge_is_union, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tables_go_along, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_erased_and_deleted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_while_it_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
