/* Id maps: numbering, look-up, subset, join, files; against plain sorting, at any thread count. */
#include "data/ids.h"

#include "core/rng.h"
#include "core/text.h"
#include "format/small_dataset.h"

#include <stdlib.h>
#include <unistd.h>

enum { SEED = 42, N = 3000 };

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

static struct ids build(int n, const char *const *texts, bool is_sharded, int32_t *rank)
{
    struct ids ids;
    struct string_list list = string_list_of(n, texts);
    assert_int_equal(ids_build(ctx, n, list.off, list.bytes, is_sharded, &ids, rank, NULL),
                     AKIN_OK);
    return ids;
}

static void check_order(const struct ids *ids, int n, const char *const *want)
{
    assert_int_equal(ids->n, n);
    for (int32_t i = 0; i < n; i++) {
        int32_t size;
        const char *id = ids_get(ids, i, &size);
        assert_int_equal(size, strlen(want[i]));
        assert_memory_equal(id, want[i], (size_t)size);
        assert_int_equal(ids_find(ids, want[i], (size_t)size), i);
    }
}

static void test_orders(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "10", "9", "-1", "0", "9223372036854775807", "-9223372036854775808", "100"};
    static const char *const sorted[] = {"-9223372036854775808", "-1", "0", "9", "10", "100",
                                         "9223372036854775807"};
    static const char *const mixed[] = {"10", "9", "a", "010", "B", "\xc3\xa9", "1"};
    static const char *const by_bytes[] = {"010", "1", "10", "9", "B", "a", "\xc3\xa9"};
    static const char *const foreign[] = {"", "00", "-0", "09", "+9", "9 ", "9a", "99"};
    int32_t rank[7];
    struct ids ids = build(7, numbers, false, rank);
    assert_true(ids.is_numeric);
    check_order(&ids, 7, sorted);
    for (int i = 0; i < 7; i++)
        assert_string_equal(sorted[rank[i]], numbers[i]);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        assert_int_equal(ids_find(&ids, foreign[i], strlen(foreign[i])), -1);
    ids_free(ctx, &ids);
    ids = build(7, mixed, false, NULL);
    assert_false(ids.is_numeric);
    check_order(&ids, 7, by_bytes);
    assert_int_equal(ids_find(&ids, "", 0), -1);
    assert_int_equal(ids_find(&ids, "zz", 2), -1);
    ids_free(ctx, &ids);
    ids = build(0, NULL, true, NULL);
    assert_int_equal(ids.n, 0);
    assert_int_equal(ids_find(&ids, "1", 1), -1);
    ids_free(ctx, &ids);
}

static void test_refuses(void **state)
{
    (void)state;
    static const char *const twice[] = {"a", "b", "a"};
    static const char *const numbers_twice[] = {"7", "8", "7"};
    static const char *const bad[] = {"a", "\xff"};
    static const char *const empty[] = {"a", ""};
    char *longest = malloc(IDS_MAX_BYTES + 1);
    int64_t off[2] = {0, IDS_MAX_BYTES};
    struct ids ids;
    akin_error err;
    struct string_list list = string_list_of(3, twice);
    assert_int_equal(ids_build(ctx, 3, list.off, list.bytes, true, &ids, NULL, &err), AKIN_E_INPUT);
    assert_non_null(strstr(err.message, "'a' occurs twice"));
    list = string_list_of(3, numbers_twice);
    assert_int_equal(ids_build(ctx, 3, list.off, list.bytes, false, &ids, NULL, &err),
                     AKIN_E_INPUT);
    list = string_list_of(2, bad);
    assert_int_equal(ids_build(ctx, 2, list.off, list.bytes, false, &ids, NULL, &err),
                     AKIN_E_INPUT);
    list = string_list_of(2, empty);
    assert_int_equal(ids_build(ctx, 2, list.off, list.bytes, false, &ids, NULL, &err),
                     AKIN_E_INPUT);
    assert_non_null(strstr(err.message, "1..4096"));
    assert_int_equal(ids_build(ctx, INT32_MAX, off, "", false, &ids, NULL, &err), AKIN_E_LIMIT);
    assert_non_null(longest);
    memset(longest, 'x', IDS_MAX_BYTES + 1);
    assert_int_equal(ids_build(ctx, 1, off, longest, false, &ids, NULL, NULL), AKIN_OK);
    ids_free(ctx, &ids);
    off[1]++;
    assert_int_equal(ids_build(ctx, 1, off, longest, false, &ids, NULL, NULL), AKIN_E_INPUT);
    free(longest);
}

/* Random distinct strings: numbers, or texts with long common heads, some a head of others. */
struct random_ids {
    int64_t *off; /* owned */
    char *bytes;  /* owned */
    int64_t n;
};

