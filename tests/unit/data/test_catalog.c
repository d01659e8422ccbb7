/* The catalogue at run time: numbers, types, filters, search, threads, lack of memory. */
#include "unit/data/catalog_fixture.h"

#include "core/par.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static const struct {
    const char *title, *genres, *year;
} movies[] = {{"Amélie", "Comedy|Romance", "2001"},
              {"The Matrix", "Action|Sci-Fi", "1999"},
              {"The Matrix Reloaded", "Action|Sci-Fi", "2003"},
              {"Über die Brücke", NULL, NULL},
              {"Ηράκλειο – Όνειρα", "Drama", "1987"},
              {"Ёлки", "Comedy", "2010"}};
enum { N_MOVIES = sizeof movies / sizeof movies[0] };
static const int32_t movie_count[] = {50, 90, 40, 10, 5, 20};

static void movie(int32_t i, const char *cells[3], char texts[3][128])
{
    (void)texts;
    cells[0] = movies[i].title;
    cells[1] = movies[i].genres;
    cells[2] = movies[i].year;
}

static void movies_make(struct base *b, int64_t max_items)
{
    base_make(b, N_MOVIES, movie, 2);
    memcpy(b->count, movie_count, sizeof movie_count);
    base_open(b, max_items);
}

static void numbers_stay(void **state)
{
    struct base b;
    int32_t item;
    (void)state;
    movies_make(&b, 100);
    assert_int_equal(catalog_size(b.catalog), N_MOVIES);
    for (int32_t i = 0; i < N_MOVIES; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i + 1);
        assert_int_equal(base_find(&b, id), i);
    }
    assert_int_equal(base_find(&b, "x"), -1);
    assert_int_equal(base_find(&b, ""), -1);
    int64_t version = catalog_version(b.catalog);
    assert_int_equal(base_put(&b, "x", "{'title':'New'}", &item), AKIN_OK);
    assert_int_equal(item, N_MOVIES);
    assert_true(catalog_version(b.catalog) > version);
    assert_int_equal(base_put(&b, "3", "{'title':'Other'}", &item), AKIN_OK);
    assert_int_equal(item, 2);
    assert_int_equal(base_put(&b, "y", NULL, &item), AKIN_OK);
    assert_int_equal(item, N_MOVIES + 1);
    version = catalog_version(b.catalog);
    assert_int_equal(base_put(&b, "y", NULL, &item), AKIN_OK); /* nothing to change */
    assert_int_equal(catalog_version(b.catalog), version);
    assert_int_equal(catalog_delete(b.catalog, "x", 1, &b.err), AKIN_OK);
    assert_int_equal(catalog_delete(b.catalog, "x", 1, &b.err), AKIN_E_NOT_FOUND);
    assert_int_equal(catalog_delete(b.catalog, "z", 1, &b.err), AKIN_E_NOT_FOUND);
    assert_int_equal(base_find(&b, "x"), N_MOVIES);
    assert_false(catalog_is_alive(b.catalog, N_MOVIES));
    assert_int_equal(base_put(&b, "x", NULL, &item), AKIN_OK); /* an event does not revive */
    assert_int_equal(item, N_MOVIES);
    assert_false(catalog_is_alive(b.catalog, N_MOVIES));
    assert_int_equal(base_put(&b, "x", "{}", &item), AKIN_OK);
    assert_int_equal(item, N_MOVIES);
    assert_true(catalog_is_alive(b.catalog, N_MOVIES));
    assert_string_equal(base_json(&b, item), "{\"item_id\":\"x\"}");
    base_free(&b);
}

