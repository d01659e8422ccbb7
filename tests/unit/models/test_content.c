/*
 * content: by hand, against a dense reference, nobody else's data, near duplicates, items that came
 * later, reasons, files, threads, memory, strange data.
 */
#include "unit/models/knn_util.h"

#include "core/rng.h"
#include "data/features.h"
#include "data/words.h"

enum { MOST = 64, COLS = 3 };
static const char *const names[COLS] = {"title", "genres", "year"};
static const enum col_type types[COLS] = {COL_TEXT, COL_CATEGORY, COL_NUMBER};

/* ds gets a table: cells by the names of items "i0".., NULL = missing. */
static void add_table(akin_ctx *ctx, struct dataset *ds, int n, const char *const (*cells)[COLS])
{
    struct table_builder *b = NULL;
    akin_error err;
    int64_t n_bad = 0, order[MOST];
    assert_int_equal(table_builder_create(ctx, COLS, names, types, &b, &err), AKIN_OK);
    for (int i = 0; i < n; i++) {
        char id[16];
        int32_t size[COLS];
        for (int c = 0; c < COLS; c++)
            size[c] = cells[i][c] ? (int32_t)strlen(cells[i][c]) : 0;
        assert_int_equal(table_builder_row(b, cells[i], size, &n_bad, &err), AKIN_OK);
        snprintf(id, sizeof id, "i%d", i);
        order[fix_item(ds, id)] = i;
    }
    assert_int_equal(table_builder_finish(b, order, n, &ds->item_table, &err), AKIN_OK);
}

static const char *const shop[][COLS] = {
    {"Grand piano, black", "Keys|Music", "1990"},       /* 0 */
    {"The grand pianos: black!", "Keys|Music", "1990"}, /* 1: 0 again, other words for it */
    {"Piano stool", "Home", "2001"},                    /* 2 */
    {"Violin", "Strings|Music", "1995"},                /* 3 */
    {"Garden hose", "Garden", "2010"},                  /* 4 */
    {"Rake", "Garden", "2012"},                         /* 5 */
    {"Piano tuner", "Service", NULL},                   /* 6 */
    {NULL, NULL, NULL},                                 /* 7: nothing is known */
};
enum { SHOP = sizeof shop / sizeof shop[0] };

/* u0 has item 0 alone; the others have what `taste` says. */
static struct dataset *shop_data(akin_ctx *ctx, int taste)
{
    static struct row rows[64];
    static char users[16][8], items[SHOP][8];
    int64_t n = 0;
    for (int i = 0; i < SHOP; i++)
        snprintf(items[i], sizeof items[i], "i%d", i);
    rows[n++] = (struct row){"u0", "i0", 1, 0, 0};
    for (int u = 1; u < 8; u++) {
        snprintf(users[u], sizeof users[u], "u%d", u);
        for (int i = 0; i < SHOP; i++)
            if ((i * taste + u) % 3 == 0 || i == u)
                rows[n++] = (struct row){users[u], items[i], 1, 0, 0};
    }
    struct dataset *ds = fix_dataset(ctx, rows, n, 0, NULL);
    assert_int_equal(ds->items.n, SHOP);
    add_table(ctx, ds, SHOP, shop);
    return ds;
}

static struct dataset *shop_of_one(akin_ctx *ctx)
{
    return shop_data(ctx, 1);
}

static int32_t list(struct fitted *f, const struct query *q, bool is_similar, int32_t item,
                    struct ranked *out)
{
    akin_error err = {0};
    struct rank_options opt = {.k = SHOP};
    int32_t n = 0;
    if (!f->ranker)
        assert_int_equal(ranker_create(f->ctx, &f->scorer, &f->ranker, &err), AKIN_OK);
    if (is_similar)
        assert_int_equal(rank_similar(f->ranker, item, &opt, out, &n, &err), AKIN_OK);
    else
        assert_int_equal(rank_lists(f->ranker, q, 1, &opt, out, &n, &err), AKIN_OK);
    return n;
}

/* Who has A gets what shares A's features, best first, whatever all others do. */
static void of_ones_own(void **state)
{
    akin_ctx *ctx = *state;
    float *first = NULL;
    for (int taste = 1; taste <= 2; taste++) {
        struct dataset *ds = shop_data(ctx, taste);
        struct fitted f = fitted_new(ctx, ds, "content", NULL, NULL);
        struct query q = model_query_user(f.m, fix_user(ds, "u0"));
        struct ranked out[SHOP];
        int32_t n = list(&f, &q, false, 0, out);
        assert_int_equal(n, SHOP - 1);
        assert_int_equal(out[0].item, fix_item(ds, "i1"));
        float *s = fitted_scores(&f, &q);
        assert_true(s[fix_item(ds, "i3")] > 0 && s[fix_item(ds, "i2")] > 0);
        assert_true(s[fix_item(ds, "i6")] > 0);
        assert_true(s[fix_item(ds, "i4")] == UNSCORED && s[fix_item(ds, "i7")] == UNSCORED);
        if (first)
            assert_memory_equal(first, s, SHOP * sizeof *s);
        free(first);
        first = s;
        fitted_free(&f);
        dataset_free(ds);
    }
    free(first);
}

