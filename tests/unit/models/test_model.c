/* The frame around models: registry, parameters, and model files with a section exchanged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../contract/toy_data.c"
#include "kern/kern.h"
#include "models/model.h"

static void path_of(char *path, size_t size, const char *name)
{
    const char *dir = getenv("TMPDIR");
    snprintf(path, size, "%s/akin-model-%d-%s", dir && *dir ? dir : "/tmp", (int)getpid(), name);
}

static akin_ctx *ctx_new(void)
{
    akin_ctx *ctx = NULL;
    assert_int_equal(ctx_create(2, 1, 0, &ctx, NULL), AKIN_OK);
    assert_int_equal(kern_select(ctx, NULL, NULL), AKIN_OK);
    return ctx;
}

static void test_registry(void **state)
{
    (void)state;
    const struct model_class *cls;
    akin_error err;
    size_t n = 0;
    while (model_class_at(n))
        n++;
    assert_true(n >= 1);
    assert_null(model_class_at(n + 1000));
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(model_class_find(model_class_at(i)->name), model_class_at(i));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(model_class_at(i)->name, model_class_at(j)->name);
    }
    assert_null(model_class_find("nothing"));
    assert_null(model_class_find(NULL));
    assert_int_equal(model_class_get("ial", &cls, &err), AKIN_E_ARG);
    assert_non_null(strstr(err.message, "'ials'"));
    assert_int_equal(model_class_get("zzzzzzzzzzzz", &cls, &err), AKIN_E_ARG);
    assert_non_null(strstr(err.message, "akin models"));
    assert_int_equal(model_class_get(NULL, &cls, &err), AKIN_E_ARG);
}

/* A small fitted model in a file; *ds_out: its data in another. */
static void make_files(akin_ctx *ctx, const char *path, const char *ds_path)
{
    static struct toy_event events[TOY_USERS * TOY_ITEMS];
    int32_t withheld[TOY_USERS];
    struct dataset *ds;
    struct feedback *f;
    struct train_view tv;
    struct model *m;
    struct feedback_params p;
    struct arena arena;
    akin_error err;
    json_t *params = json_pack("{s:i, s:i, s:b}", "factors", 4, "epochs", 2, "biases", 1);
    int64_t n = toy_clusters(3, events, withheld);
    assert_int_equal(toy_dataset(ctx, events, n, &ds, &err), AKIN_OK);
    assert_int_equal(dataset_save(ds, ds_path, &err), AKIN_OK);
    arena_init(&arena, ctx);
    assert_int_equal(
        param_parse("feedback", feedback_param_rows, feedback_n_params, NULL, &arena, &p, &err),
        AKIN_OK);
    assert_int_equal(feedback_create(ctx, &p, &ds->types, 0, &f, &err), AKIN_OK);
    arena_free(&arena);
    assert_int_equal(train_view_build(ctx, ds, f, NULL, &tv, &err), AKIN_OK);
    assert_int_equal(model_create(ctx, model_class_find("ials"), params, &m, &err), AKIN_OK);
    assert_int_equal(model_fit(m, &tv, NULL, &err), AKIN_OK);
    assert_int_equal(model_save(m, path, &err), AKIN_OK);
    json_decref(params);
    model_free(m);
    train_view_free(&tv);
    feedback_free(f);
    dataset_free(ds);
}

/* Copies a file with one section's bytes exchanged (NULL = left out), or added. */
static void exchange(akin_ctx *ctx, const char *from, const char *to, const char *section,
                     const void *bytes, int64_t size)
{
    struct container *c;
    struct container_writer *w;
    bool found = false;
    assert_int_equal(container_open(ctx, from, &c, NULL), AKIN_OK);
    assert_int_equal(container_create(ctx, to, container_kind_of(c), &w, NULL), AKIN_OK);
    for (int i = 0; i < container_sections(c); i++) {
        const char *name;
        const void *data;
        int64_t n;
        uint32_t flags;
        container_section_info(c, i, &name, NULL, NULL, &flags);
        assert_int_equal(container_get(c, name, 1, false, &data, &n, NULL), AKIN_OK);
        if (strcmp(name, section) == 0) {
            found = true;
            data = bytes;
            n = size;
        }
        if (data)
            assert_int_equal(container_add(w, name, flags, data, n, NULL), AKIN_OK);
    }
    if (!found)
        assert_int_equal(container_add(w, section, CONTAINER_REQUIRED, bytes, size, NULL), AKIN_OK);
    assert_int_equal(container_commit(w, NULL), AKIN_OK);
    container_close(c);
}

