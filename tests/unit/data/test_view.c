/* Train and test views: by hand, joins by id and by type name, threads, lack of memory. */
#include "data/view.h"

#include "unit/data/flow_fixture.h"

static const char *const train_types[] = {"buy", "view", NULL};
static const char *const test_types[] = {"new", "view", NULL};

static struct feedback *rule(const struct dataset *ds, const char *positive)
{
    akin_error err;
    struct feedback *f = NULL;
    struct feedback_params p = {.positive = positive};
    assert_int_equal(feedback_create(ds->ctx, &p, &ds->types, dataset_newest(ds), &f, &err),
                     AKIN_OK);
    return f;
}

static void test_train_by_hand(void **state)
{
    (void)state;
    static const struct row rows[] = {{"a", "x", 5, 300, 0},
                                      {"a", "y", 2, 100, 1},
                                      {"a", "x", 3, 200, 1},
                                      {"b", "x", 4, 50, 0},
                                      {"b", "z", 1, 60, 0}};
    akin_ctx *ctx = fix_ctx(2, 9);
    akin_error err;
    struct dataset *ds = fix_dataset(ctx, rows, 5, FIX_VALUES | FIX_TIMES | FIX_TYPES, train_types);
    struct feedback *f = rule(ds, "value >= 3");
    struct train_view tv;
    assert_int_equal(train_view_build(ctx, ds, f, NULL, &tv, &err), AKIN_OK);
    int32_t x = fix_item(ds, "x"), y = fix_item(ds, "y"), z = fix_item(ds, "z");
    assert_int_equal(tv.item_count[x], 2);
    assert_int_equal(tv.item_count[y], 0);
    assert_int_equal(tv.item_count[z], 0);
    assert_int_equal(tv.now, 300);
    assert_int_equal(tv.seed, 9);
    assert_ptr_equal(tv.comm, &tv.self_comm);
    assert_int_equal(csr_nnz(&tv.by_user), 2);
    assert_int_equal(tv.by_item.n_rows, 3);
    assert_int_equal(tv.by_item.n_cols, 2);
    int64_t users = 0;
    for (int s = 0; s < COMM_SHARDS; s++) {
        int64_t lo, hi;
        train_view_shard(&tv, s, &lo, &hi);
        assert_int_equal(lo, users);
        users = hi;
    }
    assert_int_equal(users, 2);
    train_view_free(&tv);
    train_view_free(&tv);
    feedback_free(f);
    dataset_free(ds);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

static void test_test_by_hand(void **state)
{
    (void)state;
    static const struct row train_rows[] = {
        {"a", "x", 5, 300, 0}, {"a", "y", 2, 100, 1}, {"b", "z", 4, 50, 0}};
    static const struct row test_rows[] = {
        {"a", "x", 1, 400, 1}, {"a", "x", 5, 410, 1}, {"a", "x", 5, 420, 1}, {"a", "q", 5, 430, 0},
        {"c", "q", 2, 440, 0}, {"c", "y", 4, 450, 1}, {"d", "y", 4, 460, 1}};
    akin_ctx *ctx = fix_ctx(2, 9);
    akin_error err;
    int flags = FIX_VALUES | FIX_TIMES | FIX_TYPES;
    struct dataset *train = fix_dataset(ctx, train_rows, 3, flags, train_types);
    struct dataset *test = fix_dataset(ctx, test_rows, 7, flags, test_types);
    /* d's only event, and c's first two, are given */
    uint8_t *role = mem_zalloc(ctx, 7, 1, &err);
    int32_t d = fix_user(test, "d"), c = fix_user(test, "c"), a = fix_user(test, "a");
    role[test->user_ptr[d]] = ROLE_HISTORY;
    role[test->user_ptr[c]] = ROLE_HISTORY;
    role[test->user_ptr[a]] = ROLE_HISTORY;
    test->role = role;
    struct feedback *f = rule(train, "value >= 3 and event_type == 'view'");
    struct test_view tv;
    assert_int_equal(test_view_build(ctx, test, &train->users, &train->items, f, &tv, &err),
                     AKIN_OK);
    assert_int_equal(tv.n_users, 2); /* d has no target */
    assert_int_equal(tv.n_targets, 4);
    assert_int_equal(tv.n_cold_users, 2); /* a test set with roles knows its users itself */
    assert_int_equal(tv.n_cold_items, 1);
    int row_a = tv.test_user[0] == a ? 0 : 1, row_c = 1 - row_a;
    assert_int_equal(tv.user[row_a], -1);
    assert_int_equal(tv.user[row_c], -1);
    assert_int_equal(tv.ptr[row_a + 1] - tv.ptr[row_a], 3);
    const int32_t *item = tv.item + tv.ptr[row_a];
    const uint8_t *relevant = tv.relevant + tv.ptr[row_a];
    int32_t x = fix_item(train, "x"), y = fix_item(train, "y");
    assert_true(item[0] == x && item[1] == x && item[2] == -1);
    assert_true(relevant[0] == 1 && relevant[1] == 0 && relevant[2] == 0);
    assert_int_equal(tv.time[tv.ptr[row_a]], 410);
    assert_int_equal(tv.hist_hi[row_a] - tv.hist_lo[row_a], 1);
    int64_t given = tv.hist_lo[row_a];
    assert_int_equal(tv.hist_item[given], x);
    assert_true(tv.hist_value[given] == 1 && tv.hist_weight[given] == 0);
    assert_int_equal(tv.hist_time[given], 400);
    assert_int_equal(tv.hist_type[given], 1); /* "view" of train */
    /* c: q is unknown to train, so nothing is given */
    assert_int_equal(tv.hist_hi[row_c] - tv.hist_lo[row_c], 0);
    assert_int_equal(tv.item[tv.ptr[row_c]], y);
    assert_int_equal(tv.relevant[tv.ptr[row_c]], 1);
    test_view_free(&tv);
    feedback_free(f);

    /* an unnamed type in train: the test's types are unknown there */
    static const char *const none[] = {NULL};
    struct dataset *bare = fix_dataset(ctx, train_rows, 3, FIX_VALUES, none);
    f = rule(bare, NULL);
    assert_int_equal(test_view_build(ctx, test, &bare->users, &bare->items, f, &tv, &err), AKIN_OK);
    assert_int_equal(tv.hist_type[0], VIEW_NO_TYPE);
    assert_int_equal(tv.relevant[tv.ptr[row_a] + 1], 0); /* x again */
    test_view_free(&tv);
    feedback_free(f);
    dataset_free(bare);
    dataset_free(train);
    dataset_free(test);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

/* Each next event is a row of its own, given all before it; a known id means nothing. */
static void test_next_events(void **state)
{
    (void)state;
    static const struct row train_rows[] = {
        {"s", "x", 1, 1, 0}, {"s", "y", 1, 2, 0}, {"t", "z", 1, 3, 0}};
    static const struct row test_rows[] = {
        {"s", "x", 1, 10, 0}, {"s", "y", 1, 11, 0}, {"s", "q", 1, 12, 0}, {"s", "x", 1, 13, 0},
        {"u", "z", 1, 14, 0}, {"v", "y", 1, 15, 0}, {"v", "x", 1, 16, 0}, {"v", "z", 1, 17, 0}};
    akin_ctx *ctx = fix_ctx(2, 9);
    akin_error err;
    struct dataset *train = fix_dataset(ctx, train_rows, 3, FIX_TIMES, NULL);
    struct dataset *test = fix_dataset(ctx, test_rows, 8, FIX_TIMES, NULL);
    uint8_t *role = mem_zalloc(ctx, 8, 1, &err);
    int32_t s = fix_user(test, "s"), u = fix_user(test, "u"), v = fix_user(test, "v");
    const int64_t *ptr = test->user_ptr;
    memset(role + ptr[s], ROLE_NEXT, 4);
    role[ptr[s]] = ROLE_HISTORY;
    role[ptr[u]] = ROLE_HISTORY; /* is not asked for: no row */
    role[ptr[v]] = ROLE_TARGET;  /* both kinds in one user: a row of all targets first */
    role[ptr[v] + 1] = ROLE_HISTORY;
    role[ptr[v] + 2] = ROLE_NEXT;
    test->role = role;
    struct feedback *f = rule(train, NULL);
    struct test_view tv;
    assert_int_equal(test_view_build(ctx, test, &train->users, &train->items, f, &tv, &err),
                     AKIN_OK);
    assert_true(tv.asks_next);
    assert_int_equal(tv.n_users, 5);
    assert_int_equal(tv.n_targets, 5);
    assert_int_equal(tv.n_cold_items, 1);
    int32_t x = fix_item(train, "x"), y = fix_item(train, "y"), z = fix_item(train, "z");
    const int32_t want_s[] = {y, -1, x}, given_s[] = {x, y};
    const int64_t n_given[] = {1, 2, 2}; /* q is unknown */
    int64_t row = 0;
    while (tv.test_user[row] != s)
        row++;
    for (int k = 0; k < 3; k++, row++) {
        assert_int_equal(tv.user[row], -1);
        assert_int_equal(tv.test_user[row], s);
        assert_int_equal(tv.ptr[row + 1] - tv.ptr[row], 1);
        assert_int_equal(tv.item[tv.ptr[row]], want_s[k]);
        assert_int_equal(tv.time[tv.ptr[row]], 11 + k);
        assert_int_equal(tv.relevant[tv.ptr[row]], 1);
        assert_int_equal(tv.hist_hi[row] - tv.hist_lo[row], n_given[k]);
        for (int64_t g = 0; g < n_given[k]; g++)
            assert_int_equal(tv.hist_item[tv.hist_lo[row] + g], given_s[g]);
    }
    row = 0;
    while (tv.test_user[row] != v)
        row++;
    assert_int_equal(tv.item[tv.ptr[row]], y);
    assert_int_equal(tv.hist_hi[row] - tv.hist_lo[row], 1);
    assert_int_equal(tv.hist_item[tv.hist_lo[row]], x);
    assert_int_equal(tv.item[tv.ptr[row + 1]], z);
    assert_int_equal(tv.hist_hi[row + 1] - tv.hist_lo[row + 1], 2);
    assert_int_equal(tv.hist_item[tv.hist_lo[row + 1]], y);
    test_view_free(&tv);
    feedback_free(f);
    dataset_free(train);
    dataset_free(test);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

/* What a model was not trained on is given to it, whatever the numbering of the data. */
static void test_given_since(void **state)
{
    (void)state;
    static const struct row old[] = {
        {"a", "x", 5, 100, 0}, {"a", "y", 2, 200, 1}, {"a", "z", 1, 200, 1}, {"b", "z", 4, 50, 0}};
    static const struct row all[] = {{"a", "x", 5, 100, 1},   {"a", "y", 2, 200, 0},
                                     {"a", "z", 1, 200, 0},   {"a", "x", 3, 250, 0},
                                     {"a", "new", 3, 260, 0}, {"b", "z", 4, 50, 1},
                                     {"c", "y", 4, 300, 1},   {"d", "x", 4, 310, 1}};
    static const struct row held[] = {
        {"a", "z", 5, 400, 0}, {"b", "x", 5, 410, 0}, {"c", "x", 5, 420, 0}};
    akin_ctx *ctx = fix_ctx(2, 9);
    akin_error err;
    int flags = FIX_VALUES | FIX_TIMES | FIX_TYPES;
    struct dataset *model = fix_dataset(ctx, old, 4, flags, train_types);
    struct dataset *since = fix_dataset(ctx, all, 8, flags, test_types);
    struct dataset *test = fix_dataset(ctx, held, 3, flags, test_types);
    struct feedback *f = rule(model, "value >= 3");
    struct histories h = {0};
    struct test_view tv;
    assert_int_equal(histories_build(ctx, model, f, &h, &err), AKIN_OK);
    assert_int_equal(test_view_build(ctx, test, &model->users, &model->items, f, &tv, &err),
                     AKIN_OK);
    assert_int_equal(test_view_give(&tv, since, &h, &model->items, f, &err), AKIN_OK);
    assert_int_equal(tv.n_users, 3);
    for (int64_t row = 0; row < 3; row++) {
        int64_t lo = tv.hist_lo[row], n = tv.hist_hi[row] - lo;
        if (tv.test_user[row] == fix_user(test, "b")) {
            assert_int_equal(n, 0);
            continue;
        }
        assert_int_equal(n, 1); /* of a: x again; z, trained on, and the unknown item are not */
        bool is_a = tv.test_user[row] == fix_user(test, "a");
        assert_int_equal(tv.hist_item[lo], fix_item(model, is_a ? "x" : "y"));
        assert_int_equal(tv.hist_time[lo], is_a ? 250 : 300);
        assert_true(tv.hist_value[lo] == (is_a ? 3 : 4) && tv.hist_weight[lo] == 1);
        assert_int_equal(tv.hist_type[lo], is_a ? VIEW_NO_TYPE : 1);
    }
    /* given once already */
    assert_int_equal(test_view_give(&tv, since, &h, &model->items, f, &err), AKIN_E_INPUT);
    test_view_free(&tv);
    struct dataset *bare = fix_dataset(ctx, all, 8, FIX_VALUES, test_types);
    assert_int_equal(test_view_build(ctx, test, &model->users, &model->items, f, &tv, &err),
                     AKIN_OK);
    assert_int_equal(test_view_give(&tv, bare, &h, &model->items, f, &err), AKIN_E_INPUT);
    test_view_free(&tv);
    histories_free(ctx, &h);
    feedback_free(f);
    dataset_free(bare);
    dataset_free(model);
    dataset_free(since);
    dataset_free(test);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

static void test_threads(void **state)
{
    (void)state;
    uint64_t seed = fix_seed();
    int threads[] = {1, 2, 3, 8};
    struct train_view tv[4];
    struct dataset *ds[4];
    struct feedback *f[4];
    akin_ctx *ctx[4];
    akin_error err;
    for (int t = 0; t < 4; t++) {
        ctx[t] = fix_ctx(threads[t], 1);
        ds[t] = fix_random(ctx[t], seed, 100000, 500, 400, FIX_VALUES | FIX_TIMES);
        f[t] = rule(ds[t], "value >= 2");
        assert_int_equal(train_view_build(ctx[t], ds[t], f[t], NULL, &tv[t], &err), AKIN_OK);
        int64_t nnz = csr_nnz(&tv[0].by_user);
        assert_int_equal(csr_nnz(&tv[t].by_user), nnz);
        assert_memory_equal(tv[t].by_user.val, tv[0].by_user.val, (size_t)nnz * 4);
        assert_memory_equal(tv[t].by_item.val, tv[0].by_item.val, (size_t)nnz * 4);
        assert_memory_equal(tv[t].by_item.col, tv[0].by_item.col, (size_t)nnz * 4);
        assert_memory_equal(tv[t].item_count, tv[0].item_count, (size_t)ds[0]->items.n * 4);
    }
    for (int t = 0; t < 4; t++) {
        train_view_free(&tv[t]);
        feedback_free(f[t]);
        dataset_free(ds[t]);
        ctx_free(ctx[t]);
    }
}

/* Every user with every item, once. */
static struct dataset *full_grid(akin_ctx *ctx, int n_users, int n_items)
{
    static char names[400][8];
    struct row *rows = calloc((size_t)(n_users * n_items), sizeof *rows);
    assert_non_null(rows);
    assert_true(n_users + n_items <= 400);
    for (int i = 0; i < n_users + n_items; i++)
        snprintf(names[i], sizeof names[i], "%c%d", i < n_users ? 'u' : 'i', i % 1000);
    for (int r = 0; r < n_users * n_items; r++)
        rows[r] = (struct row){names[r / n_items], names[n_users + r % n_items], (float)(1 + r % 5),
                               1000000000 + r, 0};
    struct dataset *ds = fix_dataset(ctx, rows, n_users * n_items, FIX_VALUES | FIX_TIMES, NULL);
    free(rows);
    return ds;
}

/* Level weights are kept once, others twice; both ways round they are the transpose's, and what is
 * predicted for plan is what it takes. */
static void test_level_weights(void **state)
{
    (void)state;
    static const struct {
        struct feedback_params rule;
        bool is_level;
    } cases[] = {{{0}, true}, {{.positive = "value >= 1"}, true}, {{.half_life_days = 1.0}, false}};
    akin_ctx *ctx = fix_ctx(1, 1);
    akin_error err;
    struct dataset *ds = full_grid(ctx, 180, 220);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct feedback *f = NULL;
        struct train_view tv;
        struct csr want;
        assert_int_equal(
            feedback_create(ctx, &cases[i].rule, &ds->types, dataset_newest(ds), &f, &err),
            AKIN_OK);
        int64_t before = mem_used(ctx->mem);
        mem_peak_reset(ctx->mem);
        assert_int_equal(train_view_build(ctx, ds, f, NULL, &tv, &err), AKIN_OK);
        double took = (double)(mem_peak(ctx->mem) - before);
        double told = train_view_estimate(&cases[i].rule, ds->n_events, ds->users.n, ds->items.n);
        assert_true(took > 0.8 * told && took < 1.1 * told);
        assert_true((tv.by_item.val == tv.by_user.val) == cases[i].is_level);
        assert_int_equal(csr_transpose(ctx, &tv.by_user, &want, &err), AKIN_OK);
        assert_memory_equal(tv.by_item.ptr, want.ptr, (size_t)(want.n_rows + 1) * 8);
        assert_memory_equal(tv.by_item.col, want.col, (size_t)ds->n_events * 4);
        assert_memory_equal(tv.by_item.val, want.val, (size_t)ds->n_events * 4);
        csr_free(ctx, &want);
        train_view_free(&tv);
        assert_int_equal(mem_used(ctx->mem), before);
        feedback_free(f);
    }
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
    struct feedback *f = rule(ds, "value >= 2");
    int64_t used = mem_used(ctx->mem);
    for (int64_t n = 1;; n++) {
        struct train_view train = {0};
        struct test_view test = {0};
        mem_fail_at(ctx->mem, n);
        akin_status status = train_view_build(ctx, ds, f, NULL, &train, &err);
        if (status == AKIN_OK)
            status = test_view_build(ctx, ds, &ds->users, &ds->items, f, &test, &err);
        mem_fail_at(ctx->mem, 0);
        train_view_free(&train);
        test_view_free(&test);
        assert_int_equal(mem_used(ctx->mem), used);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
    akin_cancel(ctx);
    struct test_view test;
    assert_int_equal(test_view_build(ctx, ds, &ds->users, &ds->items, f, &test, &err),
                     AKIN_E_CANCELLED);
    feedback_free(f);
    dataset_free(ds);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_train_by_hand), cmocka_unit_test(test_test_by_hand),
        cmocka_unit_test(test_next_events),   cmocka_unit_test(test_given_since),
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_level_weights),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
