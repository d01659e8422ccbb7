/* Operations around one item or pair: similar, segment, predict. */
#include "api/asker.h"

#include <string.h>

/* ---- similar ---- */

struct similar_params {
    const char *model;
    const char *item;
    int64_t k;
    const char *filter;
};
static const akin_param similar_rows[] = {
    PARAM_TEXT(struct similar_params, model, NULL, AKIN_PARAM_REQUIRED | AKIN_PARAM_POSITIONAL,
               "trained model file"),
    PARAM_TEXT(struct similar_params, item, NULL, AKIN_PARAM_REQUIRED, "id of the item"),
    PARAM_INT(struct similar_params, k, "10", 0, 100000, "items", 0, "length of the list"),
    PARAM_TEXT(struct similar_params, filter, NULL, 0, "which items may come"),
    PARAM_END,
};

static akin_status similar_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct similar_params p;
    struct model *m = NULL;
    struct asker a = {0};
    struct ranked *list = NULL;
    uint64_t *allowed = NULL;
    struct buf buf;
    struct jw jw;
    int32_t item, n = 0;
    buf_init(&buf, call->ctx);
    AKIN_TRY(op_parse(call, 0, &p, err));
    AKIN_TRY(model_load(call->ctx, p.model, &m, err));
    AKIN_TRY(asker_open(call->ctx, m, &a, err));
    AKIN_TRY(asker_item(&a, p.item, &item, err));
    struct rank_options opt = {.k = (int32_t)p.k};
    if (p.filter) {
        int64_t n_allowed;
        AKIN_TRY(filter_bitmap(call->ctx, p.filter, &m->item_table, &m->items, m->item_count,
                               &allowed, &n_allowed, err));
        opt.allowed = allowed;
    }
    MEM_NEW(call->ctx, list, p.k + 1);
    AKIN_TRY(rank_similar(a.ranker, item, &opt, list, &n, err));
    jw_init(&jw, &buf);
    jw_open(&jw, '{');
    jw_key(&jw, "item_id");
    jw_string(&jw, p.item);
    if (a.title) {
        char title[512];
        asker_title(&a, item, title, sizeof title);
        jw_key(&jw, "title");
        jw_string(&jw, title);
    }
    jw_key(&jw, "items");
    jw_open(&jw, '[');
    for (int32_t i = 0; i < n; i++)
        AKIN_TRY(asker_item_json(&a, &jw, &list[i], NULL, false, err));
    jw_close(&jw, ']');
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(&buf, err));
    *result = json_loadb(buf.data, (size_t)buf.size, 0, NULL);
done:
    buf_free(&buf);
    mem_free(call->ctx, list);
    mem_free(call->ctx, allowed);
    asker_close(&a);
    model_free(m);
    return status;
}

const struct op op_similar = {
    {"similar",
     "items nearest to an item",
     "akin similar model.akin --item 318 -k 10",
     {{"Options", similar_rows}},
     1},
    similar_run,
};

/* ---- segment ---- */

struct segment_params {
    const char *model;
    const char *item;
    int64_t k;
    int64_t exclude_seen;
};
static const akin_param segment_rows[] = {
    PARAM_TEXT(struct segment_params, model, NULL, AKIN_PARAM_REQUIRED | AKIN_PARAM_POSITIONAL,
               "trained model file"),
    PARAM_TEXT(struct segment_params, item, NULL, AKIN_PARAM_REQUIRED, "id of the item"),
    PARAM_INT(struct segment_params, k, "1000", 0, 100000000, "users", 0, "how many users"),
    PARAM_BOOL(struct segment_params, exclude_seen, "true", 0,
               "leave out users who have the item already"),
    PARAM_END,
};

/* Queries of the users who may come: all, or those without the item. */
static int64_t segment_queries(const struct model *m, int32_t item, bool exclude_seen,
                               struct query *out)
{
    int64_t n = 0;
    for (int32_t u = 0; u < m->users.n; u++) {
        struct query q = model_query_user(m, u);
        bool seen = false;
        for (int32_t j = 0; exclude_seen && !seen && j < q.hist.n; j++)
            seen = q.hist.item[j] == item;
        if (!seen)
            out[n++] = q;
    }
    return n;
}

static akin_status segment_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct segment_params p;
    struct model *m = NULL;
    struct asker a = {0};
    struct query *queries = NULL;
    struct ranked *list = NULL;
    int32_t item, n = 0;
    AKIN_TRY(op_parse(call, 0, &p, err));
    AKIN_TRY(model_load(call->ctx, p.model, &m, err));
    AKIN_TRY(asker_open(call->ctx, m, &a, err));
    AKIN_TRY(asker_item(&a, p.item, &item, err));
    int64_t k = p.k < m->users.n ? p.k : m->users.n;
    MEM_NEW(call->ctx, queries, m->users.n);
    MEM_NEW(call->ctx, list, k + 1);
    int64_t n_queries = segment_queries(m, item, p.exclude_seen != 0, queries);
    AKIN_TRY(rank_segment(a.ranker, queries, n_queries, item, (int32_t)k, list, &n, err));
    json_t *users = json_array();
    *result = json_pack("{s:s, s:o}", "item_id", p.item, "users", users);
    for (int32_t i = 0; i < n; i++) {
        int32_t size;
        const char *id = ids_get(&m->users, queries[list[i].item].user, &size);
        json_t *row = json_object();
        json_object_set_new(row, "user_id", json_stringn(id, (size_t)size));
        json_object_set_new(row, "score",
                            list[i].score == UNSCORED ? json_null()
                                                      : json_real((double)list[i].score));
        json_array_append_new(users, row);
    }
