/* The pages: numbers for people, escaping, well-formed, self-contained, lack of memory. */
#include "report_fixture.h"

#include "report/html.h"
#include "report/svg.h"

static akin_ctx *ctx;

static int set_up(void **state)
{
    (void)state;
    return ctx_create(2, 1, 0, &ctx, NULL) == AKIN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    int64_t used = mem_used(ctx->mem);
    ctx_free(ctx);
    return used == 0 ? 0 : -1;
}

/* ---- a checker of what we write: every element closed, every attribute quoted ---- */

static const char *skip_tag(const char *p, const char *page)
{
    char quote = 0;
    for (; *p && (quote || *p != '>'); p++) {
        if (*p == '"')
            quote = quote ? 0 : '"';
        else if (*p == '<')
            fail_msg("'<' in a tag at byte %td: %.60s", p - page, p);
        else if (*p == '=' && !quote && p[1] != '"')
            fail_msg("attribute without quotes: %.60s", p);
    }
    assert_true(*p == '>');
    return p;
}

static void check_page(const char *page)
{
    char stack[64][16];
    int depth = 0;
    for (const char *p = page; *p; p++) {
        if (*p == '&')
            assert_true(strcspn(p, ";") < 9);
        if (*p != '<')
            continue;
        bool closing = p[1] == '/';
        char name[16] = {0};
        const char *start = p + 1 + closing;
        size_t n = strcspn(start, " >/\n");
        assert_true(n < sizeof name);
        memcpy(name, start, n);
        p = skip_tag(start, page);
        if (*start == '!' || p[-1] == '/' || strcmp(name, "meta") == 0)
            continue;
        if (closing) {
            assert_true(depth > 0);
            assert_string_equal(stack[--depth], name);
            continue;
        }
        assert_true(depth < 64);
        memcpy(stack[depth++], name, sizeof name);
    }
    assert_int_equal(depth, 0);
    static const char *const never[] = {"<script", "http:", "https:", "src=", "@import",
                                        "url(",    "<img",  "nan",    "inf<", "(null)"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (strstr(page, never[i]))
            fail_msg("the page has '%s': %.80s", never[i], strstr(page, never[i]));
}

/* ---- numbers and text ---- */

static void expect(struct buf *b, const char *want)
{
    assert_string_equal(b->data, want);
    buf_clear(b);
}

static void test_numbers(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, ctx);
    static const struct {
        double x;
        const char *text;
    } numbers[] = {
        {0, "0"},           {1, "1"},          {-2.5, "−2.5"},    {3.50156, "3.502"},
        {10.37, "10.4"},    {1234.6, "1,235"}, {0.0123, "0.012"}, {0.00123, "0.00123"},
        {2.6e-9, "2.6e−9"}, {100, "100"},      {0.5, "0.5"},      {123456789, "123,456,789"},
        {9.9996, "10"},     {(double)NAN, "–"}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        html_number(&b, numbers[i].x);
        expect(&b, numbers[i].text);
    }
    html_count(&b, -1234567);
    expect(&b, "−1,234,567");
    html_fixed(&b, -0.00001, 2);
    expect(&b, "0.00");
    html_fixed(&b, 1999.996, 2);
    expect(&b, "2,000.00");
    html_percent(&b, 0.8534);
    expect(&b, "85&#8239;%");
    html_percent(&b, 0.983);
    expect(&b, "98.3&#8239;%");
    html_percent(&b, 1);
    expect(&b, "100&#8239;%");
    html_say(&b, "%t %c %n %p %%", "a<b", (int64_t)1000, 0.25, 0.0);
    expect(&b, "a&lt;b 1,000 0.25 0&#8239;% %");
    html_text(&b, "<script>\"'&\x01\n\x7f</script>");
    expect(&b, "&lt;script&gt;&quot;&#39;&amp;&lt;/script&gt;");
    buf_free(&b);
}

