/*
 * Speed of the kernels, each instruction set of this machine: JSON on stdout.
 *
 *   kern [ISA]        medians of five rounds, one thread, data in cache
 *
 * Flops are counted as the mathematics needs them (syrk k²·n, chol k³/3, solve 2k²), so rates of
 * triangular kernels include what their tiles compute beyond the diagonal.
 */
#include "kern/kern.h"
#include "core/ctx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5, ROUND_NS = 40000000 };

struct data {
    const struct kern *kern;
    int64_t m, n, k;
    float *A, *B, *C, *work;
    int32_t *rows;
    uint8_t *bytes;
    int32_t *found;
    float sink;
};

static void run_gemm(struct data *d)
{
    d->kern->gemm(d->m, d->n, d->k, d->A, d->k, d->B, d->C, d->n, 0);
}

static void run_syrk(struct data *d)
{
    d->kern->syrk(d->k, d->n, d->A, d->k, d->rows, d->B, d->C, d->k);
}

static void run_chol(struct data *d)
{
    memcpy(d->work, d->C, (size_t)(d->k * d->k) * sizeof(float));
    d->sink += (float)d->kern->chol(d->k, d->work, d->k);
}

static void run_solve(struct data *d)
{
    for (int64_t i = 0; i < d->k; i++)
        d->B[i] = 1.0f;
    d->kern->chol_solve(d->k, d->work, d->k, d->B);
}

static void run_dot(struct data *d)
{
    for (int64_t i = 0; i < d->n; i++)
        d->sink += d->kern->dot(d->A + i * d->k, d->B, d->k);
}

static void run_axpy(struct data *d)
{
    d->kern->axpy(1e-9f, d->A, d->B, d->n);
}

static void run_dot64(struct data *d)
{
    d->sink += (float)d->kern->dot64(d->A, d->B, d->n);
}

static void run_pack(struct data *d)
{
    d->kern->pack(d->A, d->k, d->n, d->k, d->B);
}

static void run_exp(struct data *d)
{
    d->kern->vexp(d->A, d->C, d->n);
}

static void run_log(struct data *d)
{
    d->kern->vlog(d->B, d->C, d->n);
}

static void run_tanh(struct data *d)
{
    d->kern->vtanh(d->A, d->C, d->n);
}

static void run_bytes(struct data *d)
{
    for (int64_t i = 0; i < d->n; i++)
        d->sink += (float)d->kern->dot_u8s8(d->bytes + i * d->k, (const int8_t *)d->bytes, d->k);
}

static void run_scan(struct data *d)
{
    d->sink += (float)d->kern->scan_above(d->A, d->n, 0.99f, d->found);
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Median over rounds of the seconds of one call. */
static double seconds_of(void (*fn)(struct data *), struct data *d)
{
    double times[ROUNDS];
    int64_t calls = 1;
    for (int round = 0; round < ROUNDS; round++) {
        for (;;) {
            int64_t start = clock_ns();
            for (int64_t i = 0; i < calls; i++)
                fn(d);
            int64_t spent = clock_ns() - start;
            times[round] = (double)spent * 1e-9 / (double)calls;
            if (spent >= ROUND_NS / 2)
                break;
            calls = spent < ROUND_NS / 64 ? calls * 8 : calls * 2;
        }
    }
    qsort(times, ROUNDS, sizeof *times, compare);
    return times[ROUNDS / 2];
}

/* A symmetric positive matrix in C: the Gram matrix of A plus the unit matrix. */
static void make_positive(struct data *d)
{
    memset(d->C, 0, (size_t)(d->k * d->k) * sizeof(float));
    d->kern->syrk(d->k, 2 * d->k, d->A, d->k, NULL, NULL, d->C, d->k);
    for (int64_t i = 0; i < d->k; i++)
        d->C[i * d->k + i] += 1.0f;
}

static void report(const struct data *d, const char *name, double count, const char *unit,
                   void (*fn)(struct data *), int *first)
{
    struct data copy = *d;
    double s = seconds_of(fn, &copy);
    printf("%s\n  {\"isa\":\"%s\",\"kernel\":\"%s\",\"m\":%lld,\"n\":%lld,\"k\":%lld,"
           "\"us\":%.3f,\"%s\":%.2f}",
           *first ? "" : ",", d->kern->isa, name, (long long)d->m, (long long)d->n, (long long)d->k,
           s * 1e6, unit, count / s * 1e-9);
    *first = 0;
}

static void bench_products(struct data *d, int *first)
{
    static const int64_t k_of[] = {64, 128, 256};
    static const int64_t n_of[] = {16, 64, 512};
    d->m = 256;
    d->n = 4096;
    d->k = 128;
    report(d, "gemm", 2.0 * 256 * 4096 * 128, "gflops", run_gemm, first);
    d->m = 1;
    report(d, "gemm", 2.0 * 4096 * 128, "gflops", run_gemm, first);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++) {
            d->m = 0;
            d->k = k_of[i];
            d->n = n_of[j];
            double k = (double)d->k;
            report(d, "syrk", k * k * (double)d->n, "gflops", run_syrk, first);
        }
    for (size_t i = 0; i < 3; i++) {
        d->n = 0;
        d->k = k_of[i];
        double k = (double)d->k;
        make_positive(d);
        report(d, "chol", k * k * k / 3, "gflops", run_chol, first);
        run_chol(d);
        report(d, "chol_solve", 2 * k * k, "gflops", run_solve, first);
    }
}

