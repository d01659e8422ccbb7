/* Datasets: what they say of themselves, subsets, files, lack of memory. */
#include "format/small_dataset.h"

#include "core/file.h"
#include "core/rng.h"

#include <stdlib.h>
#include <unistd.h>

enum { SEED = 42 };

static akin_ctx *ctx;
static char path[] = "/tmp/akin-dataset-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    printf("seed %d\n", SEED);
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) != 0)
        return -1;
    return ctx_create(2, SEED, 0, &ctx, NULL) == AKIN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    int64_t used = mem_used(ctx->mem);
    ctx_free(ctx);
    unlink(path);
    return used == 0 ? 0 : -1;
}

static struct dataset *make(void)
{
    struct dataset *ds = NULL;
    assert_int_equal(small_dataset(ctx, &ds, NULL), AKIN_OK);
    return ds;
}

static void test_questions(void **state)
{
    (void)state;
    struct dataset *ds = make();
    struct dataset *empty = NULL;
    float lo, hi;
    int64_t n_users, n_items;
    dataset_value_range(ds, &lo, &hi);
    assert_true(lo == 0.5F && hi == 5);
    assert_int_equal(dataset_newest(ds), 900);
    assert_int_equal(dataset_active(ds, &n_users, &n_items, NULL), AKIN_OK);
    assert_int_equal(n_users, 5);
    assert_int_equal(n_items, 6);
    assert_true(dataset_has_values(ds));
    assert_int_equal(dataset_new(ctx, &empty, NULL), AKIN_OK);
    dataset_value_range(empty, &lo, &hi);
    assert_true(lo == 1 && hi == 1);
    assert_int_equal(dataset_newest(empty), 0);
    assert_int_equal(dataset_active(empty, &n_users, &n_items, NULL), AKIN_OK);
    assert_int_equal(n_users + n_items, 0);
    assert_false(dataset_has_values(empty));
    dataset_free(empty);
    dataset_free(ds);
    dataset_free(NULL);
}

static void test_fingerprint(void **state)
{
    (void)state;
    struct dataset *a = make();
    struct dataset *b = make();
    float *value = (float *)(uintptr_t)b->value;
    assert_true(dataset_fingerprint(a) == dataset_fingerprint(b));
    json_object_set_new(b->card, "other", json_true());
    assert_true(dataset_fingerprint(a) == dataset_fingerprint(b)); /* not of the card */
    value[3] = 4.5F;
    assert_true(dataset_fingerprint(a) != dataset_fingerprint(b));
    value[3] = 4;
    b->time_kind = TIME_ORDINAL;
    assert_true(dataset_fingerprint(a) != dataset_fingerprint(b));
    dataset_free(a);
    dataset_free(b);
}

static void test_save_load(void **state)
{
    (void)state;
    struct dataset *ds = make();
    struct dataset *back = NULL;
    char *first = NULL, *second = NULL;
    int64_t n_first, n_second;
    assert_int_equal(dataset_save(ds, path, NULL), AKIN_OK);
    assert_true(dataset_is_file(path));
    assert_int_equal(dataset_load(ctx, path, &back, NULL), AKIN_OK);
    same_dataset(ds, back);
    assert_false(back->is_owned);
    assert_true(dataset_fingerprint(ds) == dataset_fingerprint(back));
    assert_int_equal(file_read(ctx, path, 1 << 20, &first, &n_first, NULL), AKIN_OK);
    assert_int_equal(dataset_save(back, path, NULL), AKIN_OK); /* over the file that is mapped */
    assert_int_equal(file_read(ctx, path, 1 << 20, &second, &n_second, NULL), AKIN_OK);
    assert_int_equal(n_first, n_second);
    assert_memory_equal(first, second, (size_t)n_first);
    same_dataset(ds, back);
    mem_free(ctx, first);
    mem_free(ctx, second);
    dataset_free(back);
    dataset_free(ds);
}

