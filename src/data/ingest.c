/*
 * The rounds of reading.
 *
 * A plain file is cut every MiB. Each piece is parsed from the first line end in it, on the guess
 * that this is where a record begins; the guess is checked when the piece before is known: a piece
 * whose true first record lies elsewhere (a quoted line end, a very long line) is parsed again.
 * So the result is that of a single pass from the front, at any number of threads.
 * Streams (compressed, stdin) are cut the same way inside windows, which are decompressed while
 * the window before is parsed.
 *
 * A record longer than max_line is skipped without being held. Memory: pieces in flight, and the
 * rows. Cost: one copy of the bytes, one pass of parsing, one copy of the rows.
 */
#include "data/ingest.h"

#include "core/hash.h"
#include "core/par.h"

#include <inttypes.h>
#include <string.h>

enum {
    ROUND = 32,        /* pieces in flight */
    SLACK = 1 << 16,   /* read behind a piece at once, for its last record */
    WINDOW = 16 << 20, /* of a stream */
    WINDOW_READ = 1 << 20,
    PIECE = 1 << 20 /* of a window */
};

struct window {   /* of a stream */
    char *data;   /* owned: reserve + WINDOW + WINDOW_READ + READ_PAD */
    int64_t from; /* first byte in use */
    int64_t to;
    bool is_last;
};

struct worker_text {
    char *data; /* owned */
    int64_t cap;
};

struct rounds {
    struct ingest *ing;
    struct input *in;
    const struct read_plan *plan;
    read_fn read;
    struct chunk *chunks;     /* (n_chunks) owned */
    int64_t n_chunks;         /* ROUND; fewer if a file has fewer pieces */
    struct worker_text *text; /* (workers) owned; files only */
    struct window *window;    /* the one being parsed; streams only */
    int64_t first;            /* piece number of chunks[0]; files only */
    int64_t piece, slack;
    int n_workers;
};

static akin_status text_room(struct rounds *r, struct worker_text *t, int64_t need, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_GROW(r->ing->ctx, t->data, t->cap, need + READ_PAD);
done:
    return status;
}

static void text_seal(char *text, int64_t n)
{
    memset(text + n, 0, READ_PAD);
    text[n] = '\n';
}

/* Line ends in quoted fields of a record that is too long: later lines keep their numbers. */
static int64_t inner_lines(const char *text, int64_t n)
{
    int64_t lines = 0;
    const char *p = text;
    while ((p = memchr(p, '\n', (size_t)(text + n - p))) != NULL) {
        lines++;
        p++;
    }
    return lines;
}

/* ---- files ---- */

/* Skips a line that is too long: offset of the byte behind its line end. */
static akin_status file_skip_line(struct rounds *r, struct worker_text *t, int64_t from,
                                  int64_t *next, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t got = 0;
    for (;; from += got) {
        AKIN_TRY(ctx_check(r->ing->ctx, err));
        AKIN_TRY(input_read_at(r->in, from, t->data, t->cap - READ_PAD, &got, err));
        if (got == 0)
            break;
        const char *p = memchr(t->data, '\n', (size_t)got);
        if (p) {
            *next = from + (p - t->data) + 1;
            return AKIN_OK;
        }
    }
    *next = from;
done:
    return status;
}