static void bench_vectors(struct data *d, int *first)
{
    d->m = 0;
    d->k = 128;
    d->n = 256;
    report(d, "dot", 2.0 * 256 * 128, "gflops", run_dot, first);
    report(d, "dot_u8s8", 2.0 * 256 * 128, "gops", run_bytes, first);
    report(d, "pack", 256.0 * 128, "gelements", run_pack, first);
    d->n = 4096;
    d->k = 0;
    report(d, "axpy", 2.0 * 4096, "gflops", run_axpy, first);
    report(d, "dot64", 2.0 * 4096, "gflops", run_dot64, first);
    report(d, "vexp", 4096, "gelements", run_exp, first);
    report(d, "vlog", 4096, "gelements", run_log, first);
    report(d, "vtanh", 4096, "gelements", run_tanh, first);
    report(d, "scan_above", 4096, "gelements", run_scan, first);
}

int main(int argc, char **argv)
{
    enum { SIZE = 1 << 20 };
    struct data d = {0};
    d.A = malloc(SIZE * sizeof(float));
    d.B = malloc(SIZE * sizeof(float));
    d.C = malloc(SIZE * sizeof(float));
    d.work = malloc(SIZE * sizeof(float));
    d.rows = malloc(4096 * sizeof(int32_t));
    d.found = malloc(4096 * sizeof(int32_t));
    d.bytes = malloc(SIZE);
    if (!d.A || !d.B || !d.C || !d.work || !d.rows || !d.found || !d.bytes)
        return 1;
    uint32_t state = 1;
    int first = 1;
    printf("{\"bench\":\"kern\",\"rows\":[");
    for (size_t i = 0; kern_names(i); i++) {
        d.kern = kern_find(kern_names(i));
        if (!d.kern || (argc > 1 && strcmp(argv[1], d.kern->isa) != 0))
            continue;
        for (size_t j = 0; j < SIZE; j++) {
            state = state * 1664525u + 1013904223u;
            d.A[j] = (float)(state >> 8) * 0x1p-23f - 1.0f;
            d.B[j] = (float)(state >> 9) * 0x1p-23f;
            d.C[j] = 0.0f;
            d.bytes[j] = (uint8_t)(state >> 24);
        }
        for (int32_t j = 0; j < 4096; j++)
            d.rows[j] = (int32_t)(((uint32_t)j * 2654435761u) >> 20) % 4000;
        bench_products(&d, &first);
        bench_vectors(&d, &first);
    }
    printf("\n]}\n");
    return 0;
}
