/*
 * The journal: records gather in memory, a thread writes and syncs them about once a second, and
 * writes the whole file anew when most of it is superseded.
 *
 * A record is {size, sum of size and bytes, bytes}. Reading stops at the first that does not hold:
 * a torn tail costs the records in it. A failed write is tried again over the same place, so that
 * what follows is never behind a hole; after a record had no room or no disk the file is written
 * anew from what is in memory, at most every RETRY cycles while that fails. Deliberately not here:
 * any promise per record. What must not be lost belongs into the store.
 */
#include "live/journal.h"

#include "core/buf.h"
#include "core/file.h"
#include "core/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { VERSION = 1, RETRY = 30 };
static const char magic[8] = {'a', 'k', 'i', 'n', '.', 'x', 'p', 'j'};
static const int64_t read_limit = (int64_t)1 << 36;

struct head {
    char magic[8];
    uint32_t version, zero;
    uint64_t key;
    uint64_t sum; /* of the above */
};

struct frame {
    uint32_t size, sum;
};

static uint32_t frame_sum(uint64_t key, const void *record, uint32_t size)
{
    return (uint32_t)hash_bytes(record, size, key + size);
}

static uint64_t head_sum(const struct head *h)
{
    return hash_bytes(h, offsetof(struct head, sum), 0);
}

/* ---- Reading ---- */

static akin_status head_check(const char *path, const struct head *h, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (memcmp(h->magic, magic, sizeof magic) != 0)
        AKIN_FAIL(AKIN_E_FORMAT, "%.120s: not a journal of exposures: move it away", path);
    if (h->version > VERSION)
        AKIN_FAIL(AKIN_E_VERSION, "%.120s: journal of version %u (this akin reads up to %d)", path,
                  h->version, VERSION);
    if (h->sum != head_sum(h))
        AKIN_FAIL(AKIN_E_FORMAT, "%.120s: the journal's head is damaged: move it away", path);
done:
    return status;
}

akin_status journal_read(akin_ctx *ctx, const char *path, struct journal_image *out,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t size = 0, at = sizeof(struct head), cap = 0, sizes_cap = 0;
    struct head h;
    struct frame f;
    memset(out, 0, sizeof *out);
    if (!file_exists(path)) {
        if (getrandom(&out->key, sizeof out->key, 0) != (ssize_t)sizeof out->key)
            AKIN_FAIL(AKIN_E_IO, "no random numbers: %s", strerror(errno));
        goto done;
    }
    AKIN_TRY(file_read(ctx, path, read_limit, &out->bytes, &size, err));
    if (size < (int64_t)sizeof h)
        AKIN_FAIL(AKIN_E_FORMAT, "%.120s: %lld bytes are no journal: move it away", path,
                  (long long)size);
    memcpy(&h, out->bytes, sizeof h);
    AKIN_TRY(head_check(path, &h, err));
    out->key = h.key;
    for (; size - at >= (int64_t)sizeof f; at += (int64_t)sizeof f + f.size) {
        const unsigned char *record = (const unsigned char *)out->bytes + at + sizeof f;
        memcpy(&f, out->bytes + at, sizeof f);
        if (f.size > JOURNAL_RECORD_MAX || (int64_t)f.size > size - at - (int64_t)sizeof f ||
            f.sum != frame_sum(h.key, record, f.size))
            break;
        MEM_GROW(ctx, out->records, cap, out->n + 1);
        MEM_GROW(ctx, out->sizes, sizes_cap, out->n + 1);
        out->records[out->n] = record;
        out->sizes[out->n++] = (int32_t)f.size;
    }
    out->n_torn = size - at;
done:
    if (status != AKIN_OK)
        journal_image_free(ctx, out);
    return status;
}

void journal_image_free(akin_ctx *ctx, struct journal_image *image)
{
    mem_free(ctx, image->bytes);
    mem_free(ctx, (void *)image->records);
    mem_free(ctx, image->sizes);
    memset(image, 0, sizeof *image);
}

/* ---- Writing ---- */

struct journal {
    akin_ctx *ctx;
    char *path; /* owned */
    uint64_t key;
    journal_fill_fn fill;
    void *arg;
    int fd;                          /* the thread's */
    int64_t base;                    /* size after the last rewrite; the thread's */
    int n_waits;                     /* cycles until a rewrite is tried again; the thread's */
    _Atomic int64_t size, n_unsaved; /* size: of what is whole in the file */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, written;
    struct buf pending;      /* under lock */
    int64_t n_pending;       /* records in it */
    int64_t n_added, n_done; /* records, lost ones too; under lock */
    bool is_hurried, is_stopping, has_thread;
};

struct journal_writer {
    struct file_writer *to;
    uint64_t key;
};

akin_status journal_put(struct journal_writer *w, const void *record, int32_t size, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct frame f = {(uint32_t)size, frame_sum(w->key, record, (uint32_t)size)};
    AKIN_TRY(file_writer_add(w->to, &f, sizeof f, err));
    AKIN_TRY(file_writer_add(w->to, record, size, err));
done:
    return status;
}

