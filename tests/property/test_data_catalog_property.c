/*
 * The catalogue against a plain array: after random puts and deletions, filters (kept ones, held
 * ones, new ones), search, attributes and numbers are those of the definition.
 */
#include "core/rng.h"
#include "unit/data/catalog_fixture.h"

#include <math.h>
#include <stdlib.h>

enum { SEEDS = 60, STEPS = 400, MOST_ITEMS = 900, N_GENRES = 5, N_WORDS = 12, N_HELD = 8 };

static const char *const words[N_WORDS] = {"Sun", "sunny", "Sünde", "moon", "MOONLIGHT", "star",
                                           "a",   "an",    "the",   "Theo", "river",     "Été"};
static const char *const folded[N_WORDS] = {"sun", "sunny", "sunde", "moon", "moonlight", "star",
                                            "a",   "an",    "the",   "theo", "river",     "ete"};
static const char *const prefixes[] = {"s",  "sun", "sunn", "mo",  "moonl", "st", "a",
                                       "an", "the", "theo", "riv", "e",     "z",  "1"};

struct plain {
    bool is_alive;
    double year, price; /* NaN = missing */
    int genres;         /* bits */
    int word[3];        /* of the title, -1 = none */
    int32_t count;
    char id[16];
};

struct world {
    struct base b;
    struct rng rng;
    struct plain item[MOST_ITEMS];
    int32_t n, n_base;
    bool has_price; /* the column is there */
    struct held {
        const struct catalog_filter *f;
        uint64_t copy[MOST_ITEMS / 64 + 1];
        int32_t n;
        int64_t version;
    } held[N_HELD];
};

static struct plain random_item(struct rng *rng)
{
    struct plain x = {.is_alive = true,
                      .year = rng_below(rng, 4) ? (double)rng_below(rng, 20) : (double)NAN,
                      .price = rng_below(rng, 4) ? (double)NAN : (double)rng_below(rng, 9),
                      .genres = (int)(rng_below(rng, 3) ? rng_below(rng, 1 << N_GENRES) : 0)};
    for (int w = 0; w < 3; w++)
        x.word[w] = rng_below(rng, 4) ? (int)rng_below(rng, N_WORDS) : -1;
    return x;
}

static json_t *item_json(const struct plain *x)
{
    json_t *object = json_object();
    json_t *genres = json_array();
    char title[128] = "";
    size_t used = 0;
    for (int w = 0; w < 3; w++) {
        if (x->word[w] >= 0)
            used += (size_t)snprintf(title + used, sizeof title - used, "%s%s", used ? ", " : "",
                                     words[x->word[w]]);
    }
    for (int g = N_GENRES - 1; g >= 0; g--) {
        if (x->genres >> g & 1)
            json_array_append_new(genres, json_sprintf("g%d", g));
    }
    json_object_set_new(object, "title", json_string(title));
    json_object_set_new(object, "genres", genres);
    json_object_set_new(object, "year", isnan(x->year) ? json_null() : json_real(x->year));
    if (!isnan(x->price))
        json_object_set_new(object, "price", json_integer((json_int_t)x->price));
    return object;
}

/* The base is made of the same random items; base_make asks row by row. */
static _Thread_local struct world *making;

static void world_row(int32_t i, const char *cells[3], char texts[3][128])
{
    struct plain *x = &making->item[i];
    size_t used = 0;
    *x = random_item(&making->rng);
    x->price = (double)NAN; /* no column of the base */
    snprintf(x->id, sizeof x->id, "%d", i + 1);
    texts[0][0] = texts[1][0] = '\0';
    for (int w = 0; w < 3; w++) {
        if (x->word[w] >= 0)
            used += (size_t)snprintf(texts[0] + used, 128 - used, "%s ", words[x->word[w]]);
    }
    used = 0;
    for (int g = 0; g < N_GENRES; g++) {
        if (x->genres >> g & 1)
            used += (size_t)snprintf(texts[1] + used, 128 - used, "g%d|", g);
    }
    snprintf(texts[2], 128, "%g", x->year);
    cells[0] = texts[0];
    cells[1] = texts[1];
    cells[2] = isnan(x->year) ? NULL : texts[2];
}

/* ---- Filters: text and meaning of kind `kind` with the number v ---- */

enum { N_KINDS = 9 };

