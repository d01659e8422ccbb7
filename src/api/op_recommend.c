/*
 * The operation `recommend`: lists for one user, a history, a file of users, or all; to a file, to
 * standard output, or to sinks. Users are ranked and written a block at a time, so that memory does
 * not grow with them; a list is text once for each format that somebody takes.
 */
#include "api/audience.h"
#include "api/outlets.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/par.h"
#include "data/context.h"

#include <inttypes.h>
#include <string.h>

enum { BLOCK = 4096, PART = 64 }; /* users ranked, then written, at a time; written by one task */

struct recommend_params {
    const char *model;
    const char *user;
    json_t *history;
    const char *users;
    int64_t all;
    int64_t k;
    const char *filter;
    int64_t explain;
    int64_t exclude_seen;
    int64_t format;
    const char *output;
    int64_t csv_safe;
    json_t *context;
};
static const akin_param recommend_rows[] = {
    OP_PARAM_MODEL_FILE(struct recommend_params),
    PARAM_TEXT(struct recommend_params, user, NULL, 0, "id of a user known to the model"),
    PARAM_LIST(struct recommend_params, history, NULL, 0,
               "item ids of an unknown user, oldest first: i1,i2,…"),
    PARAM_TEXT(struct recommend_params, users, NULL, 0,
               "file with a user id a line, or a csv whose first column is user_id"),
    PARAM_BOOL(struct recommend_params, all, "false", 0, "for every user of the model"),
    PARAM_INT(struct recommend_params, k, "10", 0, 100000, "items", 0, "length of a list"),
    PARAM_TEXT(struct recommend_params, filter, NULL, 0,
               "which items may come, e.g. 'category in [\"Comedy\"] and year >= 1990'"),
    PARAM_BOOL(struct recommend_params, explain, "false", 0, "say why for each item"),
    PARAM_BOOL(struct recommend_params, exclude_seen, "true", 0, "leave out items already seen"),
    PARAM_MAP(struct recommend_params, context, 0,
              "where and how they ask: columns of events by name, device=phone,hour=18"),
    LIST_PARAMS(struct recommend_params),
    PARAM_END,
};

struct listing {
    struct asker asker;
    struct recommend_params p;
    struct list_style style;
    struct outlets out;
    struct rank_options opt;
    uint64_t *allowed, *allowed_seen;             /* owned */
    struct query *queries;                        /* (BLOCK) owned */
    struct ranked *lists;                         /* (BLOCK, k) owned */
    int32_t *counts;                              /* (BLOCK) owned */
    struct buf parts[LIST_FORMATS][BLOCK / PART]; /* text of PART users each, in their order */
    int64_t n_block;                              /* users in the block at hand */
    const struct attributes *context;             /* of all of them, in the call's arena; or NULL */
    int64_t n_lists, n_rows;
};

/*
 * What the lists are made of: the model's bytes, everything that was asked, and this version. Not
 * where they go.
 */
static akin_status identity_of(struct op_call *call, const struct recommend_params *p,
                               struct buf *out, akin_error *err)
{
    static const char *const elsewhere[] = {"model", "output", "format", "csv_safe", "users"};
    akin_status status = AKIN_OK;
    uint64_t model, users = 0;
    json_t *keys = op_group_json(call, 0, err);
    if (!keys)
        AKIN_TRY(AKIN_E_MEMORY);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        json_object_del(keys, elsewhere[i]);
    AKIN_TRY(file_hash(call->ctx, p->model, &model, err));
    if (p->users)
        AKIN_TRY(file_hash(call->ctx, p->users, &users, err));
    buf_printf(out, "%s %016" PRIx64 " %016" PRIx64 " ", AKIN_VERSION, model, users);
    AKIN_TRY(json_write(keys, out, err));
    AKIN_TRY(buf_check(out, err));
done:
    json_decref(keys);
    return status;
}

static akin_status open_outlets(struct listing *l, struct op_call *call, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct outlet_params p;
    struct buf identity;
    buf_init(&identity, call->ctx);
    AKIN_TRY(op_parse(call, 1, &p, err));
    json_t *given = op_group_json(call, 1, err);
    if (!given)
        AKIN_TRY(AKIN_E_MEMORY);
    const char *key = json_object_iter_key(json_object_iter(given));
    if (!p.to && key)
        status = error_set(err, AKIN_E_ARG, __FILE__, __LINE__, "recommend: %s without to", key);
    json_decref(given);
    AKIN_TRY(status);
    if (p.to)
        AKIN_TRY(identity_of(call, &l->p, &identity, err));
    AKIN_TRY(outlets_open(call->ctx, &p, l->p.output, list_format_of(l->p.format, l->p.output),
                          identity.data, l->p.model, &l->out, err));
done:
    buf_free(&identity);
    return status;
}

