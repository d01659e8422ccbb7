/* A folder with a store, and maybe a dataset, as sources of prepare. */
#ifndef TESTS_SOURCE_FIXTURE_H
#define TESTS_SOURCE_FIXTURE_H

#include "prepare_fixture.h"

#include "core/ctx.h"
#include "store/store.h"

#include <dirent.h>
#include <math.h>
#include <unistd.h>

struct fixture {
    akin_ctx *ctx;
    char dir[64], url[96], base[96];
};

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->dir, sizeof f->dir, "/tmp/akin-own-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->url, sizeof f->url, "sqlite:%s/s.db", f->dir);
    snprintf(f->base, sizeof f->base, "%s/base.akin", f->dir);
    assert_int_equal(ctx_create(2, 1, 0, &f->ctx, NULL), AKIN_OK);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    DIR *d = opendir(f->dir);
    char path[384];
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", f->dir, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    closedir(d);
    int failed = rmdir(f->dir) != 0 || mem_used(f->ctx->mem) != 0;
    ctx_free(f->ctx);
    free(f);
    return failed;
}

/* ---- writing ---- */

static inline void write_one(struct fixture *f, struct store_write *w)
{
    struct store *s = NULL;
    akin_error err;
    if (store_open(f->ctx, f->url, NULL, &s, &err) != AKIN_OK ||
        store_write_wait(s, w, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    store_close(s);
}

/* "user item type value time"; value - = none, type - = none; a row each line. */
static inline void put_rows(struct fixture *f, const char *rows)
{
    static struct store_event events[512];
    static char text[512][3][24], event_id[512][64];
    int64_t n = 0;
    long long time;
    char value[24];
    for (int used = 0; n < 512 && sscanf(rows, "%23s %23s %23s %23s %lld\n%n", text[n][0],
                                         text[n][1], text[n][2], value, &time, &used) == 5;
         rows += used, n++) {
        snprintf(event_id[n], sizeof event_id[n], "e%lld-%s-%s", time % 100000, text[n][0],
                 text[n][1]);
        events[n] = (struct store_event){
            .event_id = event_id[n],
            .user_id = text[n][0],
            .item_id = text[n][1],
            .event_type = text[n][2][0] == '-' ? "" : text[n][2],
            .value = strcmp(value, "-") == 0 ? (double)NAN : strtod(value, NULL),
            .time = time,
            .context = time % 2 ? "{\"device\":\"phone\",\"n\":{\"x\":1}}" : NULL,
        };
    }
    struct store_write w = {.op = STORE_PUT_EVENTS, .events = events, .n = n};
    write_one(f, &w);
    assert_int_equal(w.n_new, n);
}

static inline void put_word(struct fixture *f, enum store_kind kind, const char *id,
                            const char *json)
{
    const struct store_entity e = {.kind = kind, .id = id, .attributes = json};
    struct store_write w = {.op = STORE_PUT_ENTITY, .entity = &e};
    write_one(f, &w);
}

static inline int64_t erase(struct fixture *f, const char *id)
{
    struct store_write w = {.op = STORE_ERASE_USER, .id = id};
    write_one(f, &w);
    return w.first_seq;
}

/* ---- preparing ---- */

static inline struct prepared prepare_of(struct fixture *f, const char *a, const char *b,
                                         const char *more)
{
    char params[512];
    snprintf(params, sizeof params, "{\"source\":[\"%s\"%s%s%s]%s}", a, b ? ",\"" : "", b ? b : "",
             b ? "\"" : "", more);
    struct prepared r = prepare_text(f->ctx, NULL, NULL, 0, params);
    if (r.status != AKIN_OK)
        printf("%s\n", r.err.message);
    return r;
}

static inline void save_base(struct fixture *f, struct prepared *r)
{
    assert_int_equal(dataset_save(r->ds, f->base, NULL), AKIN_OK);
    prepared_free(r);
}

#endif