static void filter_text(int kind, int v, char out[128])
{
    static const char *const forms[N_KINDS] = {"year >= %d",
                                               "genres in ['g%d', 'g1']",
                                               "not (year < %d)",
                                               "popularity > %d0 and year is missing",
                                               "not (id in $seen) or year == %d",
                                               "id == '%d' or title is missing",
                                               "genres is missing and not (id in $seen) and "
                                               "year != %d",
                                               "id > '%d' and genres not in ['g0']",
                                               "price >= %d"};
    /* The shapes are these nine; only the number comes in. */
    const char *form = forms[kind];
    const char *mark = strstr(form, "%d");
    snprintf(out, 128, "%.*s%d%s", (int)(mark - form), form, v, mark + 2);
}

static bool filter_holds(const struct plain *x, int kind, int v, bool seen)
{
    char id[16];
    bool no_title = x->word[0] < 0 && x->word[1] < 0 && x->word[2] < 0;
    snprintf(id, sizeof id, "%d", v);
    switch (kind) {
    case 0:
        return x->year >= v;
    case 1:
        return (x->genres >> v & 1) || (x->genres >> 1 & 1);
    case 2:
        return !(x->year < v);
    case 3:
        return x->count > v * 10 && isnan(x->year);
    case 4:
        return !seen || x->year == v;
    case 5:
        return strcmp(x->id, id) == 0 || no_title;
    case 6:
        return x->genres == 0 && !seen && !isnan(x->year) && x->year != v;
    case 7:
        return strcmp(x->id, id) > 0 && x->genres != 0 && !(x->genres & 1);
    default:
        return x->price >= v;
    }
}

static void check_filter(struct world *w)
{
    const struct catalog_filter *f;
    char text[128];
    int kind = (int)rng_below(&w->rng, N_KINDS);
    int v = (int)rng_below(&w->rng, 5);
    bool is_all = rng_below(&w->rng, 6) == 0;
    int64_t n = 0;
    filter_text(kind, v, text);
    akin_status status = catalog_filter(w->b.catalog, is_all ? NULL : text, &f, &w->b.err);
    if (kind == 8 && !is_all && !w->has_price) {
        assert_int_equal(status, AKIN_E_INPUT);
        return;
    }
    assert_int_equal(status, AKIN_OK);
    assert_int_equal(f->n, w->n);
    assert_true(f->version == catalog_version(w->b.catalog));
    assert_true((f->seen != NULL) == (!is_all && (kind == 4 || kind == 6)));
    for (int32_t i = 0; i < w->n; i++) {
        const struct plain *x = &w->item[i];
        bool want = x->is_alive && (is_all || filter_holds(x, kind, v, false));
        n += want;
        if (base_allows(f->allowed, i) != want)
            fail_msg("%s: item %d is%s allowed", is_all ? "all" : text, i, want ? " not" : "");
        if (f->seen)
            assert_true(base_allows(f->seen, i) == (x->is_alive && filter_holds(x, kind, v, true)));
    }
    for (int32_t i = w->n; i < (w->n + 63) / 64 * 64; i++)
        assert_false(base_allows(f->allowed, i));
    assert_int_equal(f->n_allowed, n);
    /* Some are held on, and must not move. */
    struct held *h = &w->held[rng_below(&w->rng, N_HELD)];
    if (h->f) {
        assert_int_equal(h->f->n, h->n);
        assert_true(h->f->version == h->version);
        assert_memory_equal(h->f->allowed, h->copy, (size_t)(h->n + 63) / 64 * 8);
        catalog_filter_release(w->b.catalog, h->f);
        h->f = NULL;
    }
    if (rng_below(&w->rng, 3)) {
        catalog_filter_release(w->b.catalog, f);
        return;
    }
    *h = (struct held){.f = f, .n = f->n, .version = f->version};
    memcpy(h->copy, f->allowed, (size_t)(f->n + 63) / 64 * 8);
}

/* ---- Search ---- */

static bool begins_some(const struct plain *x, const char *prefix)
{
    size_t size = strlen(prefix);
    bool yes = strncmp(x->id, prefix, size) == 0;
    for (int w = 0; w < 3; w++)
        yes = yes || (x->word[w] >= 0 && strncmp(folded[x->word[w]], prefix, size) == 0);
    return yes;
}

