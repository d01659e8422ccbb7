/* Histories: weights, the fold by hand and against a slow one, threads, files, lack of memory. */
#include "data/history.h"

#include "unit/data/flow_fixture.h"

#include <math.h>
#include <unistd.h>

static struct feedback *rule(struct dataset *ds, const char *positive, double half_life)
{
    akin_error err;
    struct feedback *f = NULL;
    struct feedback_params p = {.positive = positive, .half_life_days = half_life};
    assert_int_equal(feedback_create(ds->ctx, &p, &ds->types, dataset_newest(ds), &f, &err),
                     AKIN_OK);
    return f;
}

static void test_by_hand(void **state)
{
    (void)state;
    static const struct row rows[] = {{"a", "x", 5, 300, 0},
                                      {"a", "y", 2, 100, 0},
                                      {"a", "x", 3, 200, 0},
                                      {"b", "z", 4, 50, 0},
                                      {"a", "z", 4, 100, 0}};
    akin_ctx *ctx = fix_ctx(2, 1);
    akin_error err;
    struct dataset *ds = fix_dataset(ctx, rows, 5, FIX_VALUES | FIX_TIMES, NULL);
    struct feedback *f = rule(ds, "value >= 3", 0);
    struct histories h;
    assert_int_equal(histories_build(ctx, ds, f, &h, &err), AKIN_OK);
    assert_ptr_equal(h.item, ds->item);
    int32_t a = fix_user(ds, "a"), x = fix_item(ds, "x"), y = fix_item(ds, "y"),
            z = fix_item(ds, "z");
    struct history ha = histories_of(&h, a);
    assert_int_equal(ha.n, 4);
    assert_int_equal(ha.item[0], y); /* oldest first; equal times by item */
    assert_int_equal(ha.item[1], z);
    assert_true(ha.weight[0] == 0 && ha.weight[1] == 1);
    int32_t item[4];
    float weight[4];
    assert_int_equal(history_fold(&ha, item, weight), 2);
    assert_true(item[0] == x && weight[0] == 2 && item[1] == z && weight[1] == 1);
    assert_int_equal(history_fold_values(&ha, item, weight), 3);
    assert_true(item[0] == x && weight[0] == 5 && item[1] == y && weight[1] == 2);
    struct history none = {0};
    assert_int_equal(history_fold(&none, item, weight), 0);

    struct csr m;
    assert_int_equal(histories_matrix(ctx, &h, 3, &m, &err), AKIN_OK);
    assert_int_equal(m.n_rows, 2);
    assert_int_equal(m.n_cols, 3);
    assert_int_equal(csr_nnz(&m), 3);
    assert_int_equal(m.ptr[a + 1] - m.ptr[a], 2);
    csr_free(ctx, &m);
    assert_int_equal(histories_values(ctx, &h, 3, &m, &err), AKIN_OK);
    assert_int_equal(csr_nnz(&m), 4);
    csr_free(ctx, &m);
    histories_free(ctx, &h);
    feedback_free(f);

    f = rule(ds, NULL, 0);
    assert_int_equal(histories_build(ctx, ds, f, &h, &err), AKIN_OK);
    assert_null(h.weight);
    histories_free(ctx, &h);
    feedback_free(f);
    f = rule(ds, NULL, 3);
    ds->time_kind = TIME_ORDINAL;
    assert_int_equal(histories_build(ctx, ds, f, &h, &err), AKIN_E_INPUT);
    feedback_free(f);
    dataset_free(ds);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

/* The definition, written slowly. */
static int32_t slow_fold(const struct history *h, int32_t n_items, int32_t *item, float *weight)
{
    int32_t n = 0;
    for (int32_t i = 0; i < n_items; i++) {
        double sum = 0;
        for (int32_t e = 0; e < h->n; e++) {
            if (h->item[e] == i)
                sum += h->weight ? (double)h->weight[e] : 1.0;
        }
        if (sum > 0) {
            item[n] = i;
            weight[n++] = (float)sum;
        }
    }
    return n;
}

static void test_fold_sorts(void **state)
{
    (void)state;
    /* Patterns that are hard for a quicksort, sizes about the cut to insertion. */
    enum { MOST = 3000 };
    static int32_t in[MOST], item[MOST], want_item[MOST];
    static float weights[MOST], weight[MOST], want_weight[MOST];
    struct rng rng = rng_make(fix_seed(), RNG_TEST, 1);
    int32_t sizes[] = {1, 2, 23, 24, 25, 26, 100, 1000, 3000};
    for (int pattern = 0; pattern < 6; pattern++) {
        for (int s = 0; s < 9; s++) {
            int32_t n = sizes[s];
            for (int32_t i = 0; i < n; i++) {
                in[i] = pattern == 0   ? i
                        : pattern == 1 ? n - 1 - i
                        : pattern == 2 ? 7
                        : pattern == 3 ? (i < n / 2 ? i : n - i)
                        : pattern == 4 ? (int32_t)rng_below(&rng, (uint64_t)n)
                                       : (int32_t)rng_below(&rng, 5);
                weights[i] = rng_below(&rng, 4) == 0 ? 0 : (float)rng_double(&rng);
            }
            struct history h = {.n = n, .item = in, .weight = weights};
            int32_t got = history_fold(&h, item, weight);
            assert_int_equal(got, slow_fold(&h, n + 8, want_item, want_weight));
            assert_memory_equal(item, want_item, (size_t)got * sizeof *item);
            assert_memory_equal(weight, want_weight, (size_t)got * sizeof *weight);
        }
    }
    /* The killer of median-of-three: heapsort takes over. */
    int32_t n = 2048;
    for (int32_t i = 0; i < n / 2; i++) {
        in[2 * i] = i % 2 == 0 ? i + 1 : n / 2 + i;
        in[2 * i + 1] = 2 * i + 2;
    }
    struct history h = {.n = n, .item = in};
    int32_t got = history_fold(&h, item, weight);
    assert_int_equal(got, slow_fold(&h, 2 * n + 8, want_item, want_weight));
    assert_memory_equal(item, want_item, (size_t)got * sizeof *item);
    assert_memory_equal(weight, want_weight, (size_t)got * sizeof *weight);
}

static void test_threads(void **state)
{
    (void)state;
    uint64_t seed = fix_seed();
    int threads[] = {1, 2, 3, 8};
    struct csr first = {0};
    akin_ctx *keep = fix_ctx(1, 1);
    for (int t = 0; t < 4; t++) {
        akin_ctx *ctx = fix_ctx(threads[t], 1);
        akin_error err;
        struct dataset *ds =
            fix_random(ctx, seed, 100000, 400, 300, FIX_VALUES | FIX_TIMES | FIX_TYPES);
        struct feedback *f = rule(ds, "value >= 2 or event_type == 'buy'", 30);
        struct histories h;
        struct csr m;
        assert_int_equal(histories_build(ctx, ds, f, &h, &err), AKIN_OK);
        assert_int_equal(histories_matrix(ctx, &h, ds->items.n, &m, &err), AKIN_OK);
        int32_t *item = malloc(100000 * sizeof *item);
        float *weight = malloc(100000 * sizeof *weight);
        for (int64_t u = 0; u < h.n_users; u++) {
            struct history one = histories_of(&h, u);
            int32_t n = history_fold(&one, item, weight);
            assert_int_equal(n, m.ptr[u + 1] - m.ptr[u]);
            assert_memory_equal(item, m.col + m.ptr[u], (size_t)n * sizeof *item);
            assert_memory_equal(weight, m.val + m.ptr[u], (size_t)n * sizeof *weight);
        }
        free(item);
        free(weight);
        if (t == 0) {
            int64_t nnz = csr_nnz(&m);
            first.val = mem_alloc(keep, nnz, 4, &err);
            first.col = mem_alloc(keep, nnz, 4, &err);
            memcpy(first.val, m.val, (size_t)nnz * 4);
            memcpy(first.col, m.col, (size_t)nnz * 4);
            first.n_rows = nnz;
        } else {
            assert_int_equal(csr_nnz(&m), first.n_rows);
            assert_memory_equal(first.val, m.val, (size_t)first.n_rows * 4);
            assert_memory_equal(first.col, m.col, (size_t)first.n_rows * 4);
        }
        csr_free(ctx, &m);
        histories_free(ctx, &h);
        feedback_free(f);
        dataset_free(ds);
        ctx_free(ctx);
    }
    mem_free(keep, first.val);
    mem_free(keep, first.col);
    ctx_free(keep);
}

static void test_file(void **state)
{
    (void)state;
    akin_ctx *ctx = fix_ctx(2, 1);
    akin_error err;
    char path[] = "/tmp/akin-test-history-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct dataset *ds = fix_random(ctx, 5, 3000, 40, 30, FIX_VALUES | FIX_TIMES | FIX_TYPES);
    struct feedback *f = rule(ds, "value >= 2", 30);
    struct histories h, copy, back;
    assert_int_equal(histories_build(ctx, ds, f, &h, &err), AKIN_OK);
    copy = histories_share(&h);
    struct container_writer *w = NULL;
    assert_int_equal(container_create(ctx, path, CONTAINER_MODEL, &w, &err), AKIN_OK);
    assert_int_equal(histories_save(w, "hist", &copy, &err), AKIN_OK);
    /* a second one with an item out of range, a third with offsets that fall */
    struct histories bad = h;
    int64_t ptr[] = {0, 3, 2};
    int32_t item[] = {0, 99, 1};
    bad.n_users = 1;
    bad.ptr = (int64_t[]){0, 3};
    bad.item = item;
    bad.weight = NULL;
    bad.value = NULL;
    bad.time = NULL;
    bad.type = NULL;
    assert_int_equal(histories_save(w, "bad", &bad, &err), AKIN_OK);
    assert_int_equal(container_add(w, "fall.ptr", 1, ptr, sizeof ptr, &err), AKIN_OK);
    bad.ptr = (int64_t[]){0, 0};
    assert_int_equal(histories_save(w, "none", &bad, &err), AKIN_OK);
    assert_int_equal(container_commit(w, &err), AKIN_OK);
    struct container *c = NULL;
    assert_int_equal(container_open(ctx, path, &c, &err), AKIN_OK);
    assert_int_equal(histories_load(ctx, c, "hist", ds->users.n, ds->items.n, &back, &err),
                     AKIN_OK);
    assert_memory_equal(back.ptr, ds->user_ptr, ((size_t)ds->users.n + 1) * 8);
    assert_memory_equal(back.weight, h.weight, (size_t)ds->n_events * 4);
    assert_memory_equal(back.value, ds->value, (size_t)ds->n_events * 4);
    assert_memory_equal(back.time, ds->time, (size_t)ds->n_events * 8);
    assert_memory_equal(back.type, ds->type, (size_t)ds->n_events);
    histories_free(ctx, &back);
    assert_int_equal(histories_load(ctx, c, "hist", ds->users.n + 1, ds->items.n, &back, &err),
                     AKIN_E_FORMAT);
    assert_int_equal(histories_load(ctx, c, "hist", ds->users.n, 3, &back, &err), AKIN_E_FORMAT);
    assert_int_equal(histories_load(ctx, c, "bad", 1, 30, &back, &err), AKIN_E_FORMAT);
    assert_int_equal(histories_load(ctx, c, "fall", 2, 30, &back, &err), AKIN_E_FORMAT);
    assert_int_equal(histories_load(ctx, c, "gone", 2, 30, &back, &err), AKIN_E_FORMAT);
    assert_int_equal(histories_load(ctx, c, "none", 1, 30, &back, &err), AKIN_OK);
    struct csr m;
    assert_int_equal(histories_matrix(ctx, &back, 30, &m, &err), AKIN_OK);
    assert_int_equal(csr_nnz(&m), 0);
    csr_free(ctx, &m);
    container_close(c);
    unlink(path);
    histories_free(ctx, &copy);
    histories_free(ctx, &h);
    feedback_free(f);
    dataset_free(ds);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

static void test_memory(void **state)
{
    (void)state;
    akin_ctx *ctx = fix_ctx(1, 1);
    akin_error err;
    struct dataset *ds = fix_random(ctx, 5, 500, 40, 30, FIX_VALUES | FIX_TIMES | FIX_TYPES);
    struct feedback *f = rule(ds, "value >= 2", 30);
    int64_t used = mem_used(ctx->mem);
    for (int64_t n = 1;; n++) {
        struct histories h = {0}, copy = {0};
        struct csr m = {0};
        mem_fail_at(ctx->mem, n);
        akin_status status = histories_build(ctx, ds, f, &h, &err);
        if (status == AKIN_OK)
            copy = histories_share(&h);
        if (status == AKIN_OK)
            status = histories_matrix(ctx, &copy, ds->items.n, &m, &err);
        mem_fail_at(ctx->mem, 0);
        histories_free(ctx, &h);
        histories_free(ctx, &copy);
        csr_free(ctx, &m);
        assert_int_equal(mem_used(ctx->mem), used);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
    akin_cancel(ctx);
    struct histories h;
    assert_int_equal(histories_build(ctx, ds, f, &h, &err), AKIN_E_CANCELLED);
    feedback_free(f);
    dataset_free(ds);
    ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand), cmocka_unit_test(test_fold_sorts),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_file),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
