/* Statistics, calendar and round bins of the report. */
#include "report_fixture.h"

#include "report/calendar.h"
#include "report/explore.h"
#include "report/stats.h"

enum { SEED = 7 };

static akin_ctx *ctx;

static int set_up(void **state)
{
    (void)state;
    printf("seed %d\n", SEED);
    return ctx_create(2, SEED, 0, &ctx, NULL) == AKIN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    int64_t used = mem_used(ctx->mem);
    ctx_free(ctx);
    return used == 0 ? 0 : -1;
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fmax(1.0, fabs(b));
}

static uint32_t draw(uint32_t *s)
{
    *s = *s * 1664525U + 1013904223U;
    return *s >> 8;
}

static void test_order_and_ranks(void **state)
{
    (void)state;
    static const double key[] = {3, 1, 2, 1, 3, 1};
    static const int32_t order[] = {1, 3, 5, 2, 0, 4};
    static const double rank[] = {5.5, 2, 4, 2, 5.5, 2};
    int32_t got[6];
    double ranks[6];
    assert_int_equal(report_order(ctx, 6, key, got, NULL), AKIN_OK);
    assert_memory_equal(got, order, sizeof order);
    assert_int_equal(report_ranks(ctx, 6, key, ranks, NULL), AKIN_OK);
    for (int i = 0; i < 6; i++)
        assert_true(near(ranks[i], rank[i]));
    assert_int_equal(report_order(ctx, 0, key, got, NULL), AKIN_OK);
    double many[777];
    int32_t numbers[777];
    uint32_t s = SEED;
    for (int i = 0; i < 777; i++)
        many[i] = draw(&s) % 50;
    assert_int_equal(report_order(ctx, 777, many, numbers, NULL), AKIN_OK);
    for (int i = 1; i < 777; i++) {
        double a = many[numbers[i - 1]], b = many[numbers[i]];
        assert_true(a < b || (near(a, b) && numbers[i - 1] < numbers[i]));
    }
}

static void test_quantiles(void **state)
{
    (void)state;
    static const double x[] = {1, 2, 4, 8};
    struct report_summary s;
    assert_true(near(report_quantile(x, 4, 0.5), 3));
    assert_true(near(report_quantile(x, 4, 0.25), 1.75));
    assert_true(near(report_quantile(x, 4, 1), 8));
    assert_true(isnan(report_quantile(x, 0, 0.5)));
    report_summarize(x, 4, &s);
    assert_true(near(s.mean, 3.75) && near(s.sd * s.sd, 28.75 / 3));
    report_summarize(x, 1, &s);
    assert_true(near(s.median, 1) && isnan(s.sd));
    report_summarize(x, 0, &s);
    assert_true(isnan(s.mean) && isnan(s.hi));
}

/* Selection by counting gives what sorting gives. */
static void test_selection(void **state)
{
    (void)state;
    enum { N = 3000 };
    float x[N];
    double y[N], sorted[N];
    int32_t order[N];
    uint32_t seed = SEED;
    for (int n = 1; n <= N; n = n * 3 + 1) {
        struct report_summary a, b;
        for (int i = 0; i < n; i++) {
            x[i] = (float)((int)draw(&seed) - (1 << 23)) / (float)(1 + draw(&seed) % 1000);
            if (i % 7 == 0)
                x[i] = (float)(i % 3) - 1.0F;
            y[i] = (double)x[i];
        }
        assert_int_equal(report_order(ctx, n, y, order, NULL), AKIN_OK);
        for (int i = 0; i < n; i++)
            sorted[i] = y[order[i]];
        report_summarize(sorted, n, &a);
        assert_int_equal(report_summarize_floats(ctx, x, n, &b, NULL), AKIN_OK);
        assert_true(near(a.lo, b.lo) && near(a.q25, b.q25) && near(a.median, b.median));
        assert_true(near(a.q75, b.q75) && near(a.q90, b.q90) && near(a.q99, b.q99));
        assert_true(near(a.hi, b.hi) && fabs(a.mean - b.mean) <= 1e-9 * (1 + fabs(a.mean)));
        assert_true(n == 1 ? isnan(b.sd) : fabs(a.sd - b.sd) <= 1e-9 * a.sd);
    }
}

static void test_correlation(void **state)
{
    (void)state;
    static const double x[] = {1, 2, 3, 4}, y[] = {2, 4, 6, 8}, z[] = {1, 1, 1, 1};
    static const double w[] = {4, 3, 2, 1};
    assert_true(near(report_pearson(4, x, y), 1));
    assert_true(near(report_pearson(4, x, w), -1));
    assert_true(isnan(report_pearson(4, x, z)));
    assert_true(isnan(report_pearson(1, x, y)));
    assert_true(near(report_partial(0.5, 0, 0), 0.5));
    assert_true(near(report_partial(0.5, 0.6, 0.7), (0.5 - 0.42) / sqrt(0.64 * 0.51)));
    assert_true(isnan(report_partial(0.5, 1, 0.2)));
    assert_true(near(report_gini(z, 4), 0));
    assert_true(near(report_gini(x, 4), 0.25));
    assert_true(isnan(report_gini(x, 0)));
}

