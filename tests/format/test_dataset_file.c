/*
 * The dataset file against damage and time: cut anywhere, any byte flipped, crafted contents under
 * right sums, unknown sections, and a file of version 1 that must load for ever.
 *
 * `test_dataset_file --make FILE` writes the small dataset: tests/format/v1-dataset.akin was made
 * so.
 */
#include "format/small_dataset.h"

#include "core/file.h"
#include "core/hash.h"
#include "core/rng.h"
#include "store/container_format.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define GOLDEN "tests/format/v1-dataset.akin"

enum { SEED = 42, CRAFTED = 2000, BUILT_MOST = 1 << 16, SECTIONS_MOST = 64 };

static akin_ctx *ctx;
static char dir[64] = "/tmp/akin-format-XXXXXX";
static char path[96];
static char *bytes; /* of the whole file */
static int64_t size;

static int set_up(void **state)
{
    (void)state;
    struct dataset *ds = NULL;
    printf("seed %d\n", SEED);
    if (!mkdtemp(dir) || ctx_create(1, SEED, 0, &ctx, NULL) != AKIN_OK)
        return -1;
    snprintf(path, sizeof path, "%s/d.akin", dir);
    if (small_dataset(ctx, &ds, NULL) != AKIN_OK || dataset_save(ds, path, NULL) != AKIN_OK)
        return -1;
    dataset_free(ds);
    return file_read(ctx, path, 1 << 20, &bytes, &size, NULL) == AKIN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mem_free(ctx, bytes);
    unlink(path);
    int failed = rmdir(dir);
    int64_t used = mem_used(ctx->mem);
    ctx_free(ctx);
    return failed != 0 || used != 0 ? -1 : 0;
}

static void write_bytes(const char *from, int64_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600); /* ext4 syncs a file truncated to 0 on close */
    assert_true(fd >= 0);
    assert_int_equal(write(fd, from, (size_t)n), n);
    assert_int_equal(ftruncate(fd, n), 0);
    assert_int_equal(close(fd), 0);
}

/* The first n bytes of the dataset's file. */
static void write_file(int64_t n)
{
    write_bytes(bytes, n);
}

/* Refused, and by name. */
static void check_refused(void)
{
    struct dataset *ds = NULL;
    akin_error err = {0};
    akin_status status = dataset_load(ctx, path, &ds, &err);
    if (status != AKIN_E_FORMAT && status != AKIN_E_VERSION)
        fail_msg("status %d: %s", (int)status, err.message);
    assert_null(ds);
    assert_non_null(strstr(err.message, path));
}

static void test_cut(void **state)
{
    (void)state;
    struct container *c = NULL;
    int64_t edges[256];
    int n = 0;
    write_file(size);
    assert_int_equal(container_open(ctx, path, &c, NULL), AKIN_OK);
    int64_t at = 64;
    for (int i = 0; i < container_sections(c); i++) {
        int64_t section;
        assert_true(n + 2 < 256);
        edges[n++] = at;
        container_section_info(c, i, NULL, &section, NULL, NULL);
        edges[n++] = at + section;
        at += (section + 63) / 64 * 64;
    }
    edges[n++] = at;
    container_close(c);
    for (int i = 0; i < n; i++) {
        for (int64_t d = -1; d <= 1; d++) {
            write_file(edges[i] + d);
            check_refused();
        }
    }
    for (int64_t cut = 0; cut < size; cut += 64) {
        write_file(cut);
        check_refused();
    }
    write_file(size - 1);
    check_refused();
}

static void test_longer(void **state)
{
    (void)state;
    write_file(size);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_true(fd >= 0);
    for (int i = 0; i < 65; i++) {
        assert_int_equal(write(fd, "", 1), 1);
        check_refused();
    }
    assert_int_equal(close(fd), 0);
}

