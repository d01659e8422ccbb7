/*
 * people.c and people_order.c: who is found by the beginning of an id, against a look at all, while
 * people come, are erased and let go of; every allocation may fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/ctx.h"
#include "live/engine.h"

enum { IDS = 3000, ID_SIZE = 12, PAGE = 50 };
static const uint64_t test_seed = 20261122;

struct bed {
    akin_ctx *ctx;
    struct people people;
    struct arena arena;
    char id[IDS][ID_SIZE]; /* ascending by bytes, each once */
    int n_ids;
    int64_t seq[IDS]; /* of the newest event, 0 = not there */
    akin_error err;
};

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void bed_make(struct bed *b)
{
    memset(b, 0, sizeof *b);
    assert_int_equal(ctx_create(1, test_seed, 0, &b->ctx, &b->err), AKIN_OK);
    arena_init(&b->arena, b->ctx);
    assert_int_equal(people_init(b->ctx, &b->people, &b->err), AKIN_OK);
    for (int i = 0; i < IDS; i++) { /* of few letters, so that many begin alike */
        uint64_t bits = (uint64_t)i * UINT64_C(0x9E3779B97F4A7C15) ^ test_seed;
        int size = 1 + (int)(bits >> 60) % (ID_SIZE - 1);
        for (int k = 0; k < size; k++)
            b->id[i][k] = (char)('a' + (bits >> (4 * k)) % 3);
    }
    qsort(b->id, IDS, ID_SIZE, compare_ids);
    for (int i = 0; i < IDS; i++)
        if (i == 0 || strcmp(b->id[i], b->id[b->n_ids - 1]) != 0)
            memmove(b->id[b->n_ids++], b->id[i], ID_SIZE);
    assert_true(b->n_ids > 1000);
}

static void bed_free(struct bed *b)
{
    people_free(&b->people);
    arena_free(&b->arena);
    assert_int_equal(mem_used(b->ctx->mem), 0);
    ctx_free(b->ctx);
}

static void add(struct bed *b, int at, int64_t seq)
{
    const struct live_event e = {.seq = seq, .time = seq};
    assert_int_equal(people_add(&b->people, b->id[at], strlen(b->id[at]), &e, &b->err), AKIN_OK);
    b->seq[at] = seq;
}

/* Page by page, all that begin with text, and nobody else. */
static void check_prefix(struct bed *b, const char *text)
{
    struct person_id page[PAGE], last;
    int32_t n = PAGE;
    size_t size = strlen(text);
    int at = 0;
    for (bool is_first = true; n == PAGE; is_first = false) {
        arena_reset_keep(&b->arena);
        char copy[ID_SIZE] = "";
        if (!is_first) {
            memcpy(copy, last.id, (size_t)last.size);
            last.id = copy;
        }
        assert_int_equal(
            people_order_find(&b->people.order, (struct person_id){text, (int32_t)size},
                              is_first ? NULL : &last, PAGE, &b->arena, page, &n, &b->err),
            AKIN_OK);
        for (int32_t i = 0; i < n; i++, at++) {
            while (at < b->n_ids && (!b->seq[at] || strncmp(b->id[at], text, size) != 0))
                at++;
            assert_true(at < b->n_ids);
            assert_string_equal(page[i].id, b->id[at]);
        }
        last = n > 0 ? page[n - 1] : (struct person_id){0};
    }
    for (; at < b->n_ids; at++)
        assert_false(b->seq[at] && strncmp(b->id[at], text, size) == 0);
}

static void check(struct bed *b)
{
    static const char *const texts[] = {"",    "a",  "b",   "c",  "ab",
                                        "abc", "cc", "ccc", "zz", "aaaaaaaaaaaaa"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_prefix(b, texts[i]);
}

static void test_found_by_prefix(void **state)
{
    static struct bed bed;
    struct bed *b = &bed;
    int64_t seq = 0;
    (void)state;
    bed_make(b);
    check(b);
    for (int i = 0; i < b->n_ids; i += 2) /* in their order: blocks are filled */
        add(b, i, ++seq);
    check(b);
    for (int i = b->n_ids - 1; i > 0; i -= 3) /* and between the others, backwards */
        add(b, i, ++seq);
    check(b);
    int64_t half = seq / 2;
    people_forget(&b->people, half, -1, INT64_MIN);
    for (int i = 0; i < b->n_ids; i++)
        b->seq[i] = b->seq[i] > half ? b->seq[i] : 0;
    check(b);
    for (int i = 0; i < b->n_ids; i++) {
        struct person_state now = people_state(&b->people, b->id[i], strlen(b->id[i]));
        assert_int_equal(now.newest, b->seq[i]);
    }
    people_forget(&b->people, seq, -1, INT64_MIN);
    memset(b->seq, 0, sizeof b->seq);
    check(b);
    add(b, 7, ++seq);
    check(b);
    bed_free(b);
}

static void test_memory(void **state)
{
    static struct bed bed;
    struct bed *b = &bed;
    const struct live_event e = {.seq = 1, .time = 1};
    (void)state;
    bed_make(b);
    for (int i = 0; i < b->n_ids; i++) {
        for (int64_t n = 1;; n++) {
            mem_fail_at(b->ctx->mem, n);
            akin_status status = people_add(&b->people, b->id[i], strlen(b->id[i]), &e, &b->err);
            mem_fail_at(b->ctx->mem, 0);
            b->seq[i] = status == AKIN_OK;
            if (status == AKIN_OK)
                break;
            assert_int_equal(status, AKIN_E_MEMORY);
        }
    }
    check(b);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_by_prefix),
        cmocka_unit_test(test_memory),
    };
    printf("seed %llu\n", (unsigned long long)test_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
