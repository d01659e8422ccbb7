/*
 * Inputs. Plain files are read with pread, not mapped: a map's page faults cost more than the copy,
 * and a file cut while mapped would end the process. Compressed files and pipes are streams
 * (input_stream.c), recognised by their magic, not by their names. Cost: one copy of the bytes.
 */
#include "data/input_impl.h"

#include "core/par.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t hash_block = (int64_t)1 << 20; /* as ingest sums sources */

akin_status input_read(struct input *in, char *out, int64_t size, int64_t *got, akin_error *err)
{
    akin_status status = AKIN_OK;
    *got = 0;
    if (in->head_used < in->head_size) {
        int64_t n = in->head_size - in->head_used;
        n = n < size ? n : size;
        memcpy(out, in->head + in->head_used, (size_t)n);
        in->head_used += n;
        *got = n;
        if (n == size)
            return AKIN_OK;
    }
    if (in->head_size < INPUT_HEAD)
        return AKIN_OK; /* the head was all of it */
    int64_t more = 0;
    AKIN_TRY(stream_read(in, out + *got, size - *got, &more, err));
    *got += more;
done:
    return status;
}

akin_status input_read_at(struct input *in, int64_t offset, char *out, int64_t size, int64_t *got,
                          akin_error *err)
{
    *got = 0;
    if (offset >= in->size)
        return AKIN_OK;
    if (size > in->size - offset)
        size = in->size - offset;
    if (in->kind == INPUT_MEMORY) {
        memcpy(out, in->bytes + offset, (size_t)size);
        *got = size;
        return AKIN_OK;
    }
    while (*got < size) {
        ssize_t n = pread(in->fd, out + *got, (size_t)(size - *got), (off_t)(offset + *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, AKIN_E_IO, __FILE__, __LINE__, "%s: cannot read: %s", in->path,
                             strerror(errno));
        if (n == 0)
            return error_set(err, AKIN_E_IO, __FILE__, __LINE__,
                             "%s: became shorter while it was read", in->path);
        *got += n;
    }
    return AKIN_OK;
}

static akin_status input_names(struct input *in, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    in->path = mem_strdup(in->ctx, strcmp(path, "-") == 0 ? "stdin" : path, err);
    if (!in->path)
        return AKIN_E_MEMORY;
    const char *slash = strrchr(in->path, '/');
    in->name = mem_strdup(in->ctx, slash ? slash + 1 : in->path, err);
    if (!in->name)
        return AKIN_E_MEMORY;
    size_t n = strlen(in->name);
    if (n > 3 && strcmp(in->name + n - 3, ".gz") == 0)
        in->name[n - 3] = '\0';
    else if (n > 4 && strcmp(in->name + n - 4, ".zst") == 0)
        in->name[n - 4] = '\0';
    return status;
}

static akin_status input_start(struct input *in, akin_error *err)
{
    akin_status status = AKIN_OK;
    char first[4] = {0};
    int64_t n = 0;
    struct stat st;
    if (fstat(in->fd, &st) != 0)
        AKIN_FAIL(AKIN_E_IO, "%s: %s", in->path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        AKIN_FAIL(AKIN_E_INPUT, "%s is a directory (name the files in it)", in->path);
    bool is_regular = S_ISREG(st.st_mode);
    in->size = is_regular ? (int64_t)st.st_size : -1;
    MEM_NEW(in->ctx, in->head, INPUT_HEAD);
    AKIN_TRY(input_raw(in, first, 4, &n, err));
    in->consumed = 0;
    if (n == 4 && memcmp(first, "PAR1", 4) == 0)
        AKIN_FAIL(AKIN_E_UNSUPPORTED,
                  "%s: Parquet is not read by this version (convert it to CSV, e.g. "
                  "duckdb -c \"COPY 'f.parquet' TO 'f.csv'\")",
                  in->path);
    if (n >= 2 && (unsigned char)first[0] == 0x1f && (unsigned char)first[1] == 0x8b)
        in->kind = INPUT_GZIP;
    else if (n == 4 && memcmp(first, "\x28\xb5\x2f\xfd", 4) == 0)
        in->kind = INPUT_ZSTD;
    else
        in->kind = is_regular ? INPUT_FILE : INPUT_PIPE;
    if (in->kind == INPUT_FILE) {
        int64_t want = in->size < INPUT_HEAD ? in->size : INPUT_HEAD;
        AKIN_TRY(input_read_at(in, 0, in->head, want, &in->head_size, err));
        goto done;
    }
    AKIN_TRY(stream_begin(in, first, n, err));
    int64_t more = 0;
    if (n > 0)
        AKIN_TRY(stream_read(in, in->head + in->head_size, INPUT_HEAD - in->head_size, &more, err));
    in->head_size += more;
done:
    return status;
}

/* An input that is no file yet; `path` names it in messages. */
static akin_status input_new(akin_ctx *ctx, const char *path, enum input_kind kind, int64_t size,
                             struct input **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct input *in;
    MEM_ZERO(ctx, in, 1);
    in->ctx = ctx;
    in->fd = -1;
    in->kind = kind;
    in->size = size;
    *out = in; /* the caller's, also if what follows fails */
    AKIN_TRY(input_names(in, path, err));
done:
    return status;
}

akin_status input_open(akin_ctx *ctx, const char *path, struct input **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct input *in = NULL;
    AKIN_TRY(input_new(ctx, path, INPUT_FILE, -1, &in, err));
    in->fd = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
    if (in->fd < 0)
        AKIN_FAIL(errno == ENOENT ? AKIN_E_NOT_FOUND : AKIN_E_IO, "%s: cannot open: %s", path,
                  strerror(errno));
    AKIN_TRY(input_start(in, err));
    *out = in;
    in = NULL;
done:
    input_close(in);
    return status;
}

akin_status input_open_memory(akin_ctx *ctx, const char *name, const void *bytes, int64_t size,
                              struct input **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct input *in = NULL;
    AKIN_TRY(input_new(ctx, name, INPUT_MEMORY, size, &in, err));
    in->bytes = bytes;
    in->head_size = size < INPUT_HEAD ? size : INPUT_HEAD;
    MEM_NEW(ctx, in->head, in->head_size + 1);
    if (in->head_size > 0)
        memcpy(in->head, bytes, (size_t)in->head_size);
    *out = in;
    in = NULL;
done:
    input_close(in);
    return status;
}

akin_status input_open_made(akin_ctx *ctx, const char *name, input_make_fn fn, void *arg,
                            struct input **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct input *in = NULL;
    AKIN_TRY(input_new(ctx, name, INPUT_MADE, -1, &in, err));
    in->make = fn;
    in->make_arg = arg;
    in->hash = hash_begin();
    if (!in->hash)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: no memory for the fingerprint", name);
    MEM_NEW(ctx, in->head, INPUT_HEAD);
    AKIN_TRY(stream_read(in, in->head, INPUT_HEAD, &in->head_size, err));
    *out = in;
    in = NULL;
done:
    input_close(in);
    return status;
}

void input_close(struct input *in)
{
    if (!in)
        return;
    if (in->fd >= 0)
        close(in->fd);
    stream_end(in);
    akin_ctx *ctx = in->ctx;
    mem_free(ctx, in->head);
    mem_free(ctx, in->name);
    mem_free(ctx, in->path);
    mem_free(ctx, in);
}

const char *input_name(const struct input *in)
{
    return in->name;
}

const char *input_path(const struct input *in)
{
    return in->path;
}

bool input_is_random(const struct input *in)
{
    return in->kind == INPUT_FILE || in->kind == INPUT_MEMORY;
}

int64_t input_size(const struct input *in)
{
    return in->size;
}

int64_t input_consumed(const struct input *in)
{
    return atomic_load_explicit(&in->consumed, memory_order_relaxed);
}

double input_expanded(const struct input *in)
{
    if (input_is_random(in))
        return (double)in->size;
    int64_t packed = input_consumed(in) - (in->raw_size - in->raw_at);
    if (in->head_size < INPUT_HEAD || in->size < 0 || packed <= 0)
        return (double)in->head_size;
    double guess = (double)in->size * (double)in->head_size / (double)packed;
    double says = stream_says(in);
    /* Several members or a trailer of another file: what was seen so far must be plausible. */
    return says >= (double)INPUT_HEAD && says > guess / 4 && says < guess * 8 ? says : guess;
}

const char *input_head(const struct input *in, int64_t *size)
{
    *size = in->head_size;
    return in->head;
}

struct hash_job {
    struct input *in;
    char **buf;    /* per worker */
    uint64_t *sum; /* per block */
};

static akin_status hash_block_run(void *arg, int64_t block, int worker, akin_error *err)
{
    struct hash_job *job = arg;
    int64_t got = 0;
    akin_status status =
        input_read_at(job->in, block * hash_block, job->buf[worker], hash_block, &got, err);
    if (status == AKIN_OK)
        job->sum[block] = hash_bytes(job->buf[worker], (size_t)got, 0);
    return status;
}

akin_status input_hash(struct input *in, uint64_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct hash_job job = {in, NULL, NULL};
    int n_workers = par_workers(in->ctx);
    if (!input_is_random(in)) {
        if (!in->hash_done) {
            in->hash_value = hash_end(in->hash);
            in->hash = NULL;
            in->hash_done = true;
        }
        *out = in->hash_value;
        return AKIN_OK;
    }
    int64_t n = par_blocks(in->size, hash_block);
    MEM_ZERO(in->ctx, job.buf, n_workers);
    MEM_ZERO(in->ctx, job.sum, n + 1);
    for (int w = 0; w < n_workers; w++)
        MEM_NEW(in->ctx, job.buf[w], in->size < hash_block ? in->size : hash_block);
    AKIN_TRY(par_for(in->ctx, n, hash_block_run, &job, err));
    job.sum[n] = (uint64_t)in->size;
    *out = hash_bytes(job.sum, (size_t)(n + 1) * sizeof *job.sum, 0);
done:
    for (int w = 0; job.buf && w < n_workers; w++)
        mem_free(in->ctx, job.buf[w]);
    mem_free(in->ctx, job.buf);
    mem_free(in->ctx, job.sum);
    return status;
}
