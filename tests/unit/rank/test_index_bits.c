/* index*.c: the same bits on every ISA and number of threads, and for those who share an index. */
#include "index_world.h"

/* Codes, limits, lists, probes and answers of an index. */
static uint64_t digest(akin_ctx *ctx, const struct world *w, const struct index_options *o)
{
    struct index *ix = create(ctx, w, o);
    struct index_scratch *s = scratch(ctx, ix);
    akin_error err;
    uint64_t hash = (uint64_t)ix->n_probe * 1000003 + (uint64_t)ix->n_lists;
    uint64_t recall;
    memcpy(&recall, &ix->recall, sizeof recall);
    hash = hash * 31 + recall;
    for (int64_t i = 0; i < ix->panels.n * KERN_PANEL; i++)
        hash = hash * 31 + (uint32_t)ix->panels.ids[i];
    for (int64_t i = 0; i < ix->panels.n * KERN_PANEL * ix->panels.quads * 4; i++)
        hash = hash * 31 + ix->panels.codes[i];
    for (int32_t q = 0; q < 40; q++) {
        struct ranked got[20];
        int32_t count;
        assert_int_equal(index_search(ix, s, w->items + (int64_t)q * 7 * w->k, 20, NULL, NULL, 0,
                                      got, &count, &err),
                         AKIN_OK);
        for (int32_t i = 0; i < count; i++) {
            uint32_t word;
            memcpy(&word, &got[i].score, sizeof word);
            hash = (hash * 31 + word) * 31 + (uint32_t)got[i].item;
        }
    }
    index_scratch_free(s);
    index_free(ix);
    return hash;
}

static void test_same_bits(void **state)
{
    (void)state;
    static const int64_t threads[] = {1, 2, 3, 8};
    const struct index_options options[] = {{.ivf_min = 0}, {.ivf_min = 1, .seed = 6}};
    struct world w;
    clustered(&w, 6000, 21, 30, 11);
    for (int o = 0; o < 2; o++) {
        uint64_t want = 0;
        bool is_first = true;
        for (size_t name = 0; kern_names(name); name++) {
            if (!kern_find(kern_names(name)))
                continue;
            for (int t = 0; t < 4; t++) {
                akin_error err;
                akin_ctx *ctx = toy_ctx(threads[t]);
                assert_int_equal(kern_select(ctx, kern_names(name), &err), AKIN_OK);
                uint64_t got = digest(ctx, &w, &options[o]);
                if (!is_first && got != want)
                    fail_msg("%s with %d threads differs", kern_names(name), (int)threads[t]);
                want = got;
                is_first = false;
                toy_ctx_done(ctx);
            }
        }
    }
    world_free(&w);
}

struct shared {
    const struct world *w;
    const struct index *ix;
    struct index_scratch *scratch[8];
    struct ranked *lists;
};

static akin_status shared_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct shared *sh = arg;
    int32_t count;
    return index_search(sh->ix, sh->scratch[worker], sh->w->items + block * sh->w->k, 10, NULL,
                        NULL, 0, sh->lists + block * 10, &count, err);
}

/* One index, several threads, each with its own scratch. */
static void test_shared(void **state)
{
    (void)state;
    akin_ctx *ctx = toy_ctx(3);
    akin_error err;
    struct world w;
    clustered(&w, 4000, 20, 25, 12);
    struct index_options o = {.ivf_min = 1};
    struct index *ix = create(ctx, &w, &o);
    struct shared sh = {.w = &w, .ix = ix, .lists = calloc(2000, sizeof *sh.lists)};
    for (int i = 0; i < par_workers(ctx); i++)
        sh.scratch[i] = scratch(ctx, ix);
    assert_int_equal(par_for(ctx, 200, shared_block, &sh, &err), AKIN_OK);
    for (int64_t q = 0; q < 200; q++) {
        struct ranked got[10];
        int32_t count;
        assert_int_equal(index_search(ix, sh.scratch[0], w.items + q * w.k, 10, NULL, NULL, 0, got,
                                      &count, &err),
                         AKIN_OK);
        assert_lists_equal(got, count, sh.lists + q * 10, 10);
    }
    for (int i = 0; i < par_workers(ctx); i++)
        index_scratch_free(sh.scratch[i]);
    free(sh.lists);
    index_free(ix);
    world_free(&w);
    toy_ctx_done(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