static void attributes_replace(void **state)
{
    struct base b;
    enum col_type type;
    const char *text;
    int32_t item, size;
    (void)state;
    movies_make(&b, 100);
    assert_string_equal(base_json(&b, 0), "{\"item_id\":\"1\",\"title\":\"Amélie\",\"genres\":["
                                          "\"Comedy\",\"Romance\"],\"year\":2001}");
    assert_int_equal(base_put(&b, "1",
                              "{'item_id':'1','genres':['b','a','','b'],'price':2.5,'year':null,"
                              "'note':'','tags':[]}",
                              &item),
                     AKIN_OK);
    assert_string_equal(base_json(&b, 0), "{\"item_id\":\"1\",\"genres\":[\"a\",\"b\"],"
                                          "\"price\":2.5}");
    assert_int_equal(catalog_column(b.catalog, "price", &type), 3);
    assert_int_equal(type, COL_NUMBER);
    assert_string_equal(catalog_column_name(b.catalog, 3), "price");
    assert_int_equal(catalog_column(b.catalog, "note", &type), -1); /* nothing is in it */
    catalog_enter(b.catalog);
    assert_true(isnan(catalog_number(b.catalog, 0, 2)));
    assert_true(isnan(catalog_number(b.catalog, 1, 3)));
    assert_true(catalog_number(b.catalog, 1, 2) == 1999);
    assert_true(isnan(catalog_number(b.catalog, 1, 0)));
    assert_true(catalog_text(b.catalog, 0, 1, 1, &text, &size));
    assert_memory_equal(text, "b", 1);
    assert_false(catalog_text(b.catalog, 0, 1, 2, &text, &size));
    assert_false(catalog_text(b.catalog, 0, 1, -1, &text, &size));
    assert_false(catalog_text(b.catalog, 1, 3, 0, &text, &size));
    catalog_title(b.catalog, 1, &text, &size);
    assert_int_equal(size, 10);
    catalog_title(b.catalog, 0, &text, &size);
    assert_int_equal(size, 0);
    catalog_leave(b.catalog);
    assert_int_equal(catalog_delete(b.catalog, "2", 1, &b.err), AKIN_OK);
    catalog_enter(b.catalog);
    assert_true(isnan(catalog_number(b.catalog, 1, 2)));
    assert_false(catalog_text(b.catalog, 1, 0, 0, &text, &size));
    catalog_leave(b.catalog);
    base_free(&b);
}

static void refuse(struct base *b, const char *id, const char *json, akin_status want,
                   const char *part)
{
    json_t *object;
    int64_t version = catalog_version(b->catalog);
    int32_t size = catalog_size(b->catalog);
    assert_int_equal(base_put(b, id, json, NULL), want);
    if (!strstr(b->err.message, part))
        fail_msg("'%s' does not say '%s'", b->err.message, part);
    object = json_loads("{}", 0, NULL);
    if (strcmp(json, "{}") == 0)
        assert_int_equal(catalog_check(b->catalog, id, strlen(id), object, &b->err), want);
    json_decref(object);
    assert_int_equal(catalog_version(b->catalog), version);
    assert_int_equal(catalog_size(b->catalog), size);
}

static void types_are_kept(void **state)
{
    struct base b;
    char long_id[IDS_MAX_BYTES + 2];
    enum col_type type;
    (void)state;
    movies_make(&b, N_MOVIES + 1);
    refuse(&b, "1", "{'new':1,'year':'1999'}", AKIN_E_INPUT, "'year' is a text (must be a number)");
    assert_int_equal(catalog_column(b.catalog, "new", &type), -1);
    refuse(&b, "1", "{'genres':'Drama'}", AKIN_E_INPUT,
           "'genres' is a text (must be a list of texts)");
    refuse(&b, "1", "{'title':[]}", AKIN_E_INPUT, "'title' is a list of texts (must be a text)");
    refuse(&b, "1", "{'title':1}", AKIN_E_INPUT, "'title' is a number (must be a text)");
    refuse(&b, "1", "{'flag':true}", AKIN_E_INPUT, "'flag' must be a number, a text or a list");
    refuse(&b, "1", "{'part':{'a':1}}", AKIN_E_INPUT, "'part' must be");
    refuse(&b, "1", "{'genres':['a',1]}", AKIN_E_INPUT, "no text");
    refuse(&b, "1", "{'genres':['a|b']}", AKIN_E_INPUT, "'|' divides");
    refuse(&b, "1", "{'item_id':'2'}", AKIN_E_INPUT, "not its id");
    refuse(&b, "1", "{'':1}", AKIN_E_INPUT, "1..63 bytes");
    refuse(&b, "1", "{'n23456789012345678901234567890123456789012345678901234567890123x':1}",
           AKIN_E_INPUT, "1..63 bytes");
    refuse(&b, "1", "[]", AKIN_E_INPUT, "must be an object");
    refuse(&b, "", "{}", AKIN_E_INPUT, "1..4096 bytes");
    refuse(&b, "\xff", "{}", AKIN_E_INPUT, "UTF-8");
    memset(long_id, 'a', sizeof long_id);
    long_id[IDS_MAX_BYTES + 1] = '\0';
    refuse(&b, long_id, "{}", AKIN_E_INPUT, "1..4096 bytes");
    assert_int_equal(base_put(&b, "x", "{}", NULL), AKIN_OK);
    refuse(&b, "y", "{}", AKIN_E_LIMIT, "max_items=7");
    base_free(&b);
}

