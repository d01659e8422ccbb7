/* The contract on model files: the same model comes back, equal fits give equal bytes, damage is
 * refused. */
#include "contract.h"

#include <unistd.h>

static char *read_all(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *size = (size_t)ftell(f);
    rewind(f);
    char *bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, f), *size);
    fclose(f);
    return bytes;
}

static void write_all(const char *path, const char *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* Save → load → the same fingerprint, recommendations and file; another fit → the same bytes. */
void contract_file(void **state)
{
    akin_error record, *err = &record;
    const struct contract_case *c = contract_case_of(state);
    struct world a, b;
    char path[3][256];
    enum { K = 15 };
    int32_t *counts[2];
    contract_path(path[0], sizeof path[0], "a");
    contract_path(path[1], sizeof path[1], "b");
    contract_path(path[2], sizeof path[2], "c");
    world_make(&a, 1, NULL, 0, false);
    world_fit(&a, c);
    world_rank(&a);
    contract_ok(model_save(a.m, path[0], err));
    world_make(&b, 3, NULL, 5, false);
    world_fit(&b, c);
    contract_ok(model_save(b.m, path[1], err));
    model_free(b.m);
    b.m = NULL;
    contract_ok(contract_load(b.ctx, path[0], c, &b.m, err));
    world_rank(&b);
    assert_true(contract_fingerprint(a.m) == contract_fingerprint(b.m));
    struct ranked *before = contract_lists(&a, K, &counts[0]);
    struct ranked *after = contract_lists(&b, K, &counts[1]);
    assert_memory_equal(before, after, (size_t)(a.m->users.n * K) * sizeof *before);
    assert_true(a.scorer.flags == b.scorer.flags);
    assert_int_equal(a.m->now, b.m->now);
    assert_true(a.m->value_lo == b.m->value_lo && a.m->value_hi == b.m->value_hi);
    contract_ok(model_save(b.m, path[2], err));
    size_t size[3];
    char *bytes[3];
    for (int i = 0; i < 3; i++)
        bytes[i] = read_all(path[i], &size[i]);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(size[i], size[0]);
        assert_memory_equal(bytes[i], bytes[0], size[0]);
    }
    for (int i = 0; i < 3; i++) {
        free(bytes[i]);
        unlink(path[i]);
    }
    free(before);
    free(after);
    free(counts[0]);
    free(counts[1]);
    world_free(&a);
    world_free(&b);
}

static void refuse(struct world *w, const struct contract_case *c, const char *path,
                   const char *bytes, size_t size, size_t at)
{
    struct model *m = NULL;
    akin_error err = {0};
    write_all(path, bytes, size);
    akin_status status = contract_load(w->ctx, path, c, &m, &err);
    if (status != AKIN_E_FORMAT && status != AKIN_E_VERSION)
        fail_msg("damage at byte %zu of a file of %zu: status %d", at, size, (int)status);
    assert_null(m);
    assert_non_null(strstr(err.message, "damage"));
}

/* Cut at every section's edges, flipped all over: refused by name, nothing leaks. */
void contract_damage(void **state)
{
    akin_error record, *err = &record;
    const struct contract_case *c = contract_case_of(state);
    struct world w;
    struct container *file;
    char path[256];
    size_t size;
    contract_path(path, sizeof path, "damage");
    world_make(&w, 1, NULL, 0, true);
    world_fit(&w, c);
    contract_ok(model_save(w.m, path, err));
    char *bytes = read_all(path, &size);
    int64_t used = mem_used(w.ctx->mem);
    contract_ok(container_open(w.ctx, path, &file, err));
    enum { MOST = 256 };
    size_t edge[MOST + 1] = {64};
    int n_edges = container_sections(file);
    assert_in_range(n_edges, 1, MOST);
    for (int i = 0; i < n_edges; i++) {
        int64_t n;
        container_section_info(file, i, NULL, &n, NULL, NULL);
        edge[i + 1] = edge[i] + (size_t)(n + 63) / 64 * 64;
    }
    container_close(file);
    for (int i = 0; i <= n_edges; i++) {
        refuse(&w, c, path, bytes, edge[i], edge[i]);
        refuse(&w, c, path, bytes, edge[i] - 1, edge[i] - 1);
    }
    refuse(&w, c, path, bytes, 0, 0);
    refuse(&w, c, path, bytes, size - 1, size - 1);
    for (size_t at = 0; at < size; at += at < 64 ? 1 : 1 + size / 400) {
        bytes[at] = (char)(bytes[at] ^ (1 << at % 8));
        refuse(&w, c, path, bytes, size, at);
        bytes[at] = (char)(bytes[at] ^ (1 << at % 8));
    }
    /* and out of memory while loading */
    write_all(path, bytes, size);
    bool done = false;
    for (int64_t n = 1; !done; n++) {
        struct model *m = NULL;
        mem_fail_at(w.ctx->mem, n);
        akin_status status = contract_load(w.ctx, path, c, &m, err);
        mem_fail_at(w.ctx->mem, 0);
        model_free(m);
        done = status == AKIN_OK;
        if (!done)
            assert_int_equal(status, AKIN_E_MEMORY);
    }
    assert_int_equal(mem_used(w.ctx->mem), used);
    unlink(path);
    free(bytes);
    world_free(&w);
}
