/*
 * Fuzz: the journal of exposures. As a file: any bytes are read up to the first record that does
 * not hold, or refused. As records (first byte odd), whose sums are put right: whatever they say,
 * counts stay counts, and every record's bytes lie within the file.
 */
#include "fuzz_base.h"

#include "core/hash.h"
#include "live/experiment.h"
#include "live/journal.h"

static const char *const list =
    "[{\"name\":\"s\",\"arms\":[{\"name\":\"a\",\"model\":\"m\",\"share\":0.5},{\"name\":"
    "\"b\",\"model\":\"n\",\"share\":0.5}]},{\"name\":\"x\",\"kind\":\"interleave\",\"arms\":["
    "{\"model\":\"m\",\"share\":1},{\"model\":\"n\",\"share\":0}]}]";

/* Each record: a byte of size, the bytes. The layout is in docs/experiments.md. */
static size_t frame(const struct experiments *x, const uint8_t *data, size_t size, uint8_t *out)
{
    uint32_t version[2] = {1, 0};
    uint64_t key = 7, sum;
    size_t n = 32;
    memcpy(out, "akin.xpj", 8);
    memcpy(out + 8, version, 8);
    memcpy(out + 16, &key, 8);
    sum = hash_bytes(out, 24, 0);
    memcpy(out + 24, &sum, 8);
    for (size_t at = 0; at < size; at += 1 + (size_t)data[at]) {
        uint32_t head[2] = {data[at] < size - at - 1 ? data[at] : (uint32_t)(size - at - 1), 0};
        memcpy(out + n + 8, data + at + 1, head[0]);
        if (head[0] >= 48 && out[n + 8 + 44] == 2) /* a definition that there is */
            memcpy(out + n + 8, &experiments_at(x, out[n + 8 + 45] & 1)->definition, 8);
        head[1] = (uint32_t)hash_bytes(out + n + 8, head[0], key + head[0]);
        memcpy(out + n, head, 8);
        n += 8 + head[0];
    }
    return n;
}

static void check(struct experiments *x, akin_ctx *ctx, akin_error *err)
{
    struct buf out;
    buf_init(&out, ctx);
    for (int i = 0; i < experiments_count(x); i++) {
        struct experiment_counts c;
        experiment_counts(experiments_at(x, i), &c);
        for (int a = 0; a < EXPERIMENT_ARMS; a++)
            if (c.users[a] < 0 || c.converted[a] < 0 || c.converted[a] > c.users[a] ||
                c.events[a] < c.converted[a] * (i == 0) || c.ties < 0)
                fuzz_fail("counts", NULL);
    }
    if (experiments_json(x, &out, err) != AKIN_OK)
        fuzz_fail("json", err);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t framed[1 << 20];
    akin_ctx *ctx = fuzz_ctx_of((int64_t)256 << 20);
    int64_t used = mem_used(ctx->mem), after = 0;
    struct experiments *x = NULL;
    akin_error err = {0};
    json_t *json = json_loads(list, 0, NULL);
    if (size == 0 || size > 65536)
        goto done;
    /* the path must be there before the bytes are: they hold definitions of x */
    if (experiments_create(ctx, json, 100, fuzz_file(data, 1), &x, &err) != AKIN_OK)
        fuzz_fail("create", &err);
    if (data[0] & 1)
        (void)fuzz_file(framed, frame(x, data + 1, size - 1, framed));
    else
        (void)fuzz_file(data + 1, size - 1);
    akin_status status = experiments_load(x, 1000, &after, &err);
    fuzz_refused(status, &err);
    if (status == AKIN_OK) {
        if (after < 0 || after > 1000)
            fuzz_fail("after", NULL);
        if (experiments_erased(x, "u", 500, &err) != AKIN_OK)
            fuzz_fail("erased", &err);
        experiments_event(x, "u", "i", "buy", 100, after + 1);
        experiments_event(x, "v", "i", "buy", 100, 1001);
        check(x, ctx, &err);
    }
done:
    experiments_free(x);
    json_decref(json);
    fuzz_clean(ctx, used);
    return 0;
}
