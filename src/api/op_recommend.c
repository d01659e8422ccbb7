/*
 * Operations that answer with a trained model: recommend, predict. Results stream to a file or
 * the sink; the JSON result is a summary.
 */
#include "api/asker.h"
#include "core/par.h"

#include <string.h>

enum { BLOCK = 4096, PART = 64 }; /* users ranked, then written, at a time; written by one task */
enum list_format { LIST_TABLE, LIST_JSONL, LIST_CSV };

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
};
#define FORMAT_CHOICES "auto|table|jsonl|csv"
static const akin_param recommend_rows[] = {
    PARAM_TEXT(struct recommend_params, model, NULL, AKIN_PARAM_REQUIRED | AKIN_PARAM_POSITIONAL,
               "trained model file"),
    PARAM_TEXT(struct recommend_params, user, NULL, 0, "id of a user known to the model"),
    PARAM_LIST(struct recommend_params, history, NULL, 0,
               "item ids of an unknown user, oldest first: i1,i2,…"),
    PARAM_TEXT(struct recommend_params, users, NULL, 0, "file with a user id a line"),
    PARAM_BOOL(struct recommend_params, all, "false", 0, "for every user of the model"),
    PARAM_INT(struct recommend_params, k, "10", 0, 100000, "items", 0, "length of a list"),
    PARAM_TEXT(struct recommend_params, filter, NULL, 0,
               "which items may come, e.g. 'category in [\"Comedy\"] and year >= 1990'"),
    PARAM_BOOL(struct recommend_params, explain, "false", 0, "say why for each item"),
    PARAM_BOOL(struct recommend_params, exclude_seen, "true", 0, "leave out items already seen"),
    PARAM_CHOICE(struct recommend_params, format, "auto", FORMAT_CHOICES, 0,
                 "of the lists; auto: by the output's extension, else a table"),
    PARAM_TEXT(struct recommend_params, output, NULL, 0, "file to write; short: -o"),
    PARAM_END,
};

struct listing {
    struct asker asker;
    struct recommend_params p;
    struct op_output out;
    enum list_format format;
    struct rank_options opt;
    uint64_t *allowed, *allowed_seen; /* owned */
    struct query *queries;            /* (BLOCK) owned */
    struct ranked *lists;             /* (BLOCK, k) owned */
    int32_t *counts;                  /* (BLOCK) owned */
    struct buf parts[BLOCK / PART];   /* text of PART users each, in their order */
    int64_t n_block;                  /* users in the block at hand */
    int64_t n_lists, n_rows;
};

static enum list_format choose_format(int64_t choice, const char *output)
{
    if (choice > 0)
        return (enum list_format)(choice - 1);
    const char *dot = output ? strrchr(output, '.') : NULL;
    if (dot && strcmp(dot, ".csv") == 0)
        return LIST_CSV;
    if (dot && (strcmp(dot, ".jsonl") == 0 || strcmp(dot, ".json") == 0))
        return LIST_JSONL;
    return LIST_TABLE;
}

static akin_status listing_open(struct listing *l, struct op_call *call, struct model *m,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = call->ctx;
    for (int i = 0; i < BLOCK / PART; i++)
        buf_init(&l->parts[i], ctx);
    AKIN_TRY(asker_open(ctx, m, &l->asker, err));
    l->format = choose_format(l->p.format, l->p.output);
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
    MEM_NEW(ctx, l->queries, BLOCK);
    MEM_NEW(ctx, l->counts, BLOCK);
    MEM_NEW(ctx, l->lists, (int64_t)BLOCK * (l->p.k > 0 ? l->p.k : 1));
    AKIN_TRY(op_output_open(ctx, l->p.output, &l->out, err));
    if (l->format == LIST_CSV)
        buf_text(&l->out.buf, l->asker.title ? "user_id,item_id,score,rank,title\n"
                                             : "user_id,item_id,score,rank\n");
done:
    return status;
}

static void listing_close(struct listing *l, akin_ctx *ctx)
{
    op_output_abort(&l->out);
    for (int i = 0; i < BLOCK / PART; i++)
        buf_free(&l->parts[i]);
    mem_free(ctx, l->queries);
    mem_free(ctx, l->counts);
    mem_free(ctx, l->lists);
    mem_free(ctx, l->allowed);
    mem_free(ctx, l->allowed_seen);
    if (l->asker.ranker)
        asker_close(&l->asker);
}