static struct random_ids random_ids(int kind, int64_t n)
{
    struct random_ids r = {malloc((size_t)(n + 1) * sizeof(int64_t)), malloc((size_t)n * 64), n};
    assert_true(r.off && r.bytes);
    r.off[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        char *text = r.bytes + r.off[i];
        uint64_t x = rng_u64(SEED, RNG_TEST, (uint64_t)kind, (uint64_t)i);
        int size;
        if (kind == 0)
            size = snprintf(text, 64, "%s%d%05d", x % 3 == 0 ? "-" : "", (int)(x >> 8 & 1023) + 1,
                            (int)i);
        else if (kind == 1)
            size = snprintf(text, 64, "customer-of-the-shop-%07d", (int)((i * 7919) % 10000019));
        else if (kind == 2) /* aaaa… of every length up to 40, then tails */
            size = snprintf(text, 64, "%.*s%s%d", (int)(x % 41),
                            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", x & 64 ? "~" : "b",
                            (int)i);
        else
            size = snprintf(text, 64, "%d", (int)i);
        r.off[i + 1] = r.off[i] + size;
    }
    return r;
}

static void random_free(struct random_ids *r)
{
    free(r->off);
    free(r->bytes);
}

static bool before(const struct ids *ids, int32_t i, int32_t j)
{
    int32_t na, nb;
    int64_t x = 0, y = 0;
    const char *a = ids_get(ids, i, &na);
    const char *b = ids_get(ids, j, &nb);
    if (!ids->is_numeric)
        return text_compare(a, (size_t)na, b, (size_t)nb) < 0;
    assert_true(text_is_canonical_int(a, (size_t)na, &x) &&
                text_is_canonical_int(b, (size_t)nb, &y));
    return x < y;
}

static void check_built(const struct random_ids *r, const struct ids *ids, const int32_t *rank)
{
    for (int64_t i = 0; i < r->n; i++) {
        int32_t size;
        const char *id = ids_get(ids, rank[i], &size);
        assert_int_equal(size, r->off[i + 1] - r->off[i]);
        assert_memory_equal(id, r->bytes + r->off[i], (size_t)size);
        assert_int_equal(ids_find(ids, id, (size_t)size), rank[i]);
    }
    for (int32_t i = 0; i < ids->n; i++) {
        int32_t size;
        const char *id = ids_get(ids, i, &size);
        int shard = ids_shard(id, (size_t)size);
        if (ids->is_sharded)
            assert_in_range(i, ids->shard_ptr[shard], ids->shard_ptr[shard + 1] - 1);
        if (i > 0 && (!ids->is_sharded || i > ids->shard_ptr[shard]))
            assert_true(before(ids, i - 1, i));
    }
}

static void test_random(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct random_ids r = random_ids(kind, N);
        int32_t *rank = malloc(N * sizeof *rank);
        assert_non_null(rank);
        for (int is_sharded = 0; is_sharded < 2; is_sharded++) {
            struct ids ids;
            assert_int_equal(ids_build(ctx, N, r.off, r.bytes, is_sharded != 0, &ids, rank, NULL),
                             AKIN_OK);
            assert_int_equal(ids.is_numeric, kind == 0 || kind == 3);
            check_built(&r, &ids, rank);
            ids_free(ctx, &ids);
        }
        free(rank);
        random_free(&r);
    }
}

static void test_threads(void **state)
{
    (void)state;
    static const int counts[] = {1, 2, 3, 8};
    struct random_ids r = random_ids(2, 40000);
    struct ids first = {0};
    akin_ctx *own[4];
    for (int t = 0; t < 4; t++) {
        struct ids ids;
        assert_int_equal(ctx_create(counts[t], SEED, 0, &own[t], NULL), AKIN_OK);
        assert_int_equal(ids_build(own[t], r.n, r.off, r.bytes, true, &ids, NULL, NULL), AKIN_OK);
        if (t == 0) {
            first = ids;
        } else {
            same_ids(&first, &ids);
            ids_free(own[t], &ids);
        }
    }
    ids_free(own[0], &first);
    for (int t = 0; t < 4; t++)
        ctx_free(own[t]);
    random_free(&r);
}

