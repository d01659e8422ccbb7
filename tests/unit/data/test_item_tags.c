/* item_tags.c: counted without who, most often said first, the same after a file, damage refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/item_tags.h"
#include "store/container.h"

static const int64_t off[] = {0, 4, 8, 12};
static const char bytes[] = "darkgoodslow";
/* item 0: dark by 1, good by 1 and 2 and a stranger, 2 said it twice; item 1: none; item 2: slow */
static const int32_t tag_item[] = {0, 0, 0, 0, 0, 2};
static const int32_t tag_user[] = {-1, 1, 1, 2, 2, 1};
static const int32_t tag_text[] = {1, 0, 1, 1, 1, 2};

static struct dataset tagged(void)
{
    return (struct dataset){.items = {.n = 3},
                            .n_tags = 6,
                            .tag_user = tag_user,
                            .tag_item = tag_item,
                            .tag_text = tag_text,
                            .tag_vocab = {3, off, bytes}};
}

static void check(const struct item_tags *t)
{
    static const int64_t ptr[] = {0, 2, 2, 3};
    static const int32_t tag[] = {1, 0, 2}, count[] = {3, 1, 1};
    int32_t size;
    assert_memory_equal(t->ptr, ptr, sizeof ptr);
    assert_memory_equal(t->tag, tag, sizeof tag);
    assert_memory_equal(t->count, count, sizeof count);
    assert_memory_equal(strtab_get(&t->vocab, 1, &size), "good", 4);
}

/* What is written is read; changed is a number of tags.count to spoil, -1 = none. */
static akin_status round_trip(akin_ctx *ctx, struct item_tags *t, int changed, int32_t n_items,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    char path[] = "/tmp/akin-tags-XXXXXX";
    struct container_writer *w;
    struct container *c = NULL;
    struct item_tags back = {0};
    int32_t count[3];
    close(mkstemp(path));
    memcpy(count, t->count, sizeof count);
    if (changed >= 0)
        count[changed] = 0;
    struct item_tags copy = *t;
    copy.count = count;
    AKIN_TRY(container_create(ctx, path, CONTAINER_MODEL, &w, err));
    AKIN_TRY(item_tags_save(w, &copy, 3, err));
    AKIN_TRY(container_commit(w, err));
    AKIN_TRY(container_open(ctx, path, &c, err));
    AKIN_TRY(item_tags_load(c, n_items, &back, err));
    check(&back);
    item_tags_free(ctx, &back);
done:
    container_close(c);
    unlink(path);
    return status;
}

static void test_tags(void **state)
{
    (void)state;
    akin_ctx *ctx;
    akin_error err;
    struct item_tags t;
    struct dataset ds = tagged();
    assert_int_equal(ctx_create(1, 1, 0, &ctx, &err), AKIN_OK);
    int64_t before = mem_used(ctx->mem);
    for (int n = 1; n < 50; n++) { /* whichever allocation fails */
        mem_fail_at(ctx->mem, n);
        akin_status status = item_tags_build(ctx, &ds, &t, &err);
        mem_fail_at(ctx->mem, 0);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
        assert_int_equal(mem_used(ctx->mem), before);
    }
    check(&t);
    assert_int_equal(round_trip(ctx, &t, -1, 3, &err), AKIN_OK);
    assert_int_equal(round_trip(ctx, &t, 1, 3, &err), AKIN_E_FORMAT);
    assert_int_equal(round_trip(ctx, &t, -1, 4, &err), AKIN_E_FORMAT);
    item_tags_free(ctx, &t);
    ds.n_tags = 0;
    assert_int_equal(item_tags_build(ctx, &ds, &t, &err), AKIN_OK);
    assert_null(t.ptr);
    item_tags_free(ctx, &t);
    assert_int_equal(mem_used(ctx->mem), before);
    ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tags)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