/* Whoever ends its part first, the others keep all of it: arrays of memory and of a file. */
static void test_share(void **state)
{
    (void)state;
    struct dataset *whole = make();
    assert_int_equal(dataset_save(whole, path, NULL), AKIN_OK);
    int64_t before = mem_used(ctx->mem);
    for (int mapped = 0; mapped < 2; mapped++) {
        struct dataset *ds = NULL;
        if (mapped)
            assert_int_equal(dataset_load(ctx, path, &ds, NULL), AKIN_OK);
        else
            ds = make();
        int64_t used = mem_used(ctx->mem);
        struct dataset *part = dataset_share(ds);
        assert_ptr_equal(part, ds);
        assert_int_equal(mem_used(ctx->mem), used);
        dataset_free(ds);
        same_dataset(whole, part);
        assert_int_equal(mem_used(ctx->mem), used);
        dataset_free(part);
        assert_int_equal(mem_used(ctx->mem), before);
    }
    dataset_free(whole);
}

/* Nothing but users, items and which met which. */
static void test_bare(void **state)
{
    (void)state;
    for (int n_events = 0; n_events < 2; n_events++) {
        struct dataset *ds = NULL;
        struct dataset *back = NULL;
        int64_t off[] = {0, 1};
        assert_int_equal(dataset_new(ctx, &ds, NULL), AKIN_OK);
        assert_int_equal(ids_build(ctx, n_events, off, "u", true, &ds->users, NULL, NULL), AKIN_OK);
        assert_int_equal(ids_build(ctx, n_events, off, "i", false, &ds->items, NULL, NULL),
                         AKIN_OK);
        int64_t *ptr = mem_zalloc(ctx, n_events + 1, sizeof *ptr, NULL);
        ptr[n_events] = n_events;
        ds->user_ptr = ptr;
        ds->item = mem_zalloc(ctx, n_events, sizeof *ds->item, NULL);
        ds->n_events = n_events;
        assert_int_equal(dataset_save(ds, path, NULL), AKIN_OK);
        assert_int_equal(dataset_load(ctx, path, &back, NULL), AKIN_OK);
        same_dataset(ds, back);
        assert_int_equal(back->item_table.n_rows, n_events);
        dataset_free(back);
        dataset_free(ds);
    }
}

/* What is wrong inside is found before it is written. */
static void test_save_refuses(void **state)
{
    (void)state;
    akin_error err;
    for (int wrong = 0; wrong < 9; wrong++) {
        struct dataset *ds = make();
        int64_t *ptr = (int64_t *)(uintptr_t)ds->user_ptr;
        if (wrong == 0)
            ((int32_t *)(uintptr_t)ds->item)[2] = SMALL_ITEMS;
        else if (wrong == 1)
            ((int32_t *)(uintptr_t)ds->item)[2] = 0; /* order within equal times */
        else if (wrong == 2)
            ((int64_t *)(uintptr_t)ds->time)[1] = 99;
        else if (wrong == 3)
            ((uint8_t *)(uintptr_t)ds->type)[1] = 2;
        else if (wrong == 4)
            ((uint8_t *)(uintptr_t)ds->role)[1] = 3;
        else if (wrong == 5)
            ((float *)(uintptr_t)ds->value)[1] = (float)(1e300 * 1e300);
        else if (wrong == 6)
            ptr[2] = SMALL_EVENTS + 1;
        else if (wrong == 7)
            ds->time_kind = TIME_NONE;
        else
            ((int32_t *)(uintptr_t)ds->tag_user)[2] = 0; /* then fun (1) is before slow (2) */
        unlink(path);
        assert_int_equal(dataset_save(ds, path, &err), AKIN_E_INTERNAL);
        assert_false(file_exists(path));
        dataset_free(ds);
    }
}

static void check_id(const struct ids *ids, int32_t i, const char *want)
{
    assert_int_equal(ids_find(ids, want, strlen(want)), i);
}