/* Parses the records of [from, c->hi), reading on as far as the last one goes. */
static akin_status file_parse(struct rounds *r, struct chunk *c, struct worker_text *t,
                              int64_t from, int64_t base, int64_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t size = input_size(r->in);
    int64_t max_line = r->plan->max_line;
    while (from < c->hi) {
        bool is_last = base + n >= size;
        int64_t at = from - base;
        if (at < n) {
            text_seal(t->data, n);
            AKIN_TRY(
                r->read(c, t->data, n, at, c->hi - base < n ? c->hi - base : n, is_last, &at, err));
            from = base + at;
            if (from >= c->hi || from >= size)
                break;
        }
        int64_t got = 0;
        if (n - at > max_line + 2) {
            struct record rec = {c->n_lines + 1, t->data + at, DEFECT_TEXT};
            chunk_defect(c, DEFECT_LINE_TOO_LONG, &rec);
            c->n_lines += 1 + inner_lines(t->data + at, n - at);
            c->n_records++;
            AKIN_TRY(file_skip_line(r, t, base + n, &from, err));
            base = from;
            n = 0;
        } else {
            AKIN_TRY(text_room(r, t,
                               n * 2 < at + max_line + r->slack ? n * 2 + r->slack
                                                                : at + max_line + r->slack,
                               err));
        }
        AKIN_TRY(input_read_at(r->in, base + n, t->data + n, t->cap - READ_PAD - n, &got, err));
        n += got;
        if (got == 0)
            break;
    }
    c->end = from;
done:
    return status;
}

static akin_status file_piece(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct rounds *r = arg;
    struct chunk *c = &r->chunks[block];
    struct worker_text *t = &r->text[worker];
    int64_t size = input_size(r->in);
    chunk_clear(c, r->plan);
    c->lo = (r->first + block) * r->piece;
    c->hi = c->lo + r->piece < size ? c->lo + r->piece : size;
    int64_t base = c->lo > 0 ? c->lo - 1 : 0; /* a line end right before counts */
    int64_t n = 0;
    AKIN_TRY(text_room(r, t, r->piece + r->slack + 1, err));
    AKIN_TRY(input_read_at(r->in, base, t->data, r->piece + r->slack, &n, err));
    c->hash = hash_bytes(t->data + (c->lo - base), (size_t)(c->hi - c->lo), 0);
    progress_add(r->ing->ctx, c->hi - c->lo);
    int64_t start = r->plan->body;
    if (c->hi <= start)
        goto done;
    if (c->lo > start) {
        const char *p = memchr(t->data, '\n', (size_t)(c->hi - base));
        start = p ? base + (p - t->data) + 1 : c->hi;
    }
    if (start >= c->hi)
        goto done;
    c->start = start;
    AKIN_TRY(file_parse(r, c, t, start, base, n, err));
done:
    return status;
}

/* Makes the pieces agree: each begins where the one before ended. */
static akin_status file_verify(struct rounds *r, int64_t n, int64_t *expect, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int64_t i = 0; i < n; i++) {
        struct chunk *c = &r->chunks[i];
        int64_t lo = c->lo, hi = c->hi;
        uint64_t hash = c->hash;
        if (*expect >= hi) { /* all of it belongs to a record that began before */
            chunk_clear(c, r->plan);
            c->lo = lo;
            c->hi = hi;
            c->hash = hash;
            continue;
        }
        if (c->start != *expect) {
            chunk_clear(c, r->plan);
            c->lo = lo;
            c->hi = hi;
            c->hash = hash;
            c->start = *expect;
            struct worker_text *t = &r->text[0];
            int64_t got = 0;
            AKIN_TRY(text_room(r, t, r->piece + r->slack + 1, err));
            AKIN_TRY(input_read_at(r->in, c->start, t->data, t->cap - READ_PAD, &got, err));
            AKIN_TRY(file_parse(r, c, t, c->start, c->start, got, err));
        }
        *expect = c->end;
    }
done:
    return status;
}