static void limits_of_creation(void **state)
{
    struct base b;
    (void)state;
    base_make(&b, N_MOVIES, movie, 1);
    assert_int_equal(
        catalog_create(b.ctx, &b.ids, &b.table, NULL, N_MOVIES - 1, &b.catalog, &b.err),
        AKIN_E_LIMIT);
    assert_non_null(strstr(b.err.message, "max_items=5"));
    assert_int_equal(catalog_create(b.ctx, &b.ids, &b.table, NULL, -1, &b.catalog, &b.err),
                     AKIN_E_ARG);
    assert_int_equal(catalog_create(b.ctx, &b.ids, &b.table, NULL, INT32_MAX, &b.catalog, &b.err),
                     AKIN_E_ARG);
    b.table.n_rows--;
    assert_int_equal(catalog_create(b.ctx, &b.ids, &b.table, NULL, 10, &b.catalog, &b.err),
                     AKIN_E_INTERNAL);
    b.table.n_rows++;
    assert_int_equal(catalog_create(b.ctx, &b.ids, &b.table, NULL, N_MOVIES, &b.catalog, &b.err),
                     AKIN_OK);
    base_free(&b);
}

static void columns_are_bounded(void **state)
{
    struct base b;
    char json[64];
    (void)state;
    movies_make(&b, 100);
    for (int i = 3; i <= TABLE_MAX_COLS; i++) {
        snprintf(json, sizeof json, "{'c%d':1}", i);
        assert_int_equal(base_put(&b, "1", json, NULL),
                         i < TABLE_MAX_COLS ? AKIN_OK : AKIN_E_INPUT);
    }
    assert_non_null(strstr(b.err.message, "1024"));
    assert_string_equal(base_filter(&b, "c1023 == 1", false), "1");
    base_free(&b);
}

static void base_without_columns(void **state)
{
    struct base b;
    struct ids none = {0};
    int64_t off = 0;
    (void)state;
    base_make(&b, 3, NULL, 1);
    base_open(&b, 10);
    assert_string_equal(base_filter(&b, NULL, false), "1 2 3");
    assert_string_equal(base_json(&b, 1), "{\"item_id\":\"2\"}");
    assert_string_equal(base_search(&b, "3", 5), "3");
    assert_int_equal(base_put(&b, "2", "{'title':'Heat'}", NULL), AKIN_OK);
    assert_string_equal(base_search(&b, "hea", 5), "2");
    assert_string_equal(base_filter(&b, "title == 'Heat'", false), "2");
    base_free(&b);

    none.off = &off;
    none.bytes = "";
    memset(&b, 0, sizeof b);
    assert_int_equal(ctx_create(1, 1, 0, &b.ctx, NULL), AKIN_OK);
    assert_int_equal(catalog_create(b.ctx, &none, NULL, NULL, 5000, &b.catalog, NULL), AKIN_OK);
    assert_string_equal(base_filter(&b, NULL, false), "");
    assert_string_equal(base_search(&b, "", 5), "");
    for (int i = 0; i < 5000; i++) { /* more than a chunk, and the slots grow */
        char id[16];
        int32_t item;
        snprintf(id, sizeof id, "n%d", i);
        assert_int_equal(base_put(&b, id, NULL, &item), AKIN_OK);
        assert_int_equal(item, i);
    }
    assert_int_equal(base_find(&b, "n4999"), 4999);
    assert_int_equal(base_put(&b, "n5000", NULL, NULL), AKIN_E_LIMIT);
    assert_string_equal(base_search(&b, "n499", 3), "n499 n4990 n4991");
    assert_int_equal(
        catalog_filter(b.catalog, "popularity > 1", &(const struct catalog_filter *){0}, &b.err),
        AKIN_E_INPUT);
    base_free(&b);
}