static void near_duplicates(void **state)
{
    akin_ctx *ctx = *state;
    static const char *const settings[] = {NULL, "{\"weighting\":\"tfidf\"}",
                                           "{\"mean\":\"whole\"}",
                                           "{\"ngrams\":2,\"number_weight\":1,\"language\":"
                                           "\"none\",\"columns\":[\"genres\",\"year\"]}"};
    for (size_t p = 0; p < sizeof settings / sizeof settings[0]; p++) {
        struct dataset *ds = shop_data(ctx, 1);
        struct fitted f = fitted_new(ctx, ds, "content", settings[p], NULL);
        struct ranked out[SHOP];
        (void)list(&f, NULL, true, fix_item(ds, "i0"), out);
        assert_int_equal(out[0].item, fix_item(ds, "i1"));
        assert_near(out[0].score, 1, 1e-5);
        assert_true(out[1].score < 0.9F);
        assert_saves(&f);
        fitted_free(&f);
        dataset_free(ds);
    }
}

/* Scores are the cosines of features_apply's vectors, written out densely. */
static void by_hand(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    struct dataset *ds = shop_data(ctx, 1);
    struct fitted f = fitted_new(
        ctx, ds, "content",
        "{\"category_weight\":2,\"number_weight\":0.5,\"weighting\":\"tfidf\",\"mean\":\"whole\"}",
        NULL);
    const double weight[FEATURE_KINDS] = {2, 0.5, 1, 1};
    const struct feature_options o = {.language = WORDS_ENGLISH,
                                      .ngrams = 1,
                                      .min_df = 1,
                                      .max_df = 1,
                                      .max_words = 1000,
                                      .bins = 10};
    struct item_source source = {.items = &ds->item_table};
    struct features *spec = NULL;
    struct csr x;
    double dense[SHOP][MOST] = {{0}};
    assert_int_equal(features_fit(ctx, &o, &source, SHOP, &spec, &err), AKIN_OK);
    assert_in_range(features_count(spec), 10, MOST);
    assert_int_equal(features_matrix(spec, &source, SHOP, &x, &err), AKIN_OK);
    for (int i = 0; i < SHOP; i++) {
        double square = 0;
        for (enum feature_kind kind = 0; kind < FEATURE_KINDS; kind++) {
            int32_t lo, hi;
            features_range(spec, kind, &lo, &hi);
            for (int64_t e = x.ptr[i]; e < x.ptr[i + 1]; e++)
                if (x.col[e] >= lo && x.col[e] < hi)
                    dense[i][x.col[e]] = (double)x.val[e] * sqrt(weight[kind]);
        }
        for (int k = 0; k < MOST; k++)
            square += dense[i][k] * dense[i][k];
        for (int k = 0; k < MOST && square > 0; k++)
            dense[i][k] /= sqrt(square);
    }
    for (int32_t u = 0; u < ds->users.n; u++) {
        struct query q = model_query_user(f.m, u);
        double p[MOST] = {0}, square = 0;
        for (int32_t e = 0; e < q.hist.n; e++)
            for (int k = 0; k < MOST; k++)
                p[k] += dense[q.hist.item[e]][k];
        for (int k = 0; k < MOST; k++)
            square += p[k] * p[k];
        float *s = fitted_scores(&f, &q);
        for (int i = 0; i < SHOP; i++) {
            double wanted = 0;
            for (int k = 0; k < MOST; k++)
                wanted += p[k] * dense[i][k];
            if (wanted > 0)
                assert_near(s[i], wanted / sqrt(square), 1e-6);
            else
                assert_true(s[i] == UNSCORED);
        }
        free(s);
    }
    csr_free(ctx, &x);
    features_free(spec);
    fitted_free(&f);
    dataset_free(ds);
}

/* Reasons add up to the score. */
static void reasons(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    struct dataset *ds = shop_data(ctx, 1);
    struct fitted f = fitted_new(ctx, ds, "content", NULL, NULL);
    for (int32_t u = 0; u < ds->users.n; u++) {
        struct query q = model_query_user(f.m, u);
        float *s = fitted_scores(&f, &q);
        struct ranked out[SHOP];
        (void)list(&f, &q, false, 0, out);
        for (int32_t i = 0; i < SHOP; i++) {
            struct reason r[SHOP];
            int32_t n;
            double sum = 0;
            assert_int_equal(rank_explain(f.ranker, &q, i, r, SHOP, &n, &err), AKIN_OK);
            for (int32_t j = 0; j < n; j++)
                sum += (double)r[j].contribution;
            assert_near(sum, s[i] > 0 ? s[i] : 0.0F, 1e-5);
        }
        free(s);
    }
    fitted_free(&f);
    dataset_free(ds);
}