static void test_every_byte(void **state)
{
    (void)state;
    write_file(size);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (int64_t i = 0; i < size; i++) {
        uint64_t r = rng_u64(SEED, RNG_TEST, 0, (uint64_t)i);
        char flipped = (char)(bytes[i] ^ (1 << (r & 7)));
        assert_int_equal(pwrite(fd, &flipped, 1, i), 1);
        check_refused();
        flipped = (char)(bytes[i] ^ 0xff);
        assert_int_equal(pwrite(fd, &flipped, 1, i), 1);
        check_refused();
        assert_int_equal(pwrite(fd, &bytes[i], 1, i), 1);
    }
    assert_int_equal(close(fd), 0);
    struct dataset *ds = NULL;
    assert_int_equal(dataset_load(ctx, path, &ds, NULL), AKIN_OK);
    dataset_free(ds);
}

/* How a copy of a file differs from it, under right sums. */
struct craft {
    int section;      /* that is changed, -1 = none */
    bool is_left_out; /* …or left out */
    const void *data;
    int64_t size;
    const char *more; /* a further section, NULL = none */
    uint32_t flags;
    enum container_kind kind;
};

/* Appends a section to the file in built, and its row to table. */
static void append_section(char *built, int64_t *at, struct disk_entry *row, const char *name,
                           uint32_t flags, const void *data, int64_t n)
{
    int64_t padded = (int64_t)container_padded((uint64_t)n);
    assert_true(*at + padded < BUILT_MOST);
    memset(built + *at, 0, (size_t)padded);
    if (n > 0)
        memcpy(built + *at, data, (size_t)n);
    memset(row, 0, sizeof *row);
    snprintf(row->name, sizeof row->name, "%s", name);
    row->offset = (uint64_t)*at;
    row->size = (uint64_t)n;
    row->sum = hash_bytes(built + *at, (size_t)padded, 0);
    row->flags = flags;
    *at += padded;
}

/* Put together here rather than by the writer, which syncs each file to the disk. */
static void craft_file(const struct craft *craft)
{
    static char built[BUILT_MOST];
    static struct disk_entry rows[SECTIONS_MOST];
    struct disk_header head;
    struct disk_entry entry;
    int64_t at = sizeof head;
    int n = 0;
    memcpy(&head, bytes, sizeof head);
    assert_true(head.n_sections < SECTIONS_MOST);
    for (int i = 0; i < (int)head.n_sections; i++) {
        memcpy(&entry, bytes + head.table_offset + (size_t)i * sizeof entry, sizeof entry);
        if (i == craft->section && craft->is_left_out)
            continue;
        bool is_changed = i == craft->section;
        append_section(built, &at, &rows[n++], entry.name, entry.flags,
                       is_changed ? craft->data : bytes + entry.offset,
                       is_changed ? craft->size : (int64_t)entry.size);
    }
    if (craft->more)
        append_section(built, &at, &rows[n++], craft->more, craft->flags, "x", 1);
    head.kind = (uint32_t)craft->kind;
    head.n_sections = (uint32_t)n;
    head.table_offset = (uint64_t)at;
    head.file_size = head.table_offset + (uint64_t)n * sizeof entry;
    assert_int_equal(container_head_sum(&head, rows, n, &head.sum, NULL), AKIN_OK);
    memcpy(built, &head, sizeof head);
    memcpy(built + at, rows, (size_t)n * sizeof entry);
    write_bytes(built, (int64_t)head.file_size);
}

static void test_unknown_sections(void **state)
{
    (void)state;
    struct craft craft = {.section = -1, .more = "future", .kind = CONTAINER_DATASET};
    struct dataset *ds = NULL;
    struct dataset *small = NULL;
    akin_error err;
    assert_int_equal(small_dataset(ctx, &small, NULL), AKIN_OK);
    craft_file(&craft);
    assert_int_equal(dataset_load(ctx, path, &ds, NULL), AKIN_OK);
    same_dataset(small, ds);
    dataset_free(ds);
    craft.flags = CONTAINER_REQUIRED;
    craft_file(&craft);
    assert_int_equal(dataset_load(ctx, path, &ds, &err), AKIN_E_VERSION);
    assert_non_null(strstr(err.message, "future"));
    assert_non_null(strstr(err.message, path));
    craft.more = NULL;
    craft.kind = CONTAINER_MODEL;
    craft_file(&craft);
    assert_int_equal(dataset_load(ctx, path, &ds, &err), AKIN_E_FORMAT);
    assert_non_null(strstr(err.message, "model"));
    dataset_free(small);
}