static void test_calendar(void **state)
{
    (void)state;
    char text[24];
    static const struct {
        int64_t t;
        enum calendar_unit unit;
        int64_t start;
        const char *label;
    } cases[] = {
        {0, CALENDAR_YEAR, 0, "1970"},
        {-1, CALENDAR_YEAR, -31536000, "1969"},
        {951782400, CALENDAR_DAY, 951782400, "2000-02-29"}, /* a leap day */
        {951868799, CALENDAR_MONTH, 949363200, "2000-02"},
        {951868800, CALENDAR_MONTH, 951868800, "2000-03"},
        {4107542400, CALENDAR_DAY, 4107542400, "2100-03-01"}, /* 2100 is no leap year */
        {4107542399, CALENDAR_DAY, 4107456000, "2100-02-28"},
        {1700000000, CALENDAR_HOUR, 1699999200, "2023-11-14 22:00"},
        {1700000000, CALENDAR_WEEK, 1699833600, "2023-11-13"}, /* a Monday */
        {-62135596800, CALENDAR_YEAR, -62135596800, "0001"},
        {253402300799, CALENDAR_YEAR, 253370764800, "9999"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t start = calendar_start(cases[i].unit, calendar_index(cases[i].unit, cases[i].t));
        assert_int_equal(start, cases[i].start);
        calendar_label(cases[i].unit, start, text, sizeof text);
        assert_string_equal(text, cases[i].label);
    }
    for (int64_t day = -800000; day < 800000; day += 17) { /* units cover time without a gap */
        for (int u = CALENDAR_HOUR; u <= CALENDAR_YEAR; u++) {
            enum calendar_unit unit = (enum calendar_unit)u;
            int64_t at = day * 86400 + 4711, i = calendar_index(unit, at);
            assert_true(calendar_start(unit, i) <= at && at < calendar_start(unit, i + 1));
            assert_int_equal(calendar_index(unit, calendar_start(unit, i)), i);
        }
    }
}

static void test_bins(void **state)
{
    (void)state;
    uint32_t s = SEED;
    struct explore_bins bins;
    explore_bins_fit(0.5, 5, &bins);
    assert_true(near(explore_edge(&bins, 0), 0.4) && bins.n == 23);
    explore_bins_fit(1, 5, &bins);
    assert_true(bins.n == 40 && near(explore_edge(&bins, 3), 1.3));
    explore_bins_fit(3, 3, &bins);
    assert_true(bins.n == 1 && explore_bin(&bins, 3) == 0);
    explore_bins_fit(-10, 10, &bins);
    assert_true(bins.n == 40 && near(explore_edge(&bins, 40), 10));
    for (int round = 0; round < 3000; round++) {
        double scale = 1.0;
        for (uint32_t e = draw(&s) % 25; e > 0; e--)
            scale *= round % 2 ? 10.0 : 0.1;
        double lo = ((double)draw(&s) - 8e6) * scale;
        double hi = lo + (double)(1 + draw(&s)) * scale;
        explore_bins_fit(lo, hi, &bins);
        assert_in_range(bins.n, 1, EXPLORE_BINS);
        assert_int_equal(explore_bin(&bins, lo - 9 * (hi - lo)), bins.n);
        assert_int_equal(explore_bin(&bins, hi + 9 * (hi - lo)), bins.n);
        assert_true(explore_edge(&bins, 0) <= lo && explore_edge(&bins, bins.n) >= hi);
        for (int i = 0; i <= 8; i++) {
            double v = i == 8 ? hi : lo + (hi - lo) * i / 8.0;
            int64_t b = explore_bin(&bins, v);
            assert_in_range(b, 0, bins.n - 1);
            assert_true(v >= explore_edge(&bins, b));
            assert_true(v < explore_edge(&bins, b + 1) || b == bins.n - 1);
        }
    }
}

static void test_whole_bins(void **state)
{
    (void)state;
    struct explore_bins bins;
    uint32_t s = SEED;
    explore_bins_whole(1, 5, &bins);
    assert_true(bins.n == 5 && near(explore_edge(&bins, 0), 1) && explore_bin(&bins, 5) == 4);
    for (int round = 0; round < 2000; round++) {
        double lo = 1 + draw(&s) % 1000, hi = lo + draw(&s) % (1 << (round % 24));
        explore_bins_whole(lo, hi, &bins);
        assert_in_range(bins.n, 1, EXPLORE_BINS);
        assert_true(explore_edge(&bins, 0) <= lo && explore_edge(&bins, bins.n) > hi);
        assert_true(explore_bin(&bins, lo) == 0 && explore_bin(&bins, hi) == bins.n - 1);
    }
}

static void test_core(void **state)
{
    (void)state;
    struct report_summary s = {.lo = 0, .q01 = 1, .q99 = 9, .hi = 10};
    double lo, hi;
    explore_core(&s, &lo, &hi);
    assert_true(near(lo, 0) && near(hi, 10));
    s.hi = 1000;
    explore_core(&s, &lo, &hi);
    assert_true(near(lo, 0) && near(hi, 17));
    s.q99 = 1;
    explore_core(&s, &lo, &hi);
    assert_true(near(hi, 1000));
}

static void test_points(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 1999, 2000, 2001, 2500, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int64_t n = sizes[i], last = -1;
        assert_int_equal(explore_points_n(n), n < EXPLORE_POINTS ? n : EXPLORE_POINTS);
        for (int64_t j = 0; j < explore_points_n(n); j++) {
            int64_t at = explore_point_at(j, n);
            assert_true(at > last && at < n);
            last = at;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_ranks),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_correlation),
        cmocka_unit_test(test_calendar),
        cmocka_unit_test(test_bins),
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_whole_bins),
        cmocka_unit_test(test_core),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