static akin_status file_rounds(struct rounds *r, uint64_t *hash, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = r->ing->ctx;
    int64_t size = input_size(r->in);
    int64_t n_pieces = par_blocks(size, r->piece);
    int64_t expect = r->plan->body;
    int64_t n_lines = r->plan->head_lines;
    uint64_t *sums = NULL;
    MEM_ZERO(ctx, sums, n_pieces + 1);
    MEM_ZERO(ctx, r->text, r->n_workers);
    for (r->first = 0; r->first < n_pieces; r->first += ROUND) {
        int64_t n = n_pieces - r->first < ROUND ? n_pieces - r->first : ROUND;
        AKIN_TRY(par_for(ctx, n, file_piece, r, err));
        AKIN_TRY(file_verify(r, n, &expect, err));
        for (int64_t i = 0; i < n; i++)
            sums[r->first + i] = r->chunks[i].hash;
        AKIN_TRY(ingest_commit(r->ing, r->chunks, n, r->plan, &n_lines, err));
    }
    sums[n_pieces] = (uint64_t)size;
    *hash = hash_bytes(sums, (size_t)(n_pieces + 1) * sizeof *sums, 0);
    r->ing->line_total += n_lines;
done:
    for (int w = 0; r->text && w < r->n_workers; w++)
        mem_free(ctx, r->text[w].data);
    mem_free(ctx, r->text);
    mem_free(ctx, sums);
    return status;
}

/* ---- streams ---- */

static akin_status window_piece(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    akin_status status = AKIN_OK;
    struct rounds *r = arg;
    struct chunk *c = &r->chunks[block];
    const struct window *w = r->window;
    chunk_clear(c, r->plan);
    c->lo = w->from + block * PIECE;
    c->hi = c->lo + PIECE < w->to ? c->lo + PIECE : w->to;
    int64_t start = c->lo;
    if (block > 0) {
        const char *p = memchr(w->data + c->lo - 1, '\n', (size_t)(c->hi - c->lo + 1));
        start = p ? p - w->data + 1 : c->hi;
    }
    if (start >= c->hi)
        goto done;
    c->start = start;
    AKIN_TRY(r->read(c, w->data, w->to, start, c->hi, w->is_last, &c->end, err));
done:
    return status;
}

/* *expect: where the next record begins, or begins and is cut off. */
static akin_status window_verify(struct rounds *r, int64_t n, int64_t *expect, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct window *w = r->window;
    bool is_cut = false;
    for (int64_t i = 0; i < n; i++) {
        struct chunk *c = &r->chunks[i];
        int64_t lo = c->lo, hi = c->hi;
        if (is_cut || *expect >= hi) {
            chunk_clear(c, r->plan);
            continue;
        }
        if (c->start != *expect) {
            chunk_clear(c, r->plan);
            c->lo = lo;
            c->hi = hi;
            c->start = *expect;
            AKIN_TRY(r->read(c, w->data, w->to, c->start, hi, w->is_last, &c->end, err));
        }
        is_cut = c->end < hi;
        *expect = c->end;
    }
done:
    return status;
}

/* The next bytes into w behind its reserve, at most size. */
static akin_status window_fill(struct rounds *r, struct window *w, int64_t reserve, int64_t size,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t got = 0;
    int64_t before = input_consumed(r->in);
    w->from = w->to = reserve;
    w->is_last = false;
    while (w->to < reserve + WINDOW) {
        int64_t want =
            size - (w->to - reserve) < WINDOW_READ ? size - (w->to - reserve) : WINDOW_READ;
        AKIN_TRY(ctx_check(r->ing->ctx, err));
        AKIN_TRY(input_read(r->in, w->data + w->to, want, &got, err));
        w->to += got;
        if (got < want) {
            w->is_last = true;
            break;
        }
    }
    progress_add(r->ing->ctx, input_consumed(r->in) - before);
done:
    return status;
}

/* Bytes of a record that goes on in the next window move in front of that. */
static void window_carry(struct rounds *r, const struct window *from, struct window *to, int64_t at,
                         bool *skipping, int64_t *n_lines)
{
    int64_t n = from->to - at;
    if (n <= 0)
        return;
    if (n > r->plan->max_line + 2) {
        struct record rec = {*n_lines + 1, from->data + at, DEFECT_TEXT};
        defects_add(&r->ing->defects, DEFECT_LINE_TOO_LONG, r->plan->source, rec.line, rec.text,
                    rec.size);
        ++r->ing->n_records;
        *n_lines += 1 + inner_lines(rec.text, n);
        *skipping = true;
        return;
    }
    to->from -= n;
    memcpy(to->data + to->from, from->data + at, (size_t)n);
}

