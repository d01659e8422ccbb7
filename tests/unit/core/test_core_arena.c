/* arena.c: alignment, clearing, reset, large requests, ownership, lack of memory. */
#include "setup.h"

static void test_many(void **state)
{
    akin_ctx *ctx = *state;
    struct arena arena;
    unsigned char *p[2000];
    arena_init(&arena, ctx);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2000; i++) {
            p[i] = arena_alloc(&arena, i % 97, 3, NULL);
            assert_non_null(p[i]);
            assert_int_equal((uintptr_t)p[i] % 16, 0);
            for (int k = 0; k < i % 97 * 3; k++)
                assert_int_equal(p[i][k], 0);
            memset(p[i], i, (size_t)(i % 97) * 3);
        }
        for (int i = 0; i < 2000; i++)
            for (int k = 0; k < i % 97 * 3; k++)
                assert_int_equal(p[i][k], i & 255);
        arena_reset(&arena);
    }
    assert_true(mem_used(ctx->mem) < 8192); /* the first chunk */
    unsigned char *big = arena_alloc(&arena, 5000000, 1, NULL);
    assert_non_null(big);
    big[4999999] = 1;
    char *text = arena_strndup(&arena, "hello", 4, NULL);
    assert_string_equal(text, "hell");
    assert_string_equal(arena_strndup(&arena, NULL, 0, NULL), "");
    arena_free(&arena);
    arena_free(&arena);
    arena_reset(&arena);
}

static void test_too_much(void **state)
{
    struct arena arena;
    akin_error err;
    arena_init(&arena, *state);
    assert_null(arena_alloc(&arena, INT64_MAX, 2, &err));
    assert_int_equal(err.code, AKIN_E_MEMORY);
    assert_null(arena_alloc(&arena, -1, 2, &err));
    assert_null(arena_strndup(&arena, "x", SIZE_MAX, &err));
    arena_free(&arena);
}

struct note {
    int order[4];
    int n;
};

struct owned {
    struct note *note;
    int id;
};

static void release(void *object)
{
    struct owned *owned = object;
    owned->note->order[owned->note->n++] = owned->id;
}

static void test_own(void **state)
{
    akin_ctx *ctx = *state;
    struct arena arena;
    struct note note = {{0}, 0};
    struct owned objects[4] = {{&note, 1}, {&note, 2}, {&note, 3}, {&note, 4}};
    arena_init(&arena, ctx);
    assert_int_equal(arena_own(&arena, release, &objects[0], NULL), AKIN_OK);
    assert_int_equal(arena_own(&arena, release, &objects[1], NULL), AKIN_OK);
    arena_reset(&arena);
    assert_int_equal(note.n, 2);
    assert_int_equal(note.order[0], 2);
    assert_int_equal(note.order[1], 1);
    assert_int_equal(arena_own(&arena, release, &objects[2], NULL), AKIN_OK);
    arena_free(&arena);
    assert_int_equal(note.n, 3);
    mem_fail_at(ctx->mem, 1);
    assert_int_equal(arena_own(&arena, release, &objects[3], NULL), AKIN_E_MEMORY);
    assert_int_equal(note.order[3], 4); /* released at once */
    arena_free(&arena);
    assert_int_equal(note.n, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_many, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_too_much, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_own, test_setup, test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