static void filters(void **state)
{
    struct base b;
    const struct catalog_filter *f, *g;
    (void)state;
    movies_make(&b, 1000);
    assert_string_equal(base_filter(&b, "year >= 2000", false), "1 3 6");
    assert_string_equal(base_filter(&b, "genres in ['Drama','Romance']", false), "1 5");
    assert_string_equal(base_filter(&b, "id == '4' or popularity > 60", false), "2 4");
    assert_string_equal(base_filter(&b, "year is missing", false), "4");
    assert_string_equal(base_filter(&b, "not (id in $seen) and year < 2002", false), "1 2 5");
    assert_string_equal(base_filter(&b, "not (id in $seen) and year < 2002", true), "");
    assert_string_equal(base_filter(&b, "id in $seen or id == '1'", true), "1 2 3 4 5 6");

    assert_int_equal(catalog_filter(b.catalog, "year >= 2000", &f, &b.err), AKIN_OK);
    assert_int_equal(base_put(&b, "2", "{'year':2020}", NULL), AKIN_OK);
    assert_int_equal(catalog_delete(b.catalog, "1", 1, &b.err), AKIN_OK);
    assert_int_equal(base_put(&b, "x", "{'year':2021,'price':3,'id':'1','popularity':99}", NULL),
                     AKIN_OK);
    assert_string_equal(base_filter(&b, "year >= 2000", false), "2 3 6 x");
    assert_string_equal(base_filter(&b, NULL, false), "2 3 4 5 6 x");
    assert_string_equal(base_filter(&b, "price == 3", false), "x");
    /* Upserts do not change what the two names mean. */
    assert_string_equal(base_filter(&b, "id == '1' or popularity == 99", false), "");
    assert_string_equal(base_filter(&b, "id == 'x' and popularity == 0", false), "x");
    assert_string_equal(base_filter(&b, "not (year > 1990)", false), "4 5");
    /* What is held does not move. */
    assert_int_equal(f->n, N_MOVIES);
    assert_int_equal(f->n_allowed, 3);
    assert_true(f->allowed[0] == (1 | 4 | 32));
    assert_int_equal(catalog_filter(b.catalog, "year >= 2000", &g, &b.err), AKIN_OK);
    assert_ptr_not_equal(f, g);
    catalog_filter_release(b.catalog, f);
    assert_int_equal(catalog_filter(b.catalog, "year >= 2000", &f, &b.err), AKIN_OK);
    assert_ptr_equal(f, g); /* the kept one */
    assert_true(catalog_filter_is_cached(b.catalog, "year >= 2000"));
    assert_false(catalog_filter_is_cached(b.catalog, "year >= 1999"));
    catalog_filter_release(b.catalog, f);
    catalog_filter_release(b.catalog, g);

    assert_int_equal(catalog_filter(b.catalog, "yaer > 1", &f, &b.err), AKIN_E_INPUT);
    assert_non_null(strstr(b.err.message, "yaer"));
    assert_non_null(strstr(b.err.message, "title, genres, year, price, id, popularity"));
    assert_int_equal(catalog_filter(b.catalog, "id in $allowed", &f, &b.err), AKIN_E_INPUT);
    assert_int_equal(catalog_filter(b.catalog, "year >", &f, &b.err), AKIN_E_INPUT);
    base_free(&b);
}