/* Drops the rest of a line that is too long. */
static void window_skip(struct window *w, bool *skipping)
{
    if (!*skipping)
        return;
    const char *p = memchr(w->data + w->from, '\n', (size_t)(w->to - w->from));
    w->from = p ? p - w->data + 1 : w->to;
    *skipping = !p;
}

static akin_status stream_rounds(struct rounds *r, uint64_t *hash, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = r->ing->ctx;
    int64_t reserve = r->plan->max_line + 2;
    int64_t body = r->plan->body;
    int64_t n_lines = r->plan->head_lines;
    bool skipping = false;
    struct window win[2] = {{0}, {0}};
    int64_t head;
    (void)input_head(r->in, &head);
    int64_t size =
        head < INPUT_HEAD ? head + 1 : WINDOW + WINDOW_READ; /* small ones are all head */
    struct window *now = &win[0], *next = &win[1];
    for (int i = 0; i < 2; i++)
        MEM_NEW(ctx, win[i].data, reserve + size + READ_PAD);
    AKIN_TRY(window_fill(r, now, reserve, size, err));
    now->from += body < now->to - now->from ? body : now->to - now->from;
    for (;;) {
        window_skip(now, &skipping);
        text_seal(now->data, now->to);
        r->window = now;
        int64_t n = par_blocks(now->to - now->from, PIECE);
        if (n > ROUND)
            AKIN_FAIL(AKIN_E_LIMIT, "%s: max_line=%" PRId64 " is too large for a stream",
                      input_path(r->in), r->plan->max_line);
        bool is_last = now->is_last;
        AKIN_TRY(par_start(ctx, n, window_piece, r, err));
        akin_status filled = is_last ? AKIN_OK : window_fill(r, next, reserve, size, err);
        akin_error late = {0};
        akin_status parsed = par_wait(ctx, filled == AKIN_OK ? err : &late);
        AKIN_TRY(filled);
        AKIN_TRY(parsed);
        int64_t expect = now->from;
        AKIN_TRY(window_verify(r, n, &expect, err));
        AKIN_TRY(ingest_commit(r->ing, r->chunks, n, r->plan, &n_lines, err));
        if (is_last)
            break;
        window_carry(r, now, next, expect, &skipping, &n_lines);
        struct window *swap = now;
        now = next;
        next = swap;
    }
    AKIN_TRY(input_hash(r->in, hash, err));
    r->ing->line_total += n_lines;
done:
    for (int i = 0; i < 2; i++)
        mem_free(ctx, win[i].data);
    return status;
}

akin_status ingest_source(struct ingest *ing, struct input *in, const struct read_plan *plan,
                          uint64_t *hash, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = ing->ctx;
    struct rounds r = {.ing = ing, .in = in, .plan = plan};
    r.read = read_fn_of(plan->format);
    r.n_workers = par_workers(ctx);
    r.piece = plan->piece;
    r.slack = plan->piece < SLACK ? plan->piece : SLACK;
    ing->has_ext = ing->has_ext || plan->has_type || plan->format == FORMAT_SESSIONS;
    ing->n_extra = plan->n_cells - CELL_FIXED;
    int64_t pieces = input_is_random(in) ? par_blocks(input_size(in), r.piece) : ROUND;
    r.n_chunks = pieces < ROUND ? pieces : ROUND; /* small files shall not clear all of them */
    MEM_NEW(ctx, r.chunks, r.n_chunks);
    for (int64_t i = 0; i < r.n_chunks; i++)
        chunk_init(&r.chunks[i], ctx);
    if (input_is_random(in))
        AKIN_TRY(file_rounds(&r, hash, err));
    else
        AKIN_TRY(stream_rounds(&r, hash, err));
done:
    for (int64_t i = 0; r.chunks && i < r.n_chunks; i++)
        chunk_free(&r.chunks[i]);
    mem_free(ctx, r.chunks);
    return status;
}