static void test_subset(void **state)
{
    (void)state;
    struct dataset *ds = make();
    struct dataset *sub = NULL;
    uint8_t keep[SMALL_EVENTS] = {0};
    uint8_t role[SMALL_EVENTS];
    for (int e = 0; e < SMALL_EVENTS; e++)
        role[e] = (uint8_t)(e % 2);
    keep[1] = 1;  /* user 0, item 1 */
    keep[9] = 1;  /* user 5, item 0 */
    keep[11] = 1; /* user 5, item 2 */
    assert_int_equal(dataset_subset(ds, keep, role, false, &sub, NULL), AKIN_OK);
    assert_int_equal(sub->users.n, 2);
    assert_int_equal(sub->items.n, 3);
    check_id(&sub->items, 0, "-3");
    check_id(&sub->items, 2, "2");
    assert_int_equal(sub->n_events, 3);
    assert_int_equal(sub->user_ptr[1], 1);
    assert_int_equal(sub->item[0], 1);
    assert_int_equal(sub->item[1], 0);
    assert_int_equal(sub->item[2], 2);
    assert_true(sub->value[0] == 2.5F && sub->value[2] == 2);
    assert_int_equal(sub->time[1], 400);
    assert_int_equal(sub->type[2], 1);
    assert_int_equal(sub->role[0], 1);
    assert_int_equal(sub->role[2], 1);
    assert_int_equal(sub->event_table.n_rows, 3);
    assert_true(sub->event_table.cols[1].num[2] == 11);
    assert_int_equal(sub->item_table.n_rows, 3);
    assert_true(sub->item_table.cols[1].num[0] == 1990);
    assert_int_equal(sub->item_table.cols[2].vocab.n, 3); /* Comedy, Drama, Sci-Fi; no Action */
    assert_int_equal(sub->user_table.n_rows, 2);
    /* tags: of item -3 by nobody, user 0 and user 2 (gone), of item 2 by user 1 (gone) */
    assert_int_equal(sub->n_tags, 4);
    assert_int_equal(sub->tag_user[0], -1);
    assert_int_equal(sub->tag_user[1], -1);
    assert_int_equal(sub->tag_user[2], 0);
    assert_int_equal(sub->tag_user[3], -1);
    assert_int_equal(sub->tag_time[0], 9); /* dark before fun */
    assert_int_equal(sub->tag_time[1], 7);
    assert_int_equal(sub->tag_vocab.n, 3);
    assert_true(json_equal(sub->card, ds->card));
    assert_int_equal(dataset_save(sub, path, NULL), AKIN_OK); /* so it is self-consistent */
    dataset_free(sub);
    dataset_free(ds);
}

static void test_subset_catalog(void **state)
{
    (void)state;
    struct dataset *ds = make();
    struct dataset *sub = NULL;
    uint8_t keep[SMALL_EVENTS] = {0};
    assert_int_equal(dataset_subset(ds, keep, NULL, true, &sub, NULL), AKIN_OK);
    assert_int_equal(sub->n_events, 0);
    /* 100 had events and no cell in the item table: gone. The last user likewise. */
    assert_int_equal(sub->items.n, SMALL_ITEMS - 1);
    assert_int_equal(ids_find(&sub->items, "100", 3), -1);
    assert_int_equal(sub->users.n, SMALL_USERS - 1);
    assert_int_equal(sub->item_table.n_rows, SMALL_ITEMS - 1);
    assert_int_equal(sub->n_tags, SMALL_TAGS);
    assert_int_equal(dataset_save(sub, path, NULL), AKIN_OK);
    dataset_free(sub);
    memset(keep, 1, sizeof keep);
    assert_int_equal(dataset_subset(ds, keep, NULL, true, &sub, NULL), AKIN_OK);
    same_dataset(ds, sub);
    dataset_free(sub);
    assert_int_equal(dataset_subset(ds, keep, NULL, false, &sub, NULL), AKIN_OK);
    assert_int_equal(sub->items.n, SMALL_ITEMS - 1); /* 500 has no event */
    assert_int_equal(ids_find(&sub->items, "500", 3), -1);
    assert_int_equal(sub->users.n, SMALL_USERS - 1); /* nor has user 3 */
    assert_int_equal(sub->n_tags, SMALL_TAGS - 1);
    dataset_free(sub);
    dataset_free(ds);
}