static void test_sections(void **state)
{
    (void)state;
    static const int32_t wrong_count[TOY_ITEMS] = {-1};
    static const float negative[5] = {1, 1, 1, 1, -1};
    static const int64_t unordered[2] = {0, 7};
    static const char head_bad[] =
        "{\"class\":\"ials\",\"params\":{\"factors\":0},\"feedback\":{},\"now\":1,\"time_kind\":1,"
        "\"value_range\":[1,5],\"watermark\":0}";
    static const char head_class[] = "{\"class\":\"nothing\"}";
    static const char head_kind[] =
        "{\"class\":\"ials\",\"params\":{},\"feedback\":{},\"now\":1,\"time_kind\":9,"
        "\"value_range\":[1,5],\"watermark\":0}";
    static const char head_range[] =
        "{\"class\":\"ials\",\"params\":{},\"feedback\":{},\"now\":1,\"time_kind\":1,"
        "\"value_range\":[1],\"watermark\":0}";
    static const struct {
        const char *section;
        const void *bytes;
        int64_t size;
        akin_status status;
        const char *says;
    } cases[] = {
        {"model", NULL, 0, AKIN_E_FORMAT, "model"},
        {"model", "{", 1, AKIN_E_FORMAT, "model"},
        {"model", "[]", 2, AKIN_E_FORMAT, "model"},
        {"model", "{}", 2, AKIN_E_FORMAT, "class"},
        {"model", head_bad, sizeof head_bad - 1, AKIN_E_FORMAT, "factors=0"},
        {"model", head_class, sizeof head_class - 1, AKIN_E_VERSION, "nothing"},
        {"model", head_kind, sizeof head_kind - 1, AKIN_E_FORMAT, "time_kind"},
        {"model", head_range, sizeof head_range - 1, AKIN_E_FORMAT, "lacks"},
        {"card", "7", 1, AKIN_E_FORMAT, "card"},
        {"count", wrong_count, sizeof wrong_count, AKIN_E_FORMAT, "item 0"},
        {"count", wrong_count, 4, AKIN_E_FORMAT, "count"},
        {"types.off", unordered, sizeof unordered, AKIN_E_FORMAT, "types.off"},
        {"m.base", negative, sizeof negative, AKIN_E_FORMAT, "m.base"},
        {"m.users", negative, sizeof negative, AKIN_E_FORMAT, "m.users"},
        {"m.basis", negative, sizeof negative, AKIN_E_FORMAT, "m.basis"},
        {"m.bias", NULL, 0, AKIN_E_FORMAT, "m.bias"},
        {"future", "x", 1, AKIN_E_VERSION, "future"},
    };
    akin_ctx *ctx = ctx_new();
    char path[256], data[256], other[256];
    path_of(path, sizeof path, "good");
    path_of(data, sizeof data, "data");
    path_of(other, sizeof other, "bad");
    make_files(ctx, path, data);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct model *m = NULL;
        akin_error err = {0};
        exchange(ctx, path, other, cases[i].section, cases[i].bytes, cases[i].size);
        akin_status status = model_load(ctx, other, &m, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].says))
            fail_msg("case %zu (%s): status %d, %s", i, cases[i].section, (int)status, err.message);
        assert_null(m);
    }
    struct model *m = NULL;
    akin_error err;
    assert_int_equal(model_load(ctx, data, &m, &err), AKIN_E_FORMAT);
    assert_non_null(strstr(err.message, "a dataset"));
    assert_int_equal(model_load(ctx, "/nonexistent/model", &m, &err), AKIN_E_NOT_FOUND);
    assert_int_equal(model_load(ctx, path, &m, &err), AKIN_OK);
    model_free(m);
    struct model_class renamed = *model_class_find("ials");
    renamed.name = "other";
    assert_int_equal(model_load_as(ctx, path, &renamed, &m, &err), AKIN_E_FORMAT);
    unlink(path);
    unlink(data);
    unlink(other);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_sections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