/* What stands before the first list, in each format. */
static akin_status write_headers(struct listing *l, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int f = 0; f < LIST_FORMATS; f++) {
        struct buf *buf = &l->parts[f][0];
        list_header(&l->style, (enum list_format)f, buf);
        AKIN_TRY(buf_check(buf, err));
        AKIN_TRY(outlets_add(&l->out, (enum list_format)f, buf->data, buf->size, err));
        buf_clear(buf);
    }
done:
    return status;
}

static akin_status listing_open(struct listing *l, struct op_call *call, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = call->ctx;
    AKIN_TRY(asker_load(ctx, l->p.model, &l->asker, err));
    const struct model *m = l->asker.m;
    l->style = (struct list_style){&l->asker, l->p.explain != 0, l->p.csv_safe != 0};
    l->opt = (struct rank_options){.k = (int32_t)l->p.k, .include_seen = !l->p.exclude_seen};
    if (l->p.filter) {
        int64_t n_allowed;
        AKIN_TRY(filter_bitmaps(ctx, l->p.filter, &m->item_table, &m->items, m->item_count,
                                &l->allowed, &l->allowed_seen, &n_allowed, err));
        l->opt.allowed = l->allowed;
        l->opt.allowed_seen = l->allowed_seen;
        if (n_allowed == 0)
            log_write(ctx, AKIN_LOG_WARN, "filter: no item meets it");
    }
    if (l->p.context) {
        const struct features *spec = m->cls->context ? m->cls->context(m) : NULL;
        AKIN_TRY(context_check(l->p.context, &spec, 1, err));
        AKIN_TRY(context_read(l->p.context, &call->arena, &l->context, err));
    }
    MEM_NEW(ctx, l->queries, BLOCK);
    MEM_NEW(ctx, l->counts, BLOCK);
    MEM_NEW(ctx, l->lists, (int64_t)BLOCK * (l->p.k > 0 ? l->p.k : 1));
    AKIN_TRY(open_outlets(l, call, err));
    AKIN_TRY(write_headers(l, err));
done:
    return status;
}

static void listing_close(struct listing *l, akin_ctx *ctx)
{
    outlets_abort(&l->out);
    for (int f = 0; f < LIST_FORMATS; f++)
        for (int i = 0; i < BLOCK / PART; i++)
            buf_free(&l->parts[f][i]);
    mem_free(ctx, l->queries);
    mem_free(ctx, l->counts);
    mem_free(ctx, l->lists);
    mem_free(ctx, l->allowed);
    mem_free(ctx, l->allowed_seen);
    asker_close(&l->asker);
}

/* Text of PART users in every format that is wanted. */
static akin_status write_part(void *arg, int64_t part, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct listing *l = arg;
    int64_t hi = par_hi(part, PART, l->n_block);
    (void)worker;
    for (int f = 0; f < LIST_FORMATS; f++) {
        struct buf *buf = &l->parts[f][part];
        for (int64_t i = par_lo(part, PART); i < hi && l->out.wants[f]; i++)
            AKIN_TRY(list_text(&l->style, (enum list_format)f, &l->queries[i],
                               l->lists + i * l->p.k, l->counts[i], buf, err));
        AKIN_TRY(buf_check(buf, err));
    }
done:
    return status;
}

static akin_status listing_block(struct listing *l, int64_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = l->asker.ctx;
    int64_t n_parts = par_blocks(n, PART);
    l->n_block = n;
    for (int64_t i = 0; i < n; i++)
        l->queries[i].context = l->context;
    AKIN_TRY(rank_lists(l->asker.ranker, l->queries, n, &l->opt, l->lists, l->counts, err));
    AKIN_TRY(par_for(ctx, n_parts, write_part, l, err));
    for (int64_t part = 0; part < n_parts; part++) {
        for (int f = 0; f < LIST_FORMATS; f++) {
            struct buf *buf = &l->parts[f][part];
            AKIN_TRY(outlets_add(&l->out, (enum list_format)f, buf->data, buf->size, err));
            buf_clear(buf);
        }
    }
    for (int64_t i = 0; i < n; i++)
        l->n_rows += l->counts[i];
    l->n_lists += n;
done:
    return status;
}