/* Many users, so that there are several blocks; the same at any thread count. */
static void test_subset_threads(void **state)
{
    (void)state;
    enum { USERS = 5000, ITEMS = 40 };
    static const int counts[] = {1, 3, 8};
    struct dataset *subs[3];
    akin_ctx *own[3];
    static uint8_t keep[USERS * 3];
    for (int e = 0; e < USERS * 3; e++)
        keep[e] = rng_u64(SEED, RNG_TEST, 1, (uint64_t)e) % 4 == 0;
    for (int t = 0; t < 3; t++) {
        struct dataset *ds = NULL;
        static int64_t off[USERS + 1];
        static char bytes[USERS * 5];
        assert_int_equal(ctx_create(counts[t], SEED, 0, &own[t], NULL), AKIN_OK);
        assert_int_equal(dataset_new(own[t], &ds, NULL), AKIN_OK);
        for (int u = 0; u < USERS; u++) {
            char id[16];
            snprintf(id, sizeof id, "%05d", u);
            memcpy(bytes + u * 5, id, 5);
            off[u + 1] = u * 5 + 5;
        }
        assert_int_equal(ids_build(own[t], USERS, off, bytes, true, &ds->users, NULL, NULL),
                         AKIN_OK);
        assert_int_equal(ids_build(own[t], ITEMS, off, bytes, false, &ds->items, NULL, NULL),
                         AKIN_OK);
        int64_t *ptr = mem_alloc(own[t], USERS + 1, sizeof *ptr, NULL);
        int32_t *item = mem_alloc(own[t], USERS * 3, sizeof *item, NULL);
        for (int u = 0; u <= USERS; u++)
            ptr[u] = u * 3;
        for (int e = 0; e < USERS * 3; e++)
            item[e] = e / 3 % 13 + e % 3 * 13;
        ds->user_ptr = ptr;
        ds->item = item;
        ds->n_events = USERS * 3;
        assert_int_equal(dataset_subset(ds, keep, NULL, false, &subs[t], NULL), AKIN_OK);
        assert_int_equal(dataset_save(subs[t], path, NULL), AKIN_OK);
        dataset_free(ds);
        same_dataset(subs[0], subs[t]);
    }
    for (int t = 0; t < 3; t++) {
        dataset_free(subs[t]);
        ctx_free(own[t]);
    }
}

enum step { STEP_SAVE, STEP_LOAD, STEP_SUBSET, STEP_N };

static akin_status take_step(const struct dataset *ds, enum step step, const uint8_t *keep)
{
    struct dataset *out = NULL;
    akin_error err = {0};
    akin_status status = step == STEP_SAVE   ? dataset_save(ds, path, &err)
                         : step == STEP_LOAD ? dataset_load(ctx, path, &out, &err)
                                             : dataset_subset(ds, keep, keep, true, &out, &err);
    if (status != AKIN_OK)
        assert_true(err.message[0] != '\0' && out == NULL);
    dataset_free(out);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct dataset *ds = make();
    uint8_t keep[SMALL_EVENTS] = {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0};
    int64_t used = mem_used(ctx->mem);
    for (int step = 0; step < STEP_N; step++) {
        akin_status status = AKIN_E_MEMORY;
        int64_t n = 0;
        while (status != AKIN_OK) {
            mem_fail_at(ctx->mem, ++n);
            status = take_step(ds, (enum step)step, keep);
            mem_fail_at(ctx->mem, 0);
            assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
            assert_int_equal(mem_used(ctx->mem), used);
        }
        assert_true(n > 5);
    }
    dataset_free(ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions),      cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_save_load),      cmocka_unit_test(test_bare),
        cmocka_unit_test(test_save_refuses),   cmocka_unit_test(test_subset),
        cmocka_unit_test(test_subset_catalog), cmocka_unit_test(test_subset_threads),
        cmocka_unit_test(test_out_of_memory),  cmocka_unit_test(test_share),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