/* Without the optional sections a dataset is still one; without others it is refused. */
static void test_missing_sections(void **state)
{
    (void)state;
    static const char *const may[] = {
        "card",      "event.value", "event.role",      "event.type",      "tag.time",
        "types.off", "types.bytes", "item_table.meta", "user_table.meta", "event_table.meta"};
    for (int i = 0;; i++) {
        struct dataset *ds = NULL;
        struct disk_header head;
        struct disk_entry entry;
        bool is_optional = false;
        memcpy(&head, bytes, sizeof head);
        if (i == (int)head.n_sections)
            break;
        memcpy(&entry, bytes + head.table_offset + (size_t)i * sizeof entry, sizeof entry);
        const char *name = entry.name;
        for (size_t k = 0; k < sizeof may / sizeof may[0]; k++)
            is_optional = is_optional || strcmp(may[k], name) == 0;
        craft_file(&(struct craft){.section = i, .is_left_out = true, .kind = CONTAINER_DATASET});
        akin_error err = {0};
        akin_status status = dataset_load(ctx, path, &ds, &err);
        if (is_optional && strncmp(name, "types", 5) != 0) {
            if (status != AKIN_OK)
                fail_msg("without %s: %s", name, err.message);
        } else {
            assert_int_equal(status, AKIN_E_FORMAT);
        }
        dataset_free(ds);
    }
}

/* Whoever has loaded a dataset may touch all of it. */
static void walk(const struct dataset *ds)
{
    char text[256];
    const struct table *tables[] = {&ds->item_table, &ds->user_table, &ds->event_table};
    struct dataset *sub = NULL;
    uint8_t *keep = mem_zalloc(ctx, ds->n_events, 1, NULL);
    int64_t n_users, n_items;
    assert_non_null(keep);
    for (int64_t e = 0; e < ds->n_events; e += 2)
        keep[e] = 1;
    for (int t = 0; t < 3; t++) {
        for (int32_t c = 0; c < tables[t]->n_cols; c++) {
            for (int64_t r = 0; r < tables[t]->n_rows; r++)
                table_cell_text(&tables[t]->cols[c], r, text, sizeof text);
        }
    }
    for (int32_t i = 0; i < ds->users.n; i++) {
        int32_t n;
        const char *id = ids_get(&ds->users, i, &n);
        assert_int_equal(ids_find(&ds->users, id, (size_t)n), i);
    }
    assert_int_equal(dataset_active(ds, &n_users, &n_items, NULL), AKIN_OK);
    dataset_fingerprint(ds);
    assert_int_equal(dataset_subset(ds, keep, NULL, true, &sub, NULL), AKIN_OK);
    dataset_free(sub);
    mem_free(ctx, keep);
}

/* A section with other contents: some bytes or words changed, or cut, or grown. */
static int64_t mutate(struct rng *rng, const void *data, int64_t n, char *out, int64_t room)
{
    int64_t m = n < room ? n : room;
    memcpy(out, data, (size_t)m);
    switch (rng_below(rng, 6)) {
    case 0:
        return m > 0 ? (int64_t)rng_below(rng, (uint64_t)m) : 0;
    case 1:
        memset(out + m, 0, (size_t)(room - m < 16 ? room - m : 16));
        return m + (room - m < 16 ? room - m : 16);
    case 2:
    case 3:
        for (uint64_t k = rng_below(rng, 3) + 1; m > 0 && k > 0; k--)
            out[rng_below(rng, (uint64_t)m)] = (char)rng_below(rng, 256);
        return m;
    default: { /* an index or offset that is off */
        static const int64_t words[] = {-1, 0, 1, 2, 7, 255, INT32_MAX, INT64_MAX, INT64_MIN, 4096};
        int64_t word = words[rng_below(rng, sizeof words / sizeof words[0])];
        int64_t width = rng_below(rng, 2) ? 8 : 4;
        if (m >= width)
            memcpy(out + (int64_t)rng_below(rng, (uint64_t)(m / width)) * width, &word,
                   (size_t)width);
        return m;
    }
    }
}

