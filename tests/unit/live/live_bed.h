/*
 * The bed of tests of the engine: models on the toy data in files, a store, an engine with one
 * slot, in a folder of its own; and how to ask and tell it. live_bed.c is included, not linked.
 */
#ifndef AKIN_TESTS_LIVE_BED_H
#define AKIN_TESTS_LIVE_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../contract/toy_data.h"
#include "core/json.h"
#include "live/live.h"
#include "models/model.h"

#include <pthread.h>
#include <stdatomic.h>

extern const uint64_t bed_seed;

enum { BED_MODELS = 2, BED_ASKERS = 3 };

struct bed_options {
    struct bed_model {
        const char *name; /* NULL = no more; the first is the default and asked for as b->path */
        const struct model_class *cls;
        json_t *params; /* of the model, NULL = defaults; taken over */
    } model[BED_MODELS];
    const char *experiments; /* `serve: experiments:` as JSON, NULL = none */
    bool has_data;           /* data.akin: what they were trained on */
    bool is_closed;          /* the engine is opened by the test */
};

struct bed {
    akin_ctx *ctx;
    struct live *l;
    struct live_slot *s;
    struct live_params p;
    struct arena arena;
    struct buf out;
    akin_error err;
    const char *names[BED_MODELS]; /* of models in NAME.akin, NULL = no more */
    char dir[64], db[96], path[96], exposures[96];
    char program[96]; /* of jobs, "" = none; for the next open_engine */
};

void ok(akin_status status, const struct bed *b, const char *what);
#define OK(call) ok((call), b, #call)

void bed_make_with(struct bed *b, const struct bed_options *options);
/* One model, "m". params: taken over. */
void bed_make(struct bed *b, const struct model_class *cls, json_t *params);
void bed_free(struct bed *b);
/* A restart is both. */
void close_engine(struct bed *b);
void open_engine(struct bed *b);
/* The path of a file in its folder; one of the last four is valid. */
const char *in(const struct bed *b, const char *name);

/* ---- Asking; what is returned is the caller's ---- */

json_t *answer(struct bed *b); /* b->out */
json_t *ask(struct bed *b, const struct live_query *q);
json_t *ask_user(struct bed *b, const char *user, int64_t k);
const char *nth(const json_t *answer, size_t i); /* an item's id */
size_t size_of(const json_t *answer);
bool holds(const json_t *answer, const char *item);

/* ---- Telling ---- */

struct wait {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
    akin_status status;
    char result[512];
    char message[208];
};
struct wait wait_new(void);
void on_done(void *arg, akin_status status, const char *result, const akin_error *err);
void wait_for(struct wait *w);
void tell_json(struct bed *b, json_t *event); /* taken over */
void tell(struct bed *b, const char *user, const char *item);
void tell_typed(struct bed *b, const char *user, const char *item, const char *type);
void tell_nth(struct bed *b, const char *user, int item);
void put_item(struct bed *b, const char *id, const char *json);
void delete_item(struct bed *b, const char *id);
void erase_user(struct bed *b, const char *id, struct wait *w); /* w->result: the receipt */

/* ---- Others who ask and search meanwhile ---- */

struct askers {
    struct asker {
        struct askers *all;
        int first; /* user */
        int64_t n;
        akin_status status;
    } one[BED_ASKERS];
    pthread_t thread[BED_ASKERS];
    struct live *l;
    atomic_bool stop;
};
void askers_start(struct askers *a, struct bed *b);
/* Each was answered, and none of the answers failed. */
void askers_stop(struct askers *a);

#endif