static void user_id_of(const struct listing *l, const struct query *q, const char **id,
                       int32_t *size)
{
    *id = "";
    *size = 0;
    if (q->user >= 0)
        *id = ids_get(&l->asker.m->users, q->user, size);
}

static akin_status write_jsonl(struct listing *l, struct buf *buf, const struct query *q,
                               const struct ranked *list, int32_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jw jw;
    const char *id;
    int32_t size;
    jw_init(&jw, buf);
    user_id_of(l, q, &id, &size);
    jw_open(&jw, '{');
    jw_key(&jw, "user_id");
    if (q->user >= 0)
        jw_string_n(&jw, id, (size_t)size);
    else
        jw_null(&jw);
    jw_key(&jw, "items");
    jw_open(&jw, '[');
    for (int32_t i = 0; i < n; i++)
        AKIN_TRY(asker_item_json(&l->asker, &jw, &list[i], q, l->p.explain != 0, err));
    jw_close(&jw, ']');
    jw_close(&jw, '}');
    buf_char(buf, '\n');
done:
    return status;
}

static void write_csv(struct listing *l, struct buf *buf, const struct query *q,
                      const struct ranked *list, int32_t n)
{
    const char *user, *item;
    int32_t user_size, item_size;
    char title[512];
    user_id_of(l, q, &user, &user_size);
    for (int32_t i = 0; i < n; i++) {
        item = ids_get(&l->asker.m->items, list[i].item, &item_size);
        op_csv_field(buf, user, (size_t)user_size);
        buf_char(buf, ',');
        op_csv_field(buf, item, (size_t)item_size);
        buf_char(buf, ',');
        if (list[i].score != UNSCORED)
            buf_float(buf, list[i].score);
        buf_char(buf, ',');
        buf_int(buf, i + 1);
        if (l->asker.title) {
            asker_title(&l->asker, list[i].item, title, sizeof title);
            buf_char(buf, ',');
            op_csv_field(buf, title, strlen(title));
        }
        buf_char(buf, '\n');
    }
}

static akin_status write_why(struct listing *l, struct buf *buf, const struct query *q,
                             const struct ranked *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct reason reasons[3];
    int32_t n = 0, size;
    char title[200];
    if (r->score != UNSCORED && !(l->asker.scorer.flags & SCORER_ITEMS_ONLY))
        AKIN_TRY(rank_explain(l->asker.ranker, q, r->item, reasons, 3, &n, err));
    buf_text(buf, "        ");
    if (n == 0)
        buf_text(buf, r->score == UNSCORED ? "popular; the model says nothing about it"
                                           : l->asker.m->cls->summary);
    for (int32_t i = 0; i < n; i++) {
        const char *id = ids_get(&l->asker.m->items, reasons[i].item, &size);
        asker_title(&l->asker, reasons[i].item, title, sizeof title);
        buf_printf(buf, "%s%s%.*s (%+.3f)", i ? ", " : "because of ", title[0] ? title : "item ",
                   title[0] ? 0 : (int)size, id, (double)reasons[i].contribution);
    }
    buf_char(buf, '\n');
done:
    return status;
}

static akin_status write_table(struct listing *l, struct buf *buf, const struct query *q,
                               const struct ranked *list, int32_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *id;
    int32_t size;
    char title[200];
    user_id_of(l, q, &id, &size);
    if (q->user >= 0)
        buf_printf(buf, "user %.*s\n", (int)size, id);
    else
        buf_printf(buf, "history of %d items\n", q->hist.n);
    for (int32_t i = 0; i < n; i++) {
        id = ids_get(&l->asker.m->items, list[i].item, &size);
        asker_title(&l->asker, list[i].item, title, sizeof title);
        buf_printf(buf, "  %3d  ", i + 1);
        if (list[i].score == UNSCORED)
            buf_text(buf, "       -");
        else
            buf_printf(buf, "%8.4f", (double)list[i].score);
        buf_printf(buf, "  %-10.*s %s\n", (int)size, id, title);
        if (l->p.explain)
            AKIN_TRY(write_why(l, buf, q, &list[i], err));
    }
done:
    return status;
}