static akin_status list_all(struct listing *l, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_users = l->asker.m->users.n;
    progress_begin(l->asker.ctx, "recommend", n_users);
    for (int64_t lo = 0; lo < n_users; lo += BLOCK) {
        int64_t n = n_users - lo < BLOCK ? n_users - lo : BLOCK;
        for (int64_t i = 0; i < n; i++)
            l->queries[i] = model_query_user(l->asker.m, (int32_t)(lo + i));
        AKIN_TRY(listing_block(l, n, err));
    }
done:
    progress_end(l->asker.ctx);
    return status;
}

/* In the order of the file. */
static akin_status list_file(struct listing *l, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *users = NULL;
    int64_t n_users = 0;
    AKIN_TRY(audience_read(&l->asker, l->p.users, &users, &n_users, err));
    for (int64_t lo = 0; lo < n_users; lo += BLOCK) {
        int64_t n = n_users - lo < BLOCK ? n_users - lo : BLOCK;
        for (int64_t i = 0; i < n; i++)
            l->queries[i] = model_query_user(l->asker.m, users[lo + i]);
        AKIN_TRY(listing_block(l, n, err));
    }
done:
    mem_free(l->asker.ctx, users);
    return status;
}

static akin_status list_history(struct listing *l, struct arena *arena, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t n = json_array_size(l->p.history);
    int32_t *items = arena_alloc(arena, (int64_t)n + 1, sizeof *items, err);
    if (!items)
        AKIN_TRY(AKIN_E_MEMORY);
    for (size_t i = 0; i < n; i++) {
        const char *id = json_string_value(json_array_get(l->p.history, i));
        AKIN_TRY(asker_item(&l->asker, id ? id : "", &items[i], err));
    }
    l->queries[0] = (struct query){
        .user = -1, .hist = {.n = (int32_t)n, .item = items}, .now = l->asker.m->now};
    AKIN_TRY(listing_block(l, 1, err));
done:
    return status;
}

static akin_status recommend_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct listing l = {0};
    json_t *sinks = NULL;
    for (int f = 0; f < LIST_FORMATS; f++)
        for (int i = 0; i < BLOCK / PART; i++)
            buf_init(&l.parts[f][i], call->ctx);
    AKIN_TRY(op_parse(call, 0, &l.p, err));
    int modes = (l.p.user != NULL) + (json_array_size(l.p.history) > 0) + (l.p.users != NULL) +
                (l.p.all != 0);
    if (modes != 1)
        AKIN_FAIL(AKIN_E_ARG, "recommend: give exactly one of --user, --history, --users, --all");
    AKIN_TRY(listing_open(&l, call, err));
    if (l.p.all) {
        AKIN_TRY(list_all(&l, err));
    } else if (l.p.users) {
        AKIN_TRY(list_file(&l, err));
    } else if (l.p.user) {
        int32_t u;
        AKIN_TRY(asker_user(&l.asker, l.p.user, &u, err));
        l.queries[0] = model_query_user(l.asker.m, u);
        AKIN_TRY(listing_block(&l, 1, err));
    } else {
        AKIN_TRY(list_history(&l, &call->arena, err));
    }
    AKIN_TRY(outlets_close(&l.out, &sinks, err));
    *result = json_pack("{s:s, s:I, s:I}", "model", l.asker.m->cls->name, "lists",
                        (json_int_t)l.n_lists, "rows", (json_int_t)l.n_rows);
    if (l.p.output)
        json_object_set_new(*result, "output", json_string(l.p.output));
    if (sinks)
        json_object_set_new(*result, "sinks", sinks);
done:
    listing_close(&l, call->ctx);
    return status;
}

const struct op op_recommend = {
    {"recommend",
     "top-k lists from a trained model, for one user, a history, a file of users, or all",
     "akin recommend model.akin --user 42 -k 10 --explain\n"
     "akin recommend model.akin --history 318,296 --filter 'year >= 1990'\n"
     "akin recommend model.akin --user 42 --context device=phone,hour=18\n"
     "akin recommend model.akin --all -k 20 -o lists.csv\n"
     "akin recommend model.akin --all --to file:lists.csv --to webhook:https://shop.example/lists",
     {{"Options", recommend_rows}, OP_GROUP_OUTLETS},
     2},
    recommend_run,
};