/* More texts than are kept; the filters in hand stay good. */
static void filters_are_bounded(void **state)
{
    struct base b;
    const struct catalog_filter *f[CATALOG_FILTERS * 2];
    char text[64];
    (void)state;
    movies_make(&b, 100);
    for (int i = 0; i < CATALOG_FILTERS * 2; i++) {
        snprintf(text, sizeof text, "year >= 2000 or popularity > %d", 1000 + i);
        assert_int_equal(catalog_filter(b.catalog, text, &f[i], &b.err), AKIN_OK);
    }
    for (int i = 0; i < CATALOG_FILTERS * 2; i++) {
        assert_int_equal(f[i]->n_allowed, 3);
        assert_true(f[i]->allowed[0] == (1 | 4 | 32));
        catalog_filter_release(b.catalog, f[i]);
    }
    int64_t used = mem_used(b.ctx->mem);
    for (int i = 0; i < CATALOG_FILTERS * 4; i++) {
        snprintf(text, sizeof text, "year >= 2000 or popularity > %d", 2000 + i);
        assert_string_equal(base_filter(&b, text, false), "1 3 6");
    }
    assert_true(mem_used(b.ctx->mem) <= used + 4096);
    base_free(&b);
}

static void searches(void **state)
{
    struct base b;
    (void)state;
    movies_make(&b, 100);
    assert_string_equal(base_search(&b, "amelie", 10), "1");
    assert_string_equal(base_search(&b, "AMÉL", 10), "1");
    assert_string_equal(base_search(&b, "ame\xCC\x81lie", 10), "1"); /* e and an accent */
    assert_string_equal(base_search(&b, "uber", 10), "4");
    assert_string_equal(base_search(&b, "brucke die", 10), "4");
    assert_string_equal(base_search(&b, "ονειρα", 10), "5");
    assert_string_equal(base_search(&b, "ΗΡΑ", 10), "5");
    assert_string_equal(base_search(&b, "елк", 10), "6");
    assert_string_equal(base_search(&b, "the mat", 10), "2 3");
    assert_string_equal(base_search(&b, "matrix re", 10), "3");
    assert_string_equal(base_search(&b, "mat", 1), "2");
    assert_string_equal(base_search(&b, "mat", 0), "");
    assert_string_equal(base_search(&b, "atrix", 10), "");
    assert_string_equal(base_search(&b, "matrixx", 10), "");
    assert_string_equal(base_search(&b, "5", 10), "5");
    assert_string_equal(base_search(&b, "2 matrix", 10), "2");
    assert_string_equal(base_search(&b, " -- ", 3), "2 1 3"); /* the most popular */
    assert_string_equal(base_search(&b, "", 10), "2 1 3 6 4 5");

    assert_int_equal(base_put(&b, "x-7", "{'title':'Straße der Matrix, Œuvre'}", NULL), AKIN_OK);
    assert_string_equal(base_search(&b, "matrix", 10), "2 3 x-7");
    assert_string_equal(base_search(&b, "strasse OEUVRE", 10), "x-7");
    assert_string_equal(base_search(&b, "X-7", 10), "x-7");
    assert_int_equal(base_put(&b, "2", "{'title':'Speed'}", NULL), AKIN_OK);
    assert_string_equal(base_search(&b, "matrix", 10), "3 x-7");
    assert_string_equal(base_search(&b, "spe", 10), "2");
    assert_int_equal(base_put(&b, "2", "{'title':'Heat Heats'}", NULL), AKIN_OK);
    assert_string_equal(base_search(&b, "spe", 10), "");
    assert_string_equal(base_search(&b, "heat", 10), "2"); /* once */
    assert_int_equal(base_put(&b, "2", "{}", NULL), AKIN_OK);
    assert_string_equal(base_search(&b, "heat", 10), "");
    assert_string_equal(base_search(&b, "2", 10), "2");
    assert_int_equal(catalog_delete(b.catalog, "3", 1, &b.err), AKIN_OK);
    assert_int_equal(catalog_delete(b.catalog, "x-7", 3, &b.err), AKIN_OK);
    assert_string_equal(base_search(&b, "matrix", 10), "");
    assert_string_equal(base_search(&b, "", 10), "2 1 6 4 5");
    assert_int_equal(base_put(&b, "x-7", "{'title':'Matrix'}", NULL), AKIN_OK);
    assert_string_equal(base_search(&b, "matrix", 10), "x-7");
    base_free(&b);
}

