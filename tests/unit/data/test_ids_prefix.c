/* Ids by prefix, against a look at every id; numeric and byte order, with shards and without. */
#include "data/ids_prefix.h"

#include "core/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SEED = 42, N = 4000, ROOM = 16 };

static akin_ctx *ctx;

static bool begins(const struct ids *ids, int32_t i, const char *text, size_t size)
{
    int32_t n;
    const char *id = ids_get(ids, i, &n);
    return (size_t)n >= size && memcmp(id, text, size) == 0;
}

static void check(const struct ids_prefix *p, const char *text)
{
    size_t size = strlen(text);
    int32_t lo, hi, want = 0;
    for (int32_t i = 0; i < p->ids->n; i++)
        want += begins(p->ids, i, text, size);
    ids_prefix_find(p, text, size, &lo, &hi);
    assert_int_equal(hi - lo, want);
    for (int32_t at = lo; at < hi; at++) {
        assert_true(begins(p->ids, p->order[at], text, size));
        if (at == lo)
            continue;
        int32_t a_size, b_size;
        const char *a = ids_get(p->ids, p->order[at - 1], &a_size);
        const char *b = ids_get(p->ids, p->order[at], &b_size);
        assert_true(text_compare(a, (size_t)a_size, b, (size_t)b_size) < 0);
    }
}

/* Ids are before, a number, after. */
static void check_all(int n, const char *before, const char *after, bool is_sharded)
{
    static char texts[N][ROOM], bytes[N * ROOM];
    static int64_t off[N + 1];
    static const char *const always[] = {"",   "1",   "12",  "4000", "u",
                                         "u1", "u39", "zzz", "\xff", "-"};
    struct ids ids;
    struct ids_prefix p = {0};
    for (int i = 0; i < n; i++) {
        int size = snprintf(texts[i], ROOM, "%s%d%s", before, i * 7, after);
        memcpy(bytes + off[i], texts[i], (size_t)size);
        off[i + 1] = off[i] + size;
    }
    assert_int_equal(ids_build(ctx, n, off, bytes, is_sharded, &ids, NULL, NULL), AKIN_OK);
    assert_int_equal(ids_prefix_build(ctx, &ids, &p, NULL), AKIN_OK);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        check(&p, always[i]);
    for (int i = 0; i < n; i += n / 40 + 1) {
        char text[ROOM];
        snprintf(text, sizeof text, "%.*s", 1 + i % 5, texts[i]);
        check(&p, text);
        snprintf(text, sizeof text, "%.14s!", texts[i]);
        check(&p, text);
    }
    ids_prefix_free(ctx, &p);
    ids_prefix_free(ctx, &p);
    ids_free(ctx, &ids);
}

static void prefixes(void **state)
{
    static const char *const kinds[][2] = {{"", ""}, {"u", ""}, {"", "-x"}, {"\xc3\xa9", ""}};
    (void)state;
    for (size_t f = 0; f < sizeof kinds / sizeof *kinds; f++) {
        for (int is_sharded = 0; is_sharded < 2; is_sharded++) {
            check_all(N, kinds[f][0], kinds[f][1], is_sharded);
            check_all(1, kinds[f][0], kinds[f][1], is_sharded);
            check_all(0, kinds[f][0], kinds[f][1], is_sharded);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(prefixes)};
    assert_int_equal(ctx_create(2, SEED, 0, &ctx, NULL), AKIN_OK);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    int64_t used = mem_used(ctx->mem);
    ctx_free(ctx);
    return failed || used != 0;
}
