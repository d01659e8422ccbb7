/*
 * Fuzz: plain, gzip and zstd files. With bit 0 of the first byte the rest is the file as it is;
 * otherwise it says of which members the file is made and where it is cut, so that what comes out
 * is known: a whole file gives all of it, a cut one a beginning or a refusal.
 */
#include "fuzz_base.h"

#include "data/input.h"

#include <zlib.h>
#include <zstd.h>

enum { FILE_MOST = 1 << 16, TEXT_MOST = 1 << 15, MEMBER_MOST = 64 };

struct made {
    uint8_t file[FILE_MOST], text[TEXT_MOST];
    size_t n_file, n_text;
    bool is_cut;
};

static size_t gzip(const uint8_t *data, size_t size, int level, uint8_t *out, size_t room)
{
    static z_stream gz[2];
    z_stream *z = &gz[level];
    if (!z->state && deflateInit2(z, level, Z_DEFLATED, 15 + 16, 1, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    z->next_in = (Bytef *)(uintptr_t)data;
    z->avail_in = (uInt)size;
    z->next_out = out;
    z->avail_out = (uInt)room;
    if (deflate(z, Z_FINISH) != Z_STREAM_END || deflateReset(z) != Z_OK)
        abort();
    return room - z->avail_out;
}

static size_t zstd(const uint8_t *data, size_t size, uint8_t *out, size_t room)
{
    static ZSTD_CCtx *cctx;
    if (!cctx)
        cctx = ZSTD_createCCtx();
    size_t n = cctx ? ZSTD_compressCCtx(cctx, out, room, data, size, 1) : 0;
    if (!cctx || ZSTD_isError(n))
        abort();
    return n;
}

/* Members: a byte of length (0xf0 and more: the file ends that many bytes and one earlier), a byte
 * of how often the text is repeated, the text. */
static void make(const uint8_t *data, size_t size, bool is_zstd, int level, struct made *m)
{
    size_t at = 0, cut = 0;
    m->n_file = m->n_text = 0;
    while (at + 2 <= size && m->n_file + 4 * MEMBER_MOST * 16 < FILE_MOST &&
           m->n_text + MEMBER_MOST * 16 < TEXT_MOST && cut == 0) {
        size_t n = data[at] % MEMBER_MOST, times = data[at + 1] % 16, from = m->n_text;
        cut = data[at] >= 0xf0 ? (size_t)(data[at] & 15) + 1 : 0;
        at += 2;
        n = n < size - at ? n : size - at;
        for (size_t i = 0; i < times; i++, m->n_text += n)
            memcpy(m->text + m->n_text, data + at, n);
        at += n;
        uint8_t *out = m->file + m->n_file;
        m->n_file +=
            is_zstd ? zstd(m->text + from, m->n_text - from, out, FILE_MOST - m->n_file)
                    : gzip(m->text + from, m->n_text - from, level, out, FILE_MOST - m->n_file);
    }
    m->is_cut = cut > 0;
    m->n_file -= cut < m->n_file ? cut : m->n_file;
}

/* Reads all in steps; the text is checked against m (NULL: unknown). */
static akin_status read_all(struct input *in, int64_t step, const struct made *m, akin_error *err)
{
    static char text[1 << 12];
    akin_status status = AKIN_OK;
    int64_t at = 0, got = step;
    while (got == step) {
        if (input_is_random(in))
            AKIN_TRY(input_read_at(in, at, text, step, &got, err));
        else
            AKIN_TRY(input_read(in, text, step, &got, err));
        if (got < 0 || got > step)
            abort();
        if (m && !input_is_random(in) &&
            ((size_t)(at + got) > m->n_text ||
             (got > 0 && memcmp(text, m->text + at, (size_t)got) != 0)))
            fuzz_fail("another text came out", NULL);
        at += got;
    }
    if (input_is_random(in) ? at != input_size(in) : m && !m->is_cut && (size_t)at != m->n_text)
        fuzz_fail("not all of it came out", NULL);
done:
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct made made;
    akin_ctx *ctx = fuzz_ctx_of((int64_t)64 << 20);
    struct input *in = NULL;
    struct made *m = NULL;
    uint64_t hash;
    akin_error err = {0};
    if (size < 1 || size > 4096)
        return 0;
    if (!(data[0] & 1)) {
        m = &made;
        make(data + 1, size - 1, data[0] & 2, (data[0] & 4) != 0, m);
    }
    const char *path = m ? fuzz_file(m->file, m->n_file) : fuzz_file(data + 1, size - 1);
    akin_status status = input_open(ctx, path, &in, &err);
    if (status == AKIN_OK)
        status = read_all(in, (int64_t)(data[0] >> 3) * 97 + 1, m, &err);
    fuzz_refused(status, &err);
    if (status != AKIN_OK && m && !m->is_cut)
        fuzz_fail("a whole file is refused", &err);
    if (status == AKIN_OK && (input_hash(in, &hash, &err) != AKIN_OK || input_expanded(in) < 0 ||
                              input_consumed(in) < 0))
        fuzz_fail("hash", &err);
    input_close(in);
    fuzz_clean(ctx, 0);
    return 0;
}