static void check_search(struct world *w)
{
    const uint64_t n_prefixes = sizeof prefixes / sizeof prefixes[0];
    const char *a = prefixes[rng_below(&w->rng, n_prefixes)];
    const char *b = rng_below(&w->rng, 2) ? prefixes[rng_below(&w->rng, n_prefixes)] : "";
    bool is_empty = rng_below(&w->rng, 8) == 0;
    int32_t items[MOST_ITEMS], want[MOST_ITEMS];
    int32_t most = 1 + (int32_t)rng_below(&w->rng, rng_below(&w->rng, 2) ? 20 : MOST_ITEMS);
    int32_t n_want = 0;
    char query[64];
    snprintf(query, sizeof query, "%s %s", is_empty ? "" : a, is_empty ? "" : b);
    for (int32_t i = 0; i < w->n; i++) {
        const struct plain *x = &w->item[i];
        if (!x->is_alive || (!is_empty && (!begins_some(x, a) || !begins_some(x, b))))
            continue;
        int32_t at = n_want++;
        for (; at > 0 && w->item[want[at - 1]].count < x->count; at--)
            want[at] = want[at - 1];
        want[at] = i;
    }
    n_want = n_want < most ? n_want : most;
    int32_t n = catalog_search(w->b.catalog, query, items, most);
    if (n != n_want || memcmp(items, want, (size_t)n * sizeof *items) != 0)
        fail_msg("search '%s': %d items (should be %d), or in another order", query, n, n_want);
}

/* ---- Changes ---- */

static void change(struct world *w)
{
    bool is_new = w->n == 0 || (w->n < MOST_ITEMS && rng_below(&w->rng, 4) == 0);
    int32_t i = is_new ? w->n : (int32_t)rng_below(&w->rng, (uint64_t)w->n);
    struct plain *x = &w->item[i];
    int32_t item = -1;
    if (is_new) {
        *x = (struct plain){.year = (double)NAN, .price = (double)NAN, .word = {-1, -1, -1}};
        snprintf(x->id, sizeof x->id, "s%d", i);
        w->n++;
    }
    size_t size = strlen(x->id);
    if (!is_new && rng_below(&w->rng, 3) == 0) {
        assert_int_equal(catalog_delete(w->b.catalog, x->id, size, &w->b.err),
                         x->is_alive ? AKIN_OK : AKIN_E_NOT_FOUND);
        x->is_alive = false;
        return;
    }
    if (rng_below(&w->rng, 5) == 0) { /* an event named it */
        assert_int_equal(catalog_put(w->b.catalog, x->id, size, NULL, &item, &w->b.err), AKIN_OK);
        x->is_alive = x->is_alive || is_new;
    } else {
        struct plain y = random_item(&w->rng);
        json_t *object = item_json(&y);
        assert_int_equal(catalog_put(w->b.catalog, x->id, size, object, &item, &w->b.err), AKIN_OK);
        json_decref(object);
        memcpy(y.id, x->id, sizeof y.id);
        y.count = x->count;
        w->has_price = w->has_price || !isnan(y.price);
        *x = y;
    }
    assert_int_equal(item, i);
}

static void check_items(struct world *w)
{
    enum col_type type;
    int year = catalog_column(w->b.catalog, "year", &type);
    for (int32_t i = 0; i < w->n; i++) {
        const struct plain *x = &w->item[i];
        assert_int_equal(base_find(&w->b, x->id), i);
        assert_true(catalog_is_alive(w->b.catalog, i) == x->is_alive);
        catalog_enter(w->b.catalog);
        double got = catalog_number(w->b.catalog, i, year);
        catalog_leave(w->b.catalog);
        assert_true(x->is_alive && !isnan(x->year) ? got == x->year : isnan(got));
    }
}

static void one_world(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->rng = rng_make(seed, RNG_TEST, 7);
    w->n = w->n_base = (int32_t)rng_below(&w->rng, 300);
    making = w;
    base_make(&w->b, w->n, world_row, seed % 2 ? 1 : 3);
    for (int32_t i = 0; i < w->n; i++)
        w->item[i].count = w->b.count[i] = (int32_t)rng_below(&w->rng, 60);
    base_open(&w->b, MOST_ITEMS);
    for (int step = 0; step < STEPS; step++) {
        for (uint64_t n = rng_below(&w->rng, 6); n > 0; n--)
            change(w);
        check_filter(w);
        check_search(w);
    }
    /* More changes than the catalogue remembers: kept filters start anew. */
    for (int i = 0; seed % 8 == 0 && i < 5000; i++)
        change(w);
    for (int i = 0; i < 20; i++) {
        check_filter(w);
        check_search(w);
    }
    check_items(w);
    for (int i = 0; i < N_HELD; i++)
        catalog_filter_release(w->b.catalog, w->held[i].f);
    base_free(&w->b);
    free(w);
}

static void as_defined(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("[   seed ] %d\n", (int)seed);
        one_world(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_defined)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