/* Texts at the edge: bad UTF-8 in a query, very long words and titles, many words. */
static void search_is_bounded(void **state)
{
    struct base b;
    char json[4000], query[9000];
    size_t used;
    (void)state;
    movies_make(&b, 100);
    used = (size_t)snprintf(json, sizeof json, "{'title':'");
    for (int i = 0; i < 200; i++)
        used += (size_t)snprintf(json + used, sizeof json - used, "w%03d ", i);
    used += (size_t)snprintf(json + used, sizeof json - used, "'}");
    assert_int_equal(base_put(&b, "x", json, NULL), AKIN_OK);
    assert_string_equal(base_search(&b, "w000 w062", 10), "x");
    assert_string_equal(base_search(&b, "w199", 10), ""); /* beyond the words that count */
    memset(query, 'q', sizeof query);
    query[sizeof query - 1] = '\0';
    used = (size_t)snprintf(json, sizeof json, "{'title':'%.2000s'}", query);
    assert_int_equal(base_put(&b, "y", json, NULL), AKIN_OK);
    assert_string_equal(base_search(&b, query, 10), "y");
    assert_string_equal(base_search(&b, "\xff\xc3 matrix\xe2\x82", 10), "2 3");
    base_free(&b);
}

/* Whatever fails for lack of memory, the catalogue answers as before or after the change. */
static void memory_fails(void **state)
{
    struct base b;
    (void)state;
    base_make(&b, N_MOVIES, movie, 1);
    memcpy(b.count, movie_count, sizeof movie_count);
    akin_status status = AKIN_E_MEMORY;
    int n_create = 0, n_run = 0;
    while (status != AKIN_OK) {
        mem_fail_at(b.ctx->mem, ++n_create);
        status = catalog_create(b.ctx, &b.ids, &b.table, b.count, 10000, &b.catalog, &b.err);
        mem_fail_at(b.ctx->mem, 0);
        assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
    }
    for (bool is_done = false; !is_done;) {
        char id[16], json[64], filter[64];
        const struct catalog_filter *f = NULL;
        int32_t size = catalog_size(b.catalog);
        n_run++;
        snprintf(id, sizeof id, "n%d", n_run);
        snprintf(json, sizeof json, "{'title':'Neu %d','c%d':1}", n_run, n_run);
        snprintf(filter, sizeof filter, "year > %d", n_run);
        mem_fail_at(b.ctx->mem, n_run);
        akin_status put = base_put(&b, id, json, NULL);
        akin_status kept = catalog_filter(b.catalog, "id != '1'", &f, &b.err);
        if (f)
            catalog_filter_release(b.catalog, f);
        f = NULL;
        akin_status made = catalog_filter(b.catalog, filter, &f, &b.err);
        if (f)
            catalog_filter_release(b.catalog, f);
        akin_status gone = catalog_delete(b.catalog, "3", 1, &b.err);
        mem_fail_at(b.ctx->mem, 0);
        is_done = put == AKIN_OK && kept == AKIN_OK && made == AKIN_OK && gone == AKIN_OK;
        assert_int_equal(catalog_size(b.catalog), size + (put == AKIN_OK));
        assert_true((base_find(&b, id) >= 0) == (put == AKIN_OK));
        assert_int_equal(base_put(&b, id, json, NULL), AKIN_OK);
        snprintf(json, sizeof json, "neu %d", n_run);
        if (n_run >= 10)
            assert_string_equal(base_search(&b, json, 10), id);
        assert_true(strlen(base_filter(&b, "id != '1'", false)) > 0);
        assert_string_equal(base_filter(&b, "year == 1999", false), "2");
        assert_int_equal(base_put(&b, "3", "{'title':'The Matrix Reloaded'}", NULL), AKIN_OK);
    }
    print_message("[   lack ] %d allocations of creation, %d of a round\n", n_create - 1,
                  n_run - 1);
    base_free(&b);
}