/* Ticks at round numbers on every kind of axis; no axis however odd may loop or fail. */
static void test_axes(void **state)
{
    (void)state;
    static const double ends[][2] = {{0, 1},      {0, 0},       {5, 5},           {0, 1e-9},
                                     {-3, 8e9},   {1e12, 1e12}, {0.4, 0.41},      {0, 123456},
                                     {1e-5, 1e7}, {1, 2},       {0, 2500000000.0}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        for (int scale = SVG_LINEAR; scale <= SVG_TIME; scale++) {
            struct buf b;
            buf_init(&b, ctx);
            double lo = ends[i][0], hi = ends[i][1];
            if (scale == SVG_LOG && lo <= 0.0)
                lo = 1e-3;
            struct svg s = {.b = &b,
                            .x = {(enum svg_scale)scale, SVG_NUMBER, lo, hi, true, "x"},
                            .y = {SVG_LINEAR, SVG_WHOLE, 0, ends[i][1], true, "y"}};
            svg_open(&s, "axes");
            svg_dot(&s, s.x.lo, s.y.lo, 2, "c1");
            svg_end(&s, "circle");
            svg_close(&s);
            check_page(b.data);
            buf_free(&b);
        }
    }
}

/* ---- pages ---- */

static const char *const titles[] = {
    "<script>alert(1)</script>", "\"quoted\" & 'so'", "Amélie", "]]>-->", "", "x onerror=1"};

static struct dataset *evil_dataset(void)
{
    enum { N = 60 };
    static int32_t user[N], item[N];
    static float value[N];
    static int64_t time[N];
    static const int32_t tags[] = {0, 0, 1, 2, 2, 2};
    for (int i = 0; i < N; i++) {
        user[i] = i % 7;
        item[i] = i * i % 6;
        value[i] = (float)(i % 9) / 2.0F;
        time[i] = 1600000000 + i * 100000;
    }
    const struct report_events in = {.n_users = 8,
                                     .n_items = 6,
                                     .n = N,
                                     .user = user,
                                     .item = item,
                                     .value = value,
                                     .time = time,
                                     .n_tags = 6,
                                     .tag_item = tags,
                                     .title = titles};
    struct dataset *ds = fixture_dataset(ctx, &in);
    json_object_set_new(ds->card, "prepare",
                        json_pack("{s:i, s:i, s:s, s:{s:i}, s:[{s:s, s:s, s:i, s:s}]}", "rows", 70,
                                  "kept", 60, "format", "csv", "dropped", "bad_value", 10,
                                  "samples", "class", "bad_value", "source", "<a>.csv", "line", 7,
                                  "text", "1,2,<b>&"));
    return ds;
}

static void test_explore_page(void **state)
{
    (void)state;
    struct dataset *ds = evil_dataset();
    struct buf page, again;
    json_t *n = NULL;
    buf_init(&page, ctx);
    buf_init(&again, ctx);
    assert_int_equal(report_explore(ds, &n, NULL), AKIN_OK);
    json_object_set_new(n, "name", json_string("<i>data"));
    assert_int_equal(report_explore_html(ctx, n, &page, NULL), AKIN_OK);
    check_page(page.data);
    static const char *const parts[] = {"&lt;i&gt;data",
                                        "&lt;script&gt;alert(1)&lt;/script&gt;",
                                        "id=\"items\"",
                                        "id=\"users\"",
                                        "id=\"values\"",
                                        "id=\"tags\"",
                                        "id=\"time\"",
                                        "id=\"correlations\"",
                                        "id=\"cleaning\"",
                                        "prefers-color-scheme:dark",
                                        "name=\"viewport\"",
                                        "role=\"img\" aria-label=",
                                        "<code>1,2,&lt;b&gt;&amp;</code>",
                                        "<!DOCTYPE html>"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(page.data, parts[i]))
            fail_msg("the page lacks '%s'", parts[i]);
    assert_int_equal(report_explore_html(ctx, n, &again, NULL), AKIN_OK);
    assert_int_equal(page.size, again.size);
    assert_memory_equal(page.data, again.data, (size_t)page.size);
    buf_free(&page);
    buf_free(&again);
    json_decref(n);
    dataset_free(ds);
}

