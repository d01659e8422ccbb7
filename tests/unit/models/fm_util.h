/* What tests of fm and ffm share: a model of toy events with a column of devices; planted tastes.
 */
#ifndef AKIN_TESTS_FM_UTIL_H
#define AKIN_TESTS_FM_UTIL_H

#include "../../contract/toy_data.c"
#include "../../contract/toy_data.h"

#include "data/context.h"
#include "models/fm_fit.h"
#include "rank/rank.h"

enum { DEVICES = 3 };

struct bed {
    akin_ctx *ctx;
    struct dataset *ds;
    struct feedback *feedback;
    struct train_view tv;
    struct model *m;
    struct ranker *ranker;
    struct arena arena;
    akin_error err;
};

static int32_t number_of(const struct ids *ids, int32_t at)
{
    int32_t size;
    const char *id = ids_get(ids, at, &size); /* no byte ends it */
    int32_t out = 0;
    for (int32_t i = 1; i < size; i++)
        out = 10 * out + id[i] - '0';
    return out;
}

static int device_of_event(int32_t user, int32_t item)
{
    return (user + 2 * item) % DEVICES;
}

/* A column of events, by toy numbers. */
static void add_devices(struct bed *b, int (*device)(int32_t user, int32_t item))
{
    static const char *const names[] = {"device"};
    static const enum col_type types[] = {COL_CATEGORY};
    struct table_builder *t;
    int64_t n_bad = 0;
    assert_int_equal(table_builder_create(b->ctx, 1, names, types, &t, &b->err), AKIN_OK);
    for (int32_t u = 0; u < b->ds->users.n; u++)
        for (int64_t e = b->ds->user_ptr[u]; e < b->ds->user_ptr[u + 1]; e++) {
            char cell[16];
            int size = snprintf(
                cell, sizeof cell, "d%d",
                device(number_of(&b->ds->users, u), number_of(&b->ds->items, b->ds->item[e])));
            assert_int_equal(
                table_builder_row(t, (const char *[]){cell}, (int32_t[]){size}, &n_bad, &b->err),
                AKIN_OK);
        }
    assert_int_equal(table_builder_finish(t, NULL, 0, &b->ds->event_table, &b->err), AKIN_OK);
}

static akin_status bed_try(struct bed *b, const char *model, uint64_t seed,
                           const struct toy_event *events, int64_t n,
                           int (*device)(int32_t, int32_t), const char *positive,
                           const char *params)
{
    const struct feedback_params rule = {.positive = positive};
    memset(b, 0, sizeof *b);
    assert_int_equal(ctx_create(2, seed, 0, &b->ctx, &b->err), AKIN_OK);
    assert_int_equal(kern_select(b->ctx, NULL, &b->err), AKIN_OK);
    arena_init(&b->arena, b->ctx);
    assert_int_equal(toy_dataset(b->ctx, events, n, &b->ds, &b->err), AKIN_OK);
    if (device)
        add_devices(b, device);
    assert_int_equal(
        feedback_create(b->ctx, &rule, &b->ds->types, dataset_newest(b->ds), &b->feedback, &b->err),
        AKIN_OK);
    assert_int_equal(train_view_build(b->ctx, b->ds, b->feedback, NULL, &b->tv, &b->err), AKIN_OK);
    json_t *json = json_loads(params, 0, NULL);
    assert_non_null(json);
    assert_int_equal(model_create(b->ctx, model_class_find(model), json, &b->m, &b->err), AKIN_OK);
    json_decref(json);
    return model_fit(b->m, &b->tv, NULL, &b->err);
}

static void bed_make(struct bed *b, const char *model, uint64_t seed,
                     const struct toy_event *events, int64_t n, int (*device)(int32_t, int32_t),
                     const char *positive, const char *params)
{
    if (bed_try(b, model, seed, events, n, device, positive, params) != AKIN_OK)
        fail_msg("%s", b->err.message);
    struct scorer scorer = model_scorer(b->m);
    assert_int_equal(ranker_create(b->ctx, &scorer, &b->ranker, &b->err), AKIN_OK);
}

static void bed_free(struct bed *b)
{
    ranker_free(b->ranker);
    model_free(b->m);
    train_view_free(&b->tv);
    feedback_free(b->feedback);
    dataset_free(b->ds);
    arena_free(&b->arena);
    assert_int_equal(mem_used(b->ctx->mem), 0);
    ctx_free(b->ctx);
}

static const struct attributes *on_device(struct bed *b, const char *device)
{
    const struct attributes *a;
    json_t *object = json_pack("{s:s}", "device", device);
    assert_int_equal(arena_own(&b->arena, (void (*)(void *))json_decref, object, &b->err), AKIN_OK);
    assert_int_equal(context_read(object, &b->arena, &a, &b->err), AKIN_OK);
    return a;
}

/* Of a toy user for a toy item. */
static double score(struct bed *b, int32_t user, int32_t item, int device)
{
    char name[16];
    float out;
    int32_t at = toy_item(b->ds, item);
    struct query q = model_query_user(b->m, toy_user(b->ds, user));
    snprintf(name, sizeof name, "d%d", device);
    if (device >= 0)
        q.context = on_device(b, name);
    assert_int_equal(rank_score(b->ranker, &q, &at, 1, &out, &b->err), AKIN_OK);
    return (double)out;
}

/* ---- What is planted is found ---- */

enum { PEOPLE = 40, THINGS = 30 };

/* Nothing that user and item could stand for. */
static int flips(int32_t user, int32_t item)
{
    return (int)(rng_u64(5, RNG_TEST, (uint64_t)user, (uint64_t)item) & 1);
}

/* Groups like other genres, and so do devices. */
static double truth(int32_t user, int32_t item, int device)
{
    int genre = item % TOY_CLUSTERS, group = user % TOY_CLUSTERS;
    return 3 + (group % 2 == genre % 2 ? .7 : -.7) + (device == genre / 2 ? 1 : -1) +
           .2 * (item % 3);
}

static inline int64_t planted(struct toy_event *out)
{
    int64_t n = 0;
    struct rng rng = rng_make(11, RNG_TEST, 0);
    for (int32_t u = 0; u < PEOPLE; u++)
        for (int32_t i = u % 3; i < THINGS; i += 1 + (int32_t)rng_below(&rng, 2))
            out[n++] = (struct toy_event){
                u, i, (float)(truth(u, i, flips(u, i)) + .2 * (rng_double(&rng) - .5)), 1000 + n};
    return n;
}

/* Over pairs that nobody rated, on both devices. */
static inline double error_of(struct bed *b, const struct toy_event *events, int64_t n,
                              bool with_context)
{
    double squares = 0;
    int64_t count = 0;
    for (int32_t u = 0; u < PEOPLE; u++)
        for (int32_t i = 0; i < THINGS; i++) {
            bool is_known = false;
            for (int64_t e = 0; e < n; e++)
                is_known = is_known || (events[e].user == u && events[e].item == i);
            for (int d = 0; d < 2 && !is_known; d++) {
                double off = score(b, u, i, with_context ? d : -1) - truth(u, i, d);
                squares += off * off;
                count++;
            }
        }
    arena_reset(&b->arena);
    return sqrt(squares / (double)count);
}

#endif