/* ---- Threads ---- */

enum { READERS = 6, ROUNDS = 1500 };

struct race {
    struct base b;
    atomic_bool is_over;
    atomic_int n_bad;
    _Atomic int64_t n_reads;
};

/* The writer keeps: year of item i is even for even items; "Twin" titles come in one piece. */
static void *read_all(void *arg)
{
    struct race *r = arg;
    struct catalog *c = r->b.catalog;
    for (int round = 0; !r->is_over || round < 10; round++) {
        const struct catalog_filter *f;
        int32_t items[8];
        const char *text;
        int32_t size;
        char filter[64];
        snprintf(filter, sizeof filter, "year >= %d and not (id in $seen)", round % 5);
        int64_t version = catalog_version(c);
        if (catalog_filter(c, round % 3 ? filter : NULL, &f, NULL) != AKIN_OK) {
            r->n_bad++;
            continue;
        }
        int64_t n = 0;
        for (int32_t i = 0; i < f->n; i++)
            n += base_allows(f->allowed, i);
        r->n_bad += f->version < version || n != f->n_allowed || base_allows(f->allowed, 7);
        catalog_filter_release(c, f);
        int32_t found = catalog_search(c, "twin", items, 8);
        for (int32_t i = 0; i < found; i++)
            for (int32_t j = 0; j < i; j++)
                r->n_bad += items[i] == items[j];
        catalog_enter(c);
        for (int32_t i = 0; i < catalog_size(c); i += 3) {
            enum col_type type;
            double year = catalog_number(c, i, catalog_column(c, "year", &type));
            catalog_title(c, i, &text, &size);
            r->n_bad += size >= 4 && memcmp(text, "Twin", 4) == 0 &&
                        memcmp(text + size - 4, "Twin", 4) != 0;
            r->n_bad += !isnan(year) && (int)year % 2 != i % 2;
        }
        catalog_leave(c);
        r->n_bad += catalog_find(c, "5", 1) != 4;
        r->n_reads++;
    }
    return NULL;
}

static void even_row(int32_t i, const char *cells[3], char texts[3][128])
{
    snprintf(texts[0], sizeof texts[0], "Item %d", i);
    snprintf(texts[2], sizeof texts[2], "%d", i);
    cells[0] = texts[0];
    cells[2] = texts[2];
}

static void readers_and_writers(void **state)
{
    struct race r = {0};
    pthread_t threads[READERS];
    (void)state;
    base_make(&r.b, 300, even_row, 2);
    base_open(&r.b, 5000);
    assert_int_equal(catalog_delete(r.b.catalog, "8", 1, &r.b.err), AKIN_OK);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &r), 0);
    for (int i = 0; i < ROUNDS; i++) {
        char id[16], json[128];
        int32_t at = i * 7 % 300;
        snprintf(id, sizeof id, "%d", at + 1);
        if (at == 7)
            continue;
        snprintf(json, sizeof json, "{'title':'Twin %d Twin','year':%d,'c%d':1}", i,
                 at + 2 * (i % 50), i % 20);
        if (i % 5 == 4) /* some are deleted already */
            catalog_delete(r.b.catalog, id, strlen(id), NULL);
        else
            assert_int_equal(base_put(&r.b, id, json, NULL), AKIN_OK);
        snprintf(id, sizeof id, "n%d", i);
        if (i % 2)
            assert_int_equal(base_put(&r.b, id, NULL, NULL), AKIN_OK);
    }
    r.is_over = true;
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(r.n_bad, 0);
    assert_true(r.n_reads >= READERS * 10);
    base_free(&r.b);
}