static const char evaluation[] =
    "{\"results\":["
    "{\"model\":\"<b>one\",\"type\":\"ials\",\"params\":{\"factors\":8},\"n_eval\":42,"
    "\"metrics\":{\"ndcg@10\":{\"value\":0.31,\"lo\":0.3,\"hi\":0.33,\"n\":42,"
    "\"definition\":\"ndcg@10[bin]\"},\"rmse\":{\"value\":0.9,\"n\":300},"
    "\"coverage@10\":{\"value\":0.5,\"n\":50}},\"train_seconds\":2.5,\"evaluate_seconds\":0.2,"
    "\"peak_bytes\":12000000,\"warning\":\"too few to <compare>\",\"segments\":{\"users\":{"
    "\"hot\":{\"n\":40,\"metrics\":{\"ndcg@10\":{\"value\":0.4,\"n\":40}}},"
    "\"cold\":{\"n\":2,\"metrics\":{\"ndcg@10\":{\"value\":0.1,\"n\":2}}}},\"activity\":{},"
    "\"items\":{}}},"
    "{\"model\":\"a model with a very long name indeed\",\"type\":\"popular\",\"params\":{},"
    "\"n_eval\":42,\"metrics\":{\"ndcg@10\":{\"value\":0.2,\"folds\":[0.1,0.3]},"
    "\"rmse\":{\"value\":0.95,\"n\":300},\"coverage@10\":{\"value\":null,\"n\":0}},"
    "\"train_seconds\":0.1}],"
    "\"tests\":[{\"a\":\"<b>one\",\"b\":\"two\",\"metric\":\"ndcg@10\",\"difference\":0.11,"
    "\"lo\":0.05,\"hi\":0.17,\"p_wilcoxon\":1.2e-7,\"n\":42}]}";

static void test_evaluation_page(void **state)
{
    (void)state;
    static const char *const pages[] = {
        evaluation, "{}", "{\"results\":[]}", "{\"results\":[{\"model\":\"m\"}],\"tests\":[{}]}",
        "{\"results\":[{\"model\":\"m\",\"metrics\":{\"mrr@5\":{\"value\":0}}}]}"};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        json_t *e = NULL;
        struct buf page;
        buf_init(&page, ctx);
        assert_int_equal(json_parse("test", pages[i], strlen(pages[i]), &e, NULL), AKIN_OK);
        assert_int_equal(report_evaluation_html(ctx, e, &page, NULL), AKIN_OK);
        check_page(page.data);
        if (i == 0) {
            assert_non_null(strstr(page.data, "&lt;b&gt;one"));
            assert_non_null(strstr(page.data, "too few to &lt;compare&gt;"));
            assert_non_null(strstr(page.data, "<b>0.3100</b>"));
            assert_non_null(strstr(page.data, "<b>0.9000</b>")); /* of rmse the least */
            assert_non_null(strstr(page.data, "Paired tests"));
            assert_non_null(strstr(page.data, "id=\"segments\""));
        }
        buf_free(&page);
        json_decref(e);
    }
}

static void test_both(void **state)
{
    (void)state;
    struct dataset *ds = evil_dataset();
    json_t *n = NULL, *e = NULL;
    int64_t used = mem_used(ctx->mem), tries = 0;
    akin_status status = AKIN_E_MEMORY;
    assert_int_equal(report_explore(ds, &n, NULL), AKIN_OK);
    assert_int_equal(json_parse("test", evaluation, strlen(evaluation), &e, NULL), AKIN_OK);
    while (status != AKIN_OK) { /* every allocation fails once */
        struct buf page;
        buf_init(&page, ctx);
        mem_fail_at(ctx->mem, ++tries);
        status = report_page_html(ctx, n, e, &page, NULL);
        mem_fail_at(ctx->mem, 0);
        assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
        if (status == AKIN_OK)
            check_page(page.data);
        buf_free(&page);
        assert_int_equal(mem_used(ctx->mem), used);
        assert_true(tries < 200);
    }
    assert_true(tries > 3);
    json_decref(n);
    json_decref(e);
    dataset_free(ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),      cmocka_unit_test(test_axes),
        cmocka_unit_test(test_explore_page), cmocka_unit_test(test_evaluation_page),
        cmocka_unit_test(test_both),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
