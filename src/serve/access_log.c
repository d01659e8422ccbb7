/*
 * Two buffers: requests fill one while the thread writes the other, so that a slow disk loses lines
 * but never delays an answer. A line waits a second at most.
 */
#include "serve/access_log.h"

#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { LOG_ROOM = 1 << 20, LOG_KEY = 32 };

struct access_log {
    akin_ctx *ctx;
    char *path; /* owned */
    _Atomic int64_t *dropped;
    unsigned char key[LOG_KEY];
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    struct buf fill;  /* under the lock */
    struct buf drain; /* the thread's */
    int fd;           /* under the lock; -1 = none */
    bool quit;
};

static int open_log(const char *path)
{
    if (strcmp(path, "-") == 0)
        return dup(STDERR_FILENO);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

static void write_all(int fd, const char *data, int64_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, (size_t)size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* a full disk is no reason to stop answering */
        data += n;
        size -= n;
    }
}

static void *log_main(void *arg)
{
    struct access_log *log = arg;
    pthread_mutex_lock(&log->lock);
    for (;;) {
        if (log->fill.size == 0 && !log->quit)
            pthread_cond_wait(&log->wake, &log->lock);
        if (log->fill.size > 0) {
            struct buf full = log->fill;
            log->fill = log->drain;
            log->drain = full;
            int fd = log->fd;
            pthread_mutex_unlock(&log->lock);
            write_all(fd, full.data, full.size);
            buf_clear(&log->drain);
            pthread_mutex_lock(&log->lock);
        } else if (log->quit) {
            break;
        }
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

static akin_status log_init(struct access_log *log, const char *path, const char *key,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    buf_init(&log->fill, log->ctx);
    buf_init(&log->drain, log->ctx);
    log->path = mem_strdup(log->ctx, path, err);
    if (!log->path)
        return AKIN_E_MEMORY;
    int bad = key ? gnutls_hash_fast(GNUTLS_DIG_SHA256, key, strlen(key), log->key)
                  : gnutls_rnd(GNUTLS_RND_KEY, log->key, LOG_KEY);
    if (bad)
        AKIN_FAIL(AKIN_E_IO, "access_log: no key for its hashes");
    log->fd = open_log(path);
    if (log->fd < 0)
        AKIN_FAIL(AKIN_E_IO, "access_log: %.120s: %s", path, strerror(errno));
done:
    return status;
}

akin_status access_log_open(akin_ctx *ctx, const char *path, const char *key,
                            _Atomic int64_t *dropped, struct access_log **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct access_log *log = NULL;
    MEM_ZERO(ctx, log, 1);
    log->ctx = ctx;
    log->fd = -1;
    log->dropped = dropped;
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->wake, NULL);
    AKIN_TRY(log_init(log, path, key, err));
    if (pthread_create(&log->thread, NULL, log_main, log) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "access_log: no thread");
    *out = log;
    log = NULL;
done:
    if (log) {
        if (log->fd >= 0)
            close(log->fd);
        mem_free(ctx, log->path);
        mem_free(ctx, log);
    }
    return status;
}

akin_status access_log_reopen(struct access_log *log, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!log)
        return AKIN_OK;
    int fd = open_log(log->path);
    if (fd < 0)
        AKIN_FAIL(AKIN_E_IO, "access_log: %.120s: %s", log->path, strerror(errno));
    /* The thread may be writing to the old file: the number stays, what is behind it changes. */
    if (dup2(fd, log->fd) < 0)
        status = error_set(err, AKIN_E_IO, __FILE__, __LINE__, "access_log: %s", strerror(errno));
    close(fd);
done:
    return status;
}

void access_log_close(struct access_log *log)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    log->quit = true;
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->thread, NULL);
    close(log->fd);
    pthread_cond_destroy(&log->wake);
    pthread_mutex_destroy(&log->lock);
    buf_free(&log->fill);
    buf_free(&log->drain);
    mem_free(log->ctx, log->path);
    mem_free(log->ctx, log);
}

void access_log_hash(const struct access_log *log, const char *text, char out[17])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[32] = {0};
    gnutls_hmac_fast(GNUTLS_MAC_SHA256, log->key, LOG_KEY, text, strlen(text), sum);
    for (int i = 0; i < 8; i++) {
        out[2 * i] = digits[sum[i] >> 4];
        out[2 * i + 1] = digits[sum[i] & 15];
    }
    out[16] = '\0';
}

static void add_hashed(const struct access_log *log, struct jw *jw, const char *key,
                       const char *text)
{
    char hash[17];
    if (!text || !text[0])
        return;
    access_log_hash(log, text, hash);
    jw_key(jw, key);
    jw_string(jw, hash);
}

static void write_line(const struct access_log *log, const struct access_line *line,
                       struct buf *out)
{
    struct jw jw;
    char time[32];
    text_from_unix(line->time_unix, time, sizeof time);
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "time");
    jw_string(&jw, time);
    jw_key(&jw, "id");
    jw_string(&jw, line->id);
    jw_key(&jw, "method");
    jw_string(&jw, line->method);
    jw_key(&jw, "route");
    jw_string(&jw, line->route);
    jw_key(&jw, "status");
    jw_int(&jw, line->status);
    jw_key(&jw, "ms");
    jw_double(&jw, (double)(line->ns / 1000) / 1000);
    jw_key(&jw, "bytes");
    jw_int(&jw, line->bytes);
    if (line->key && line->key[0]) {
        jw_key(&jw, "key");
        jw_string(&jw, line->key);
    }
    add_hashed(log, &jw, "entity", line->entity);
    add_hashed(log, &jw, "address", line->address);
    jw_close(&jw, '}');
    buf_char(out, '\n');
}

void access_log_add(struct access_log *log, const struct access_line *line)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    int64_t before = log->fill.size;
    if (before < LOG_ROOM)
        write_line(log, line, &log->fill);
    if (before >= LOG_ROOM || log->fill.failed) {
        log->fill.failed = false;
        log->fill.size = before;
        atomic_fetch_add_explicit(log->dropped, 1, memory_order_relaxed);
    }
    if (before == 0)
        pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->lock);
}