static void test_crafted(void **state)
{
    (void)state;
    struct rng rng = rng_make(SEED, RNG_TEST, 1);
    static char out[4096];
    int n_loaded = 0;
    for (int round = 0; round < CRAFTED; round++) {
        struct dataset *ds = NULL;
        struct disk_header head;
        struct disk_entry entry;
        struct craft craft = {.kind = CONTAINER_DATASET, .data = out};
        akin_error err = {0};
        memcpy(&head, bytes, sizeof head);
        craft.section = (int)rng_below(&rng, head.n_sections);
        memcpy(&entry, bytes + head.table_offset + (size_t)craft.section * sizeof entry,
               sizeof entry);
        craft.size =
            mutate(&rng, bytes + entry.offset, (int64_t)entry.size, out, (int64_t)sizeof out);
        craft_file(&craft);
        akin_status status = dataset_load(ctx, path, &ds, &err);
        if (status == AKIN_OK) {
            walk(ds);
            n_loaded++;
        } else {
            if (status != AKIN_E_FORMAT && status != AKIN_E_VERSION)
                fail_msg("status %d: %s", (int)status, err.message);
            assert_non_null(strstr(err.message, path));
        }
        dataset_free(ds);
    }
    printf("%d of %d crafted files are datasets too\n", n_loaded, CRAFTED);
    assert_in_range(n_loaded, CRAFTED / 20, CRAFTED);
}

static void test_golden(void **state)
{
    (void)state;
    struct dataset *old = NULL;
    struct dataset *now = NULL;
    char *text = NULL;
    int64_t n;
    akin_error err = {0};
    if (dataset_load(ctx, GOLDEN, &old, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    assert_int_equal(small_dataset(ctx, &now, NULL), AKIN_OK);
    same_dataset(now, old);
    /* Literal facts, should the helper itself change. */
    assert_int_equal(old->users.n, SMALL_USERS);
    assert_int_equal(ids_find(&old->items, "500", 3), 6);
    assert_int_equal(old->item[6], 4);
    assert_true(old->value[5] == 0.5F);
    assert_int_equal(old->time[8], 900);
    assert_true(old->item_table.cols[1].num[2] == 2001.5);
    assert_true(dataset_fingerprint(old) == dataset_fingerprint(now));
    /* While version 1 is what is written: the same bytes. */
    assert_int_equal(file_read(ctx, GOLDEN, 1 << 20, &text, &n, NULL), AKIN_OK);
    assert_int_equal(n, size);
    assert_memory_equal(text, bytes, (size_t)size);
    mem_free(ctx, text);
    dataset_free(old);
    dataset_free(now);
}

static int make(const char *target)
{
    struct dataset *ds = NULL;
    akin_error err = {0};
    akin_status status = ctx_create(1, SEED, 0, &ctx, &err);
    if (status == AKIN_OK)
        status = small_dataset(ctx, &ds, &err);
    if (status == AKIN_OK)
        status = dataset_save(ds, target, &err);
    if (status != AKIN_OK)
        fprintf(stderr, "%s\n", err.message);
    dataset_free(ds);
    ctx_free(ctx);
    return status == AKIN_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),        cmocka_unit_test(test_longer),
        cmocka_unit_test(test_every_byte), cmocka_unit_test(test_unknown_sections),
        cmocka_unit_test(test_crafted),    cmocka_unit_test(test_missing_sections),
        cmocka_unit_test(test_golden),
    };
    if (argc == 3 && strcmp(argv[1], "--make") == 0)
        return make(argv[2]);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
