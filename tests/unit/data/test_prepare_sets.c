/* Every real data set in $AKIN_DATA is read with the counts that its README states. */
#include "prepare_fixture.h"

#include "core/ctx.h"

struct want {
    const char *files; /* source, joined by ',' */
    const char *params;
    const char *format;
    int64_t rows, events, users, items;
    const char *drop; /* a class, and how many, or NULL */
    int64_t n_drop;
};

static const struct want wants[] = {
    {"ml-latest-small/ratings.csv", "{}", "csv", 100836, 100836, 610, 9724, NULL, 0},
    {"gowalla/train.txt", "{}", "adjacency", 29858, 810128, 29858, 40981, NULL, 0},
    {"gowalla/test.txt", "{}", "adjacency", 29858, 217242, 29858, 38546, NULL, 0},
    {"gowalla/train.txt,gowalla/test.txt", "{}", "adjacency", 59716, 1027370, 29858, 40981, NULL,
     0},
    {"jester/jester1.csv.zst", "{\"value_range\":[-10,10]}", "csv", 1810455, 1810455, 24983, 100,
     NULL, 0},
    {"baskets/retail.dat", "{}", "basket", 88162, 908576, 88162, 16470, NULL, 0},
    {"baskets/T10I4D100K.dat", "{}", "basket", 100000, 1010228, 100000, 870, NULL, 0},
    {"baskets/BMS1.dat", "{}", "basket", 59602, 149639, 59602, 497, NULL, 0},
    {"baskets/groceries.csv", "{}", "basket", 9835, 43367, 9835, 169, NULL, 0},
    {"online-retail/online-retail.csv.zst",
     "{\"columns\":{\"basket_id\":\"InvoiceNo\"},\"duplicates\":\"keep\"}", "csv", 541909, 541909,
     25900, 4070, NULL, 0},
    {"online-retail/online-retail.csv.zst", "{\"duplicates\":\"keep\"}", "csv", 541909, 406829,
     4372, 3684, "missing_id", 135080},
    {"online-retail/online-retail.csv.zst",
     "{\"columns\":{\"basket_id\":\"InvoiceNo\"},\"value_range\":[0,100000],"
     "\"duplicates\":\"keep\"}",
     "csv", 541909, 531285, 20728, 3941, "out_of_range", 10624},
    {"lastfm-hetrec/user_artists.dat", "{}", "tsv", 92834, 92834, 1892, 17632, NULL, 0},
    {"amazon-reviews/Musical_instruments_reviews.csv.zst", "{}", "csv", 10261, 10261, 1429, 900,
     NULL, 0},
    {"amazon-reviews/Gift_Cards_5.json.gz", "{}", "jsonl", 2972, 2965, 458, 148, "duplicate", 7},
    {"beauty-seq/Beauty.txt", "{\"order\":\"rows\"}", "adjacency", 22363, 198502, 22363, 12101,
     NULL, 0},
    {"video-games-seq/Video.txt", "{\"order\":\"rows\"}", "csv", 287107, 287107, 31013, 23715, NULL,
     0},
    {"citeulike-a/users.dat", "{}", "adjacency", 5551, 204986, 5551, 16980, NULL, 0},
    {"sessions/retailrocket_train.txt", "{\"format\":\"sessions\"}", "sessions", 126168, 685984,
     126168, 36968, NULL, 0},
    {"sessions/retailrocket_test.txt", "{}", "sessions", 15132, 128273, 15132, 8777, NULL, 0},
    {"sessions/yoochoose-clicks-100k_train_full.txt", "{\"duplicates\":\"keep\"}", "tsv", 70278,
     70278, 17794, 2933, NULL, 0},
    {"sessions/yoochoose-clicks-100k_test.txt", "{\"duplicates\":\"keep\"}", "tsv", 13568, 13568,
     3416, 1771, NULL, 0},
    {"context/Travel_TripAdvisor_v2/Data_TripAdvisor_v2.csv",
     "{\"context\":[\"TripType\",\"UserState\",\"UserTimeZone\"],\"duplicates\":\"keep\"}", "csv",
     14175, 14175, 2371, 2269, NULL, 0},
};

static akin_ctx *ctx;
static const char *data;

static char *path_of(const char *name)
{
    size_t size = strlen(data) + strlen(name) + 2;
    char *path = malloc(size);
    snprintf(path, size, "%s/%s", data, name);
    return path;
}