/* An item that came later has the score it would have had in the fit. */
static void later_items(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    struct dataset *ds = shop_data(ctx, 1);
    struct fitted f = fitted_new(ctx, ds, "content", NULL, NULL);
    const struct scorer_class *cls = f.scorer.cls;
    struct item_source source = {.items = &ds->item_table};
    struct item_state states[SHOP];
    struct arena arena;
    arena_init(&arena, ctx);
    for (int32_t i = 0; i < SHOP; i++) {
        struct item_at at = {&source, i};
        struct attributes a = item_attributes(&at);
        assert_int_equal(cls->fold_in_item(f.scorer.self, &a, &states[i], &arena, &err), AKIN_OK);
    }
    for (int32_t u = 0; u < ds->users.n; u++) {
        struct query q = model_query_user(f.m, u);
        float *s = fitted_scores(&f, &q), own[SHOP];
        assert_int_equal(cls->score_states(f.scorer.self, &q, states, SHOP, own, &arena, &err),
                         AKIN_OK);
        for (int32_t i = 0; i < SHOP; i++) {
            if (s[i] == UNSCORED)
                assert_true(own[i] == UNSCORED);
            else
                assert_near(own[i], s[i], 1e-6);
        }
        free(s);
    }
    arena_free(&arena);
    fitted_free(&f);
    dataset_free(ds);
}

/* What cannot be learnt from is refused by what to give; kinds of weight 0 speak for nothing. */
static void refusals(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err = {0};
    static const struct row row[] = {{"u0", "i0", 1, 0, 0}, {"u1", "i1", 1, 0, 0}};
    struct fitted f;
    struct dataset *ds = fix_dataset(ctx, row, 2, 0, NULL);
    assert_int_equal(fitted_try(ctx, ds, "content", NULL, NULL, &f, &err), AKIN_E_INPUT);
    assert_non_null(strstr(err.message, "--items"));
    static const char *const emoji[][COLS] = {{"\xF0\x9F\x98\x80", NULL, "3"}, {"...", NULL, "3"}};
    add_table(ctx, ds, 2, emoji);
    assert_int_equal(fitted_try(ctx, ds, "content", NULL, NULL, &f, &err), AKIN_E_INPUT);
    assert_non_null(strstr(err.message, "do not vary"));
    dataset_free(ds);
    ds = shop_data(ctx, 1);
    const char *none = "{\"word_weight\":0,\"category_weight\":0,\"number_weight\":0}";
    assert_int_equal(fitted_try(ctx, ds, "content", none, NULL, &f, &err), AKIN_E_ARG);
    assert_non_null(strstr(err.message, "word_weight"));
    f = fitted_new(ctx, ds, "content", "{\"word_weight\":0,\"number_weight\":0}", NULL);
    struct query q = model_query_user(f.m, fix_user(ds, "u0"));
    float *s = fitted_scores(&f, &q);
    assert_true(s[fix_item(ds, "i2")] == UNSCORED);
    assert_true(s[fix_item(ds, "i3")] > 0);
    free(s);
    fitted_free(&f);
    dataset_free(ds);
}

/* One user, one item; a text of 10 MB; right to left and without a word. */
static void odd_data(void **state)
{
    akin_ctx *ctx = *state;
    static const struct row row[] = {
        {"u0", "i0", 1, 0, 0}, {"u0", "i1", 1, 0, 0}, {"u1", "i2", 1, 0, 0}};
    struct dataset *ds = fix_dataset(ctx, row, 1, 0, NULL);
    add_table(ctx, ds, 1, shop);
    struct fitted f = fitted_new(ctx, ds, "content", NULL, NULL);
    struct query q = model_query_user(f.m, 0);
    struct ranked out[SHOP];
    assert_int_equal(list(&f, &q, false, 0, out), 0); /* the one item is seen */
    fitted_free(&f);
    dataset_free(ds);
    enum { SIZE = 10 << 20 };
    char *text = malloc(SIZE + 1);
    assert_non_null(text);
    for (int i = 0; i < SIZE; i++)
        text[i] = "abcdefgh "[(i * 7 + i / 1000) % 9];
    text[SIZE] = '\0';
    const char *const cells[3][COLS] = {
        {text, NULL, NULL}, {"\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D", NULL, NULL}, {"", NULL, NULL}};
    ds = fix_dataset(ctx, row, 3, 0, NULL);
    add_table(ctx, ds, 3, cells);
    f = fitted_new(ctx, ds, "content", "{\"language\":\"none\"}", NULL);
    assert_saves(&f);
    fitted_free(&f);
    dataset_free(ds);
    free(text);
}

static void bits(void **state)
{
    (void)state;
    assert_threads_agree(shop_of_one, "content", "{\"ngrams\":3,\"weighting\":\"bm25\"}");
}

static void no_memory(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = shop_data(ctx, 1);
    assert_survives_no_memory(ds, ctx, "content", NULL);
    dataset_free(ds);
}

static int setup(void **state)
{
    *state = knn_ctx(2);
    return 0;
}

static int teardown(void **state)
{
    knn_ctx_done(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_ones_own), cmocka_unit_test(near_duplicates),
        cmocka_unit_test(by_hand),     cmocka_unit_test(reasons),
        cmocka_unit_test(later_items), cmocka_unit_test(refusals),
        cmocka_unit_test(odd_data),    cmocka_unit_test(bits),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