static void test_subset_and_map(void **state)
{
    (void)state;
    for (int mode = 0; mode < 8; mode++) {
        struct random_ids r = random_ids(mode & 1 ? 1 : 3, N);
        struct ids all, some, copy;
        uint8_t keep[N];
        int32_t map[N], back[N];
        bool is_sharded = (mode & 2) != 0;
        int32_t n = 0;
        assert_int_equal(ids_build(ctx, N, r.off, r.bytes, is_sharded, &all, NULL, NULL), AKIN_OK);
        for (int i = 0; i < N; i++) /* mode & 4: so few that map looks each up */
            keep[i] = rng_u64(SEED, RNG_TEST, 9, (uint64_t)i) % (mode & 4 ? 100 : 3) == 0;
        assert_int_equal(ids_subset(ctx, &all, keep, &some, map, NULL), AKIN_OK);
        for (int32_t i = 0; i < N; i++) {
            int32_t size;
            const char *id = ids_get(&all, i, &size);
            assert_int_equal(map[i], keep[i] ? n++ : -1);
            assert_int_equal(ids_find(&some, id, (size_t)size), map[i]);
        }
        assert_int_equal(n, some.n);
        assert_int_equal(ids_map(ctx, &all, &some, back, NULL), AKIN_OK);
        assert_memory_equal(back, map, sizeof map);
        assert_int_equal(ids_map(ctx, &some, &all, back, NULL), AKIN_OK);
        for (int32_t i = 0; i < some.n; i++)
            assert_int_equal(map[back[i]], i);
        assert_int_equal(ids_copy(ctx, &some, &copy, NULL), AKIN_OK);
        same_ids(&some, &copy);
        ids_free(ctx, &copy);
        ids_free(ctx, &some);
        ids_free(ctx, &all);
        random_free(&r);
    }
}

/* Between orders: a numeric set within one that holds text. */
static void test_map_of_other_order(void **state)
{
    (void)state;
    static const char *const numbers[] = {"10", "9", "1"};
    static const char *const mixed[] = {"9", "x", "10", "z"};
    struct ids a = build(3, numbers, true, NULL);
    struct ids b = build(4, mixed, false, NULL);
    struct ids none = {0};
    int32_t map[4];
    assert_int_equal(ids_map(ctx, &b, &a, map, NULL), AKIN_OK);
    assert_int_equal(map[0], ids_find(&a, "10", 2));
    assert_int_equal(map[1], ids_find(&a, "9", 1));
    assert_int_equal(map[2], -1);
    assert_int_equal(map[3], -1);
    assert_int_equal(ids_map(ctx, &b, &none, map, NULL), AKIN_OK);
    assert_int_equal(map[0], -1);
    ids_free(ctx, &a);
    ids_free(ctx, &b);
}

static void test_save_load(void **state)
{
    (void)state;
    char path[] = "/tmp/akin-ids-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    for (int mode = 0; mode < 8; mode++) {
        struct random_ids r = random_ids(mode & 1 ? 2 : 0, mode & 4 ? 0 : N);
        struct ids ids, back;
        struct container_writer *w = NULL;
        struct container *c = NULL;
        assert_int_equal(ids_build(ctx, r.n, r.off, r.bytes, (mode & 2) != 0, &ids, NULL, NULL),
                         AKIN_OK);
        assert_int_equal(container_create(ctx, path, CONTAINER_MODEL, &w, NULL), AKIN_OK);
        assert_int_equal(ids_save(w, "x", &ids, NULL), AKIN_OK);
        assert_int_equal(container_commit(w, NULL), AKIN_OK);
        assert_int_equal(container_open(ctx, path, &c, NULL), AKIN_OK);
        assert_int_equal(ids_load(ctx, c, "x", &back, NULL), AKIN_OK);
        assert_false(back.is_owned);
        same_ids(&ids, &back);
        assert_int_equal(ids_load(ctx, c, "y", &back, NULL), AKIN_E_FORMAT);
        ids_free(ctx, &back);
        container_close(c);
        ids_free(ctx, &ids);
        random_free(&r);
    }
    unlink(path);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct random_ids r = random_ids(1, 1000);
    int64_t before_all = mem_used(ctx->mem);
    akin_status status = AKIN_E_MEMORY;
    for (int64_t n = 1; status != AKIN_OK; n++) {
        struct ids ids, copy;
        akin_error err;
        mem_fail_at(ctx->mem, n);
        status = ids_build(ctx, r.n, r.off, r.bytes, true, &ids, NULL, &err);
        if (status == AKIN_OK) {
            status = ids_copy(ctx, &ids, &copy, &err);
            ids_free(ctx, &ids);
            if (status == AKIN_OK)
                ids_free(ctx, &copy);
        }
        mem_fail_at(ctx->mem, 0);
        assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
        assert_int_equal(mem_used(ctx->mem), before_all);
    }
    random_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),         cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_random),         cmocka_unit_test(test_threads),
        cmocka_unit_test(test_subset_and_map), cmocka_unit_test(test_map_of_other_order),
        cmocka_unit_test(test_save_load),      cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
