/* Every kernel table of this machine against ref: the same bits for the whole battery. */
#include "kern/kern_battery.h"

#include "core/error.h"
#include "kern/isa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* The first pass records, the others compare. */
struct record {
    struct sink sink;
    uint32_t *words; /* owned */
    size_t n, room, at;
    const char *isa;
    bool compares;
    bool differs;
};

static void record_put(struct sink *sink, const char *kernel, int64_t a, int64_t b, uint32_t word)
{
    struct record *record = (struct record *)sink;
    if (record->compares) {
        if (!record->differs && (record->at >= record->n || record->words[record->at] != word)) {
            record->differs = true;
            print_error("%s differs from ref: %s, case %lld %lld: %08x, ref %08x\n", record->isa,
                        kernel, (long long)a, (long long)b, word,
                        record->at < record->n ? record->words[record->at] : 0);
        }
        record->at++;
        return;
    }
    if (record->n == record->room) {
        record->room = record->room ? record->room * 2 : 1 << 16;
        uint32_t *grown = realloc(record->words, record->room * sizeof *grown);
        assert_non_null(grown);
        record->words = grown;
    }
    record->words[record->n++] = word;
}

static void test_battery(void **state)
{
    (void)state;
    const uint64_t seed = 7;
    printf("seed %llu\n", (unsigned long long)seed);
    struct record record = {.sink = {.put = record_put}};
    battery_run(kern_find("ref"), seed, &record.sink);
    record.compares = true;
    for (size_t i = 1; kern_names(i); i++) {
        const struct kern *kern = kern_find(kern_names(i));
        if (!kern) {
            printf("%s: not on this CPU\n", kern_names(i));
            continue;
        }
        record.isa = kern->isa;
        record.at = 0;
        record.differs = false;
        battery_run(kern, seed, &record.sink);
        assert_false(record.differs);
        assert_int_equal(record.at, record.n);
    }
    free(record.words);
}

/* Element-wise functions over every 9973rd float of all 2^32. */
static void test_sweep(void **state)
{
    (void)state;
    enum { N = 430662 };
    float *x = malloc(N * sizeof *x);
    float *want = malloc(3 * N * sizeof *want);
    float *y = malloc(N * sizeof *y);
    assert_true(x && want && y);
    for (uint32_t i = 0; i < N; i++)
        x[i] = battery_bits(i * 9973u);
    const struct kern *ref = kern_find("ref");
    ref->vexp(x, want, N);
    ref->vlog(x, want + N, N);
    ref->vtanh(x, want + 2 * N, N);
    for (size_t i = 1; kern_names(i); i++) {
        const struct kern *kern = kern_find(kern_names(i));
        if (!kern)
            continue;
        for (int f = 0; f < 3; f++) {
            (f == 0 ? kern->vexp : f == 1 ? kern->vlog : kern->vtanh)(x, y, N);
            for (int64_t j = 0; j < N; j++) {
                float w = want[f * N + j];
                if (w == w ? memcmp(&w, &y[j], sizeof w) != 0 : y[j] == y[j])
                    fail_msg("%s: function %d of %a: %a, ref %a", kern->isa, f, (double)x[j],
                             (double)y[j], (double)w);
            }
        }
    }
    free(x);
    free(want);
    free(y);
}

/* The AVX-512 byte dot for CPUs without VNNI, which this one may never select. */
static void test_without_vnni(void **state)
{
    (void)state;
#if KERN_X86
    if (!kern_find("avx512"))
        skip();
    struct record record = {.sink = {.put = record_put}, .isa = "avx512 without vnni"};
    for (int pass = 0; pass < 2; pass++) {
        struct battery bat = {.kern = pass ? &kern_avx512 : &kern_ref, .sink = &record.sink};
        record.compares = pass == 1;
        for (int64_t n = 0; n <= 200; n++)
            battery_bytes(&bat, n, n % 8 == 7);
        battery_bytes(&bat, 65536, true);
    }
    assert_false(record.differs);
    free(record.words);
#else
    skip();
#endif
}

/* Rows longer than syrk's scratch. */
static void test_long_rows(void **state)
{
    (void)state;
    enum { K = 5500, LAST = 20 };
    float *X = malloc(2 * K * sizeof *X);
    float *A = calloc((size_t)K * K, sizeof *A);
    assert_true(X && A);
    const float w[2] = {0.5f, 3.0f};
    struct battery bat = {.state = 3};
    battery_fill(&bat, 0, X, 2 * K);
    for (size_t i = 1; kern_names(i); i++) {
        const struct kern *kern = kern_find(kern_names(i));
        if (!kern)
            continue;
        for (int64_t r = K - LAST; r < K; r++)
            memset(A + r * K, 0, K * sizeof *A);
        kern->syrk(K, 2, X, K, NULL, w, A, K);
        for (int64_t r = K - LAST; r < K; r++)
            for (int64_t j = 0; j <= r; j++) {
                float want = fmaf(w[0] * X[r], X[j], 0.0f);
                want = fmaf(w[1] * X[K + r], X[K + j], want);
                assert_memory_equal(&want, &A[r * K + j], sizeof want);
            }
    }
    free(X);
    free(A);
}

/* What the factor and the solution are for, apart from bits: A·x = b. */
static void test_solves(void **state)
{
    (void)state;
    enum { K = 100 };
    struct battery bat = {.state = 5};
    float *A = battery_positive(&bat, K, K);
    float L[K * K], b[K];
    memcpy(L, A, sizeof L);
    for (int i = 0; i < K; i++)
        b[i] = (float)(i % 7) - 3.0f;
    const struct kern *kern = kern_find(kern_names(0));
    assert_int_equal(kern->chol(K, L, K), 0);
    kern->chol_solve(K, L, K, b);
    for (int i = 0; i < K; i++) {
        double sum = 0.0;
        for (int j = 0; j < K; j++)
            sum += (double)(j <= i ? A[i * K + j] : A[j * K + i]) * (double)b[j];
        assert_true(fabs(sum - (i % 7 - 3)) < 1e-3);
    }
    free(A);
}

static void test_selection(void **state)
{
    (void)state;
    akin_ctx ctx = {0};
    akin_error err = {0};
    assert_string_equal(kern_names(0), "ref");
    assert_non_null(kern_find("ref"));
    assert_null(kern_find("mmx"));
    assert_int_equal(kern_select(&ctx, "ref", &err), AKIN_OK);
    assert_ptr_equal(ctx.kern, kern_find("ref"));
    const struct kern *best = NULL;
    for (size_t i = 0; kern_names(i); i++)
        if (kern_find(kern_names(i)))
            best = kern_find(kern_names(i));
    assert_int_equal(kern_select(&ctx, NULL, &err), AKIN_OK);
    assert_ptr_equal(ctx.kern, best);
    assert_int_equal(kern_select(&ctx, "mmx", &err), AKIN_E_ARG);
    assert_non_null(strstr(err.message, "isa=mmx"));
    assert_non_null(strstr(err.message, "ref"));
    assert_ptr_equal(ctx.kern, best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_battery),      cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_without_vnni), cmocka_unit_test(test_long_rows),
        cmocka_unit_test(test_solves),       cmocka_unit_test(test_selection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