static akin_status rewrite(struct journal *j, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct head h = {.version = VERSION, .key = j->key};
    struct journal_writer w = {.key = j->key};
    int64_t size, unsaved = j->n_unsaved; /* what fill sees holds these */
    memcpy(h.magic, magic, sizeof magic);
    h.sum = head_sum(&h);
    AKIN_TRY(file_writer_open(j->ctx, j->path, &w.to, err));
    AKIN_TRY(file_writer_add(w.to, &h, sizeof h, err));
    AKIN_TRY(j->fill(j->arg, &w, err));
    size = file_writer_offset(w.to);
    status = file_writer_commit(w.to, err);
    w.to = NULL;
    AKIN_TRY(status);
    int fd = open(j->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        AKIN_FAIL(AKIN_E_IO, "%.120s: %s", j->path, strerror(errno));
    if (j->fd >= 0)
        close(j->fd);
    j->fd = fd;
    j->base = j->size = size;
    j->n_unsaved -= unsaved;
done:
    file_writer_abort(w.to);
    return status;
}

/* All of it behind what is whole, and on disk; else nothing. */
static bool append(struct journal *j, const char *bytes, int64_t size)
{
    for (int64_t done = 0; done < size;) {
        ssize_t n = pwrite(j->fd, bytes + done, (size_t)(size - done), (off_t)(j->size + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += n;
    }
    if (fdatasync(j->fd) != 0)
        return false;
    j->size += size;
    return true;
}

/* Until there is something to write, and then for more of it. */
static void wait_for_work(struct journal *j)
{
    struct timespec until;
    while (j->n_pending == 0 && !j->is_stopping)
        pthread_cond_wait(&j->wake, &j->lock);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += JOURNAL_LINGER_MS / 1000;
    while (!j->is_hurried && !j->is_stopping)
        if (pthread_cond_timedwait(&j->wake, &j->lock, &until) == ETIMEDOUT)
            break;
    j->is_hurried = false;
}

/* When most of the file is superseded, or something is not in it. */
static void rewrite_if_due(struct journal *j)
{
    akin_error err;
    if (j->n_waits > 0) {
        j->n_waits--;
        return;
    }
    if (j->n_unsaved == 0 && j->size <= 2 * j->base + JOURNAL_SLACK)
        return;
    j->n_waits = rewrite(j, &err) == AKIN_OK ? 0 : RETRY;
}

static void *run(void *arg)
{
    struct journal *j = arg;
    struct buf mine;
    buf_init(&mine, j->ctx);
    pthread_mutex_lock(&j->lock);
    for (;;) {
        wait_for_work(j);
        int64_t n = j->n_pending;
        struct buf swap = j->pending;
        j->pending = mine;
        mine = swap;
        j->n_pending = 0;
        bool is_last = n == 0 && j->is_stopping;
        pthread_mutex_unlock(&j->lock);
        if (mine.size > 0 && !append(j, mine.data, mine.size))
            j->n_unsaved += n;
        buf_clear(&mine);
        rewrite_if_due(j);
        pthread_mutex_lock(&j->lock);
        j->n_done += n;
        pthread_cond_broadcast(&j->written);
        if (is_last)
            break;
    }
    pthread_mutex_unlock(&j->lock);
    buf_free(&mine);
    return NULL;
}

akin_status journal_open(akin_ctx *ctx, const char *path, uint64_t key, journal_fill_fn fill,
                         void *arg, struct journal **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct journal *j = NULL;
    pthread_condattr_t steady;
    MEM_ZERO(ctx, j, 1);
    *j = (struct journal){.ctx = ctx, .key = key, .fill = fill, .arg = arg, .fd = -1};
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&j->wake, &steady);
    pthread_cond_init(&j->written, NULL);
    pthread_condattr_destroy(&steady);
    buf_init(&j->pending, ctx);
    j->path = mem_strdup(ctx, path, err);
    if (!j->path)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(rewrite(j, err));
    int number = pthread_create(&j->thread, NULL, run, j);
    if (number != 0)
        AKIN_FAIL(AKIN_E_IO, "no thread for %.120s: %s", path, strerror(number));
    j->has_thread = true;
    *out = j;
    j = NULL;
done:
    journal_close(j);
    return status;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    if (j->has_thread) {
        pthread_mutex_lock(&j->lock);
        j->is_stopping = true;
        pthread_cond_signal(&j->wake);
        pthread_mutex_unlock(&j->lock);
        pthread_join(j->thread, NULL);
    }
    if (j->fd >= 0)
        close(j->fd);
    pthread_cond_destroy(&j->wake);
    pthread_cond_destroy(&j->written);
    pthread_mutex_destroy(&j->lock);
    buf_free(&j->pending);
    mem_free(j->ctx, j->path);
    mem_free(j->ctx, j);
}

void journal_add(struct journal *j, const void *record, int32_t size)
{
    struct frame f = {(uint32_t)size, frame_sum(j->key, record, (uint32_t)size)};
    pthread_mutex_lock(&j->lock);
    int64_t before = j->pending.size;
    bool has_room = before + size <= JOURNAL_PENDING_MAX;
    if (has_room) {
        buf_add(&j->pending, &f, sizeof f);
        buf_add(&j->pending, record, (size_t)size);
    }
    if (j->pending.failed) { /* what came before is whole */
        j->pending.failed = has_room = false;
        j->pending.size = before;
    }
    j->n_unsaved += !has_room;
    j->n_pending += has_room;
    j->n_added += has_room;
    bool is_much = j->pending.size > JOURNAL_PENDING_MAX / 8;
    j->is_hurried = j->is_hurried || is_much;
    if (j->n_pending == 1 || is_much)
        pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
}

void journal_flush(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    int64_t until = j->n_added;
    j->is_hurried = j->n_pending > 0;
    pthread_cond_signal(&j->wake);
    while (j->n_done < until)
        pthread_cond_wait(&j->written, &j->lock);
    pthread_mutex_unlock(&j->lock);
}

int64_t journal_unsaved(struct journal *j)
{
    return j->n_unsaved;
}

int64_t journal_bytes(struct journal *j)
{
    return j->size;
}