/* Text of PART users; ranks nothing but the fold-ins of explanations. */
static akin_status write_part(void *arg, int64_t part, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct listing *l = arg;
    struct buf *buf = &l->parts[part];
    int64_t hi = par_hi(part, PART, l->n_block);
    (void)worker;
    for (int64_t i = par_lo(part, PART); i < hi; i++) {
        const struct query *q = &l->queries[i];
        const struct ranked *list = l->lists + i * l->p.k;
        if (l->format == LIST_JSONL)
            AKIN_TRY(write_jsonl(l, buf, q, list, l->counts[i], err));
        else if (l->format == LIST_CSV)
            write_csv(l, buf, q, list, l->counts[i]);
        else
            AKIN_TRY(write_table(l, buf, q, list, l->counts[i], err));
    }
    AKIN_TRY(buf_check(buf, err));
done:
    return status;
}

static akin_status listing_block(struct listing *l, int64_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = l->asker.ctx;
    int64_t n_parts = par_blocks(n, PART);
    l->n_block = n;
    AKIN_TRY(rank_lists(l->asker.ranker, l->queries, n, &l->opt, l->lists, l->counts, err));
    AKIN_TRY(par_for(ctx, n_parts, write_part, l, err));
    for (int64_t part = 0; part < n_parts; part++) {
        buf_add(&l->out.buf, l->parts[part].data, (size_t)l->parts[part].size);
        buf_clear(&l->parts[part]);
        AKIN_TRY(op_output_flush(&l->out, false, err));
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

/* A user id a line; unknown ones are an error that names the line. */
static akin_status list_file(struct listing *l, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = l->asker.ctx;
    char *text = NULL;
    int64_t size = 0, n = 0, number = 0;
    AKIN_TRY(file_read(ctx, l->p.users, INT64_C(1) << 32, &text, &size, err));
    for (char *line = text; line < text + size;) {
        char *end = memchr(line, '\n', (size_t)(text + size - line));
        char *next = end ? end + 1 : text + size;
        size_t length = (size_t)((end ? end : next) - line);
        if (length && line[length - 1] == '\r')
            length--;
        number++;
        if (length) {
            int32_t u = ids_find(&l->asker.m->users, line, length);
            if (u < 0)
                AKIN_FAIL(AKIN_E_NOT_FOUND, "%s:%lld: user '%.*s' is not in the model", l->p.users,
                          (long long)number, (int)length, line);
            l->queries[n++] = model_query_user(l->asker.m, u);
        }
        if (n == BLOCK) {
            AKIN_TRY(listing_block(l, n, err));
            n = 0;
        }
        line = next;
    }
    AKIN_TRY(listing_block(l, n, err));
done:
    mem_free(ctx, text);
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
    struct model *m = NULL;
    AKIN_TRY(op_parse(call, 0, &l.p, err));
    int modes = (l.p.user != NULL) + (json_array_size(l.p.history) > 0) + (l.p.users != NULL) +
                (l.p.all != 0);
    if (modes != 1)
        AKIN_FAIL(AKIN_E_ARG, "recommend: give exactly one of --user, --history, --users, --all");
    AKIN_TRY(model_load(call->ctx, l.p.model, &m, err));
    AKIN_TRY(listing_open(&l, call, m, err));
    if (l.p.all) {
        AKIN_TRY(list_all(&l, err));
    } else if (l.p.users) {
        AKIN_TRY(list_file(&l, err));
    } else if (l.p.user) {
        int32_t u;
        AKIN_TRY(asker_user(&l.asker, l.p.user, &u, err));
        l.queries[0] = model_query_user(m, u);
        AKIN_TRY(listing_block(&l, 1, err));
    } else {
        AKIN_TRY(list_history(&l, &call->arena, err));
    }
    AKIN_TRY(op_output_close(&l.out, err));
    *result = json_pack("{s:s, s:I, s:I}", "model", m->cls->name, "lists", (json_int_t)l.n_lists,
                        "rows", (json_int_t)l.n_rows);
    if (l.p.output)
        json_object_set_new(*result, "output", json_string(l.p.output));
done:
    listing_close(&l, call->ctx);
    model_free(m);
    return status;
}

const struct op op_recommend = {
    {"recommend",
     "top-k lists from a trained model, for one user, a history, a file of users, or all",
     "akin recommend model.akin --user 42 -k 10 --explain\n"
     "akin recommend model.akin --history 318,296 --filter 'year >= 1990'\n"
     "akin recommend model.akin --all -k 20 -o lists.csv",
     {{"Options", recommend_rows}},
     1},
    recommend_run,
};