/* ---- Size ---- */

static void big_row(int32_t i, const char *cells[3], char texts[3][128])
{
    static const char *const words[] = {"the",  "night",  "river", "of",   "gold", "last",
                                        "king", "garden", "blue",  "song", "fire", "road"};
    uint32_t x = (uint32_t)i * 2654435761u;
    snprintf(texts[0], sizeof texts[0], "%s %s %s %d", words[x % 12], words[x / 12 % 12],
             words[x / 144 % 12], i % 1000);
    snprintf(texts[1], sizeof texts[1], "g%u|h%u", x % 17, x % 13);
    snprintf(texts[2], sizeof texts[2], "%u", 1950 + x % 70);
    for (int c = 0; c < 3; c++)
        cells[c] = texts[c];
}

static void hundred_thousand(void **state)
{
    struct base b;
    const struct catalog_filter *f;
    int32_t items[20], item;
    char id[16];
    (void)state;
    base_make(&b, 100000, big_row, 2);
    int64_t used = mem_used(b.ctx->mem);
    int64_t t0 = clock_ns();
    base_open(&b, 1000000);
    int64_t t1 = clock_ns();
    used = mem_used(b.ctx->mem) - used;
    const char *text = "genres in ['g1','g2'] and year >= 1990 and not (id in $seen)";
    assert_int_equal(catalog_filter(b.catalog, text, &f, &b.err), AKIN_OK);
    int64_t t2 = clock_ns();
    catalog_filter_release(b.catalog, f);
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "%d", i * 97 + 1);
        assert_int_equal(base_put(&b, id, "{'title':'The other Title here','year':2000}", &item),
                         AKIN_OK);
    }
    int64_t t3 = clock_ns();
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "%d", i * 89 + 3);
        assert_int_equal(base_put(&b, id, "{'genres':['g1'],'year':2000}", &item), AKIN_OK);
        assert_int_equal(catalog_filter(b.catalog, text, &f, &b.err), AKIN_OK);
        assert_true(base_allows(f->allowed, item));
        catalog_filter_release(b.catalog, f);
    }
    int64_t t4 = clock_ns();
    assert_int_equal(catalog_search(b.catalog, "t", items, 20), 20);
    int64_t t5 = clock_ns();
    assert_int_equal(catalog_search(b.catalog, "king river", items, 20), 20);
    int64_t t6 = clock_ns();
    int64_t sum = 0;
    for (int i = 0; i < 100000; i++) {
        snprintf(id, sizeof id, "%d", i + 1);
        sum += catalog_find(b.catalog, id, strlen(id));
    }
    int64_t t7 = clock_ns();
    assert_true(sum == (int64_t)100000 * 99999 / 2);
    print_message(
        "[   time ] 100,000 items: create %.1f ms, %.1f MB; filter %.2f ms; put %.2f us; "
        "put and filter %.2f us; search 't' %.2f ms, 'king river' %.2f ms; find %.0f ns\n",
        (double)(t1 - t0) / 1e6, (double)used / 1e6, (double)(t2 - t1) / 1e6,
        (double)(t3 - t2) / 1e6, (double)(t4 - t3) / 1e6, (double)(t5 - t4) / 1e6,
        (double)(t6 - t5) / 1e6, (double)(t7 - t6) / 1e5);
    base_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_stay),
        cmocka_unit_test(attributes_replace),
        cmocka_unit_test(types_are_kept),
        cmocka_unit_test(limits_of_creation),
        cmocka_unit_test(columns_are_bounded),
        cmocka_unit_test(base_without_columns),
        cmocka_unit_test(filters),
        cmocka_unit_test(filters_are_bounded),
        cmocka_unit_test(searches),
        cmocka_unit_test(search_is_bounded),
        cmocka_unit_test(memory_fails),
        cmocka_unit_test(readers_and_writers),
        cmocka_unit_test(hundred_thousand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