static char *params_of(const struct want *w)
{
    json_t *object = json_loads(w->params, 0, NULL);
    json_t *source = json_array();
    for (const char *p = w->files; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p, ","), p);
        char *path = path_of(name);
        json_array_append_new(source, json_string(path));
        free(path);
    }
    json_object_set_new(object, "source", source);
    char *text = json_dumps(object, 0);
    json_decref(object);
    return text;
}

static void test_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
        const struct want *w = &wants[i];
        char *params = params_of(w);
        struct prepared r = prepare_text(ctx, NULL, NULL, 0, params);
        printf("%s %s\n", w->files, w->params);
        if (r.status != AKIN_OK)
            fail_msg("%s", r.err.message);
        assert_string_equal(json_text(r.report, "format", ""), w->format);
        assert_int_equal(json_int(r.report, "rows", 0), w->rows);
        assert_int_equal(json_int(r.report, "kept", 0), w->events);
        assert_int_equal(json_int(r.report, "users", 0), w->users);
        assert_int_equal(json_int(r.report, "items", 0), w->items);
        assert_int_equal(defects_sum(&r), w->n_drop);
        if (w->drop)
            assert_int_equal(dropped(&r, w->drop), w->n_drop);
        prepared_free(&r);
        free(params);
    }
}

static struct prepared with_tables(const char *source, const char *items, const char *tags)
{
    json_t *object = json_object();
    char *s = path_of(source), *i = path_of(items), *t = tags ? path_of(tags) : NULL;
    json_object_set_new(object, "source", json_pack("[s]", s));
    json_object_set_new(object, "items", json_string(i));
    if (t)
        json_object_set_new(object, "tags", json_string(t));
    char *params = json_dumps(object, 0);
    struct prepared r = prepare_text(ctx, NULL, NULL, 0, params);
    if (r.status != AKIN_OK)
        fail_msg("%s", r.err.message);
    free(params);
    free(s);
    free(i);
    free(t);
    json_decref(object);
    return r;
}

static void test_tables(void **state)
{
    (void)state;
    char cell[64];
    struct prepared r = with_tables("ml-latest-small/ratings.csv", "ml-latest-small/movies.csv",
                                    "ml-latest-small/tags.csv");
    assert_int_equal(r.ds->items.n, 9742);
    assert_int_equal(r.ds->n_tags, 3683);
    assert_int_equal(defects_sum(&r), 0);
    const struct column *col = table_find(&r.ds->item_table, "title");
    table_cell_text(col, ids_find(&r.ds->items, "1", 1), cell, sizeof cell);
    assert_string_equal(cell, "Toy Story (1995)");
    col = table_find(&r.ds->item_table, "categories");
    assert_int_equal(col->type, COL_CATEGORY);
    assert_int_equal(col->vocab.n, 20);
    col = table_find(&r.ds->item_table, "year");
    assert_int_equal((int)col->num[ids_find(&r.ds->items, "1", 1)], 1995);
    prepared_free(&r);
    r = with_tables("lastfm-hetrec/user_artists.dat", "lastfm-hetrec/artists.dat",
                    "lastfm-hetrec/user_taggedartists.dat");
    assert_int_equal(r.ds->n_tags + dropped(&r, "unknown_item"), 186479);
    assert_int_equal(r.ds->items.n, 17632);
    prepared_free(&r);
    r = with_tables("amazon-reviews/Gift_Cards_5.json.gz", "amazon-reviews/meta_Gift_Cards.json.gz",
                    NULL);
    assert_int_equal(r.ds->items.n, 1547);
    assert_int_equal(table_find(&r.ds->item_table, "categories")->type, COL_CATEGORY);
    prepared_free(&r);
    r = with_tables("beauty-seq/Beauty.txt", "beauty-seq/Beauty_item2attributes.json", NULL);
    assert_int_equal(r.ds->items.n, 12101);
    assert_int_equal(table_find(&r.ds->item_table, "categories")->type, COL_CATEGORY);
    prepared_free(&r);
}

int main(void)
{
    data = getenv("AKIN_DATA");
    if (!data || !*data) {
        printf("skipped: AKIN_DATA is not set to the folder of the real data sets\n");
        return 77;
    }
    assert_int_equal(ctx_create(2, 42, 0, &ctx, NULL), AKIN_OK);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts),
                                       cmocka_unit_test(test_tables)};
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    ctx_free(ctx);
    return rc;
}