done:
    mem_free(call->ctx, queries);
    mem_free(call->ctx, list);
    asker_close(&a);
    model_free(m);
    return status;
}

const struct op op_segment = {
    {"segment",
     "users most likely to want an item",
     "akin segment model.akin --item 318 -k 1000",
     {{"Options", segment_rows}},
     1},
    segment_run,
};

/* ---- predict ---- */

struct predict_params {
    const char *model;
    const char *pairs;
    const char *output;
};
static const akin_param predict_rows[] = {
    PARAM_TEXT(struct predict_params, model, NULL, AKIN_PARAM_REQUIRED | AKIN_PARAM_POSITIONAL,
               "trained model file"),
    PARAM_TEXT(struct predict_params, pairs, NULL, AKIN_PARAM_REQUIRED,
               "csv of user_id,item_id (first two columns; a header is skipped)"),
    PARAM_TEXT(struct predict_params, output, NULL, 0, "csv to write; short: -o"),
    PARAM_END,
};

/* Splits a line at its first two separators. False if there is no second field. */
static bool pair_fields(const char *line, size_t size, const char **user, size_t *user_size,
                        const char **item, size_t *item_size)
{
    const char *sep = memchr(line, '\t', size) ? "\t" : ",";
    const char *comma = memchr(line, sep[0], size);
    if (!comma)
        return false;
    *user = line;
    *user_size = (size_t)(comma - line);
    *item = comma + 1;
    size_t rest = size - *user_size - 1;
    const char *end = memchr(*item, sep[0], rest);
    *item_size = end ? (size_t)(end - *item) : rest;
    return true;
}

static akin_status predict_line(struct asker *a, struct op_output *out, const char *user,
                                size_t user_size, const char *item, size_t item_size,
                                int64_t *n_cold, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t u = ids_find(&a->m->users, user, user_size);
    int32_t i = ids_find(&a->m->items, item, item_size);
    float score = UNSCORED;
    op_csv_field(&out->buf, user, user_size);
    buf_char(&out->buf, ',');
    op_csv_field(&out->buf, item, item_size);
    buf_char(&out->buf, ',');
    if (u >= 0 && i >= 0) {
        struct query q = model_query_user(a->m, u);
        AKIN_TRY(rank_score(a->ranker, &q, &i, 1, &score, err));
    }
    if (score == UNSCORED)
        (*n_cold)++;
    else
        buf_float(&out->buf, score);
    buf_char(&out->buf, '\n');
    AKIN_TRY(op_output_flush(out, false, err));
done:
    return status;
}

static akin_status predict_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct predict_params p;
    struct model *m = NULL;
    struct asker a = {0};
    struct op_output out = {.ctx = call->ctx};
    char *text = NULL;
    int64_t size = 0, number = 0, n = 0, n_cold = 0;
    AKIN_TRY(op_parse(call, 0, &p, err));
    AKIN_TRY(model_load(call->ctx, p.model, &m, err));
    AKIN_TRY(asker_open(call->ctx, m, &a, err));
    AKIN_TRY(file_read(call->ctx, p.pairs, INT64_C(1) << 34, &text, &size, err));
    AKIN_TRY(op_output_open(call->ctx, p.output, &out, err));
    buf_text(&out.buf, "user_id,item_id,value\n");
    for (char *line = text; line < text + size;) {
        char *end = memchr(line, '\n', (size_t)(text + size - line));
        char *next = end ? end + 1 : text + size;
        size_t length = (size_t)((end ? end : next) - line);
        const char *user, *item;
        size_t user_size, item_size;
        if (length && line[length - 1] == '\r')
            length--;
        number++;
        if (length && !pair_fields(line, length, &user, &user_size, &item, &item_size))
            AKIN_FAIL(AKIN_E_INPUT, "%s:%lld: expected user_id,item_id", p.pairs,
                      (long long)number);
        if (length && !(number == 1 && user_size >= 4 && memcmp(user, "user", 4) == 0)) {
            AKIN_TRY(predict_line(&a, &out, user, user_size, item, item_size, &n_cold, err));
            n++;
        }
        if (number % 1024 == 0)
            AKIN_TRY(ctx_check(call->ctx, err));
        line = next;
    }
    AKIN_TRY(op_output_close(&out, err));
    *result = json_pack("{s:I, s:I}", "pairs", (json_int_t)n, "cold", (json_int_t)n_cold);
done:
    op_output_abort(&out);
    mem_free(call->ctx, text);
    asker_close(&a);
    model_free(m);
    return status;
}

const struct op op_predict = {
    {"predict",
     "a value per (user, item) pair",
     "akin predict model.akin --pairs pairs.csv -o values.csv",
     {{"Options", predict_rows}},
     1},
    predict_run,
};
