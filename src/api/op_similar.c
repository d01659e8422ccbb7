/* Operations around one item, user or pair: similar, predict. */
#include "api/audience.h"
#include "api/csv.h"
#include "api/list_text.h"
#include "api/similar_all.h"

#include <string.h>

/* ---- similar ---- */

struct similar_params {
    const char *model;
    const char *item;
    const char *user;
    int64_t all;
    double min_score;
    int64_t k;
    const char *filter;
    int64_t format;
    const char *output;
    int64_t csv_safe;
};
static const akin_param similar_rows[] = {
    OP_PARAM_MODEL_FILE(struct similar_params),
    PARAM_TEXT(struct similar_params, item, NULL, 0, "id of the item"),
    PARAM_TEXT(struct similar_params, user, NULL, 0, "id of the user, for users like this one"),
    PARAM_BOOL(struct similar_params, all, "false", 0,
               "for every item those near it, as csv: near duplicates with --min-score"),
    PARAM_REAL(struct similar_params, min_score, "0", 0, 1e30, "", 0,
               "with --all: least score of what is near"),
    PARAM_INT(struct similar_params, k, "10", 0, 100000, "items", 0, "length of the list"),
    PARAM_TEXT(struct similar_params, filter, NULL, 0,
               "which items may come; with --user, which users"),
    LIST_PARAMS(struct similar_params),
    PARAM_END,
};

/* What the filter allows, a mem block; NULL = all. */
static akin_status allowed_items(struct asker *a, const struct similar_params *p, uint64_t **out,
                                 akin_error *err)
{
    const struct model *m = a->m;
    int64_t n_allowed;
    *out = NULL;
    return p->filter ? filter_bitmap(a->ctx, p->filter, &m->item_table, &m->items, m->item_count,
                                     out, &n_allowed, err)
                     : AKIN_OK;
}

/* Items near an item into *list, a mem block. */
static akin_status near_item(struct asker *a, const struct similar_params *p, int32_t item,
                             struct ranked **list, int32_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    uint64_t *allowed = NULL;
    AKIN_TRY(allowed_items(a, p, &allowed, err));
    const struct rank_options opt = {.k = (int32_t)p->k, .allowed = allowed};
    MEM_NEW(a->ctx, *list, p->k + 1);
    AKIN_TRY(rank_similar(a->ranker, item, &opt, *list, n, err));
done:
    mem_free(a->ctx, allowed);
    return status;
}

static akin_status near_all(struct asker *a, const struct similar_params *p, json_t **result,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    uint64_t *allowed = NULL;
    if (list_format_of(p->format, p->output ? p->output : "all.csv") != LIST_CSV)
        AKIN_FAIL(AKIN_E_ARG, "similar: --all writes csv only");
    AKIN_TRY(allowed_items(a, p, &allowed, err));
    AKIN_TRY(similar_all(a, allowed, (int32_t)p->k, p->min_score, p->csv_safe != 0, p->output,
                         result, err));
done:
    mem_free(a->ctx, allowed);
    return status;
}

struct similar_head {
    const struct asker *asker;
    const struct similar_params *p;
    int32_t one; /* the item or user */
};

static void similar_head(const void *arg, struct jw *jw)
{
    const struct similar_head *head = arg;
    const struct similar_params *p = head->p;
    jw_key(jw, p->item ? "item_id" : "user_id");
    jw_string(jw, p->item ? p->item : p->user);
    if (p->item && head->asker->title) {
        char title[512];
        asker_title(head->asker, head->one, title, sizeof title);
        jw_key(jw, "title");
        jw_string(jw, title);
    }
}

static akin_status similar_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct similar_params p;
    struct asker a = {0};
    struct audience found = {0};
    int32_t one;
    AKIN_TRY(op_parse(call, 0, &p, err));
    if ((p.item != NULL) + (p.user != NULL) + (p.all != 0) != 1)
        AKIN_FAIL(AKIN_E_ARG, "similar: give --item, --user or --all");
    if (!p.all && p.min_score > 0)
        AKIN_FAIL(AKIN_E_ARG, "similar: --min-score goes with --all");
    AKIN_TRY(asker_load(call->ctx, p.model, &a, err));
    if (p.all) {
        AKIN_TRY(near_all(&a, &p, result, err));
        goto done;
    }
    if (p.item) {
        AKIN_TRY(asker_item(&a, p.item, &one, err));
        AKIN_TRY(near_item(&a, &p, one, &found.list, &found.n, err));
    } else {
        AKIN_TRY(asker_user(&a, p.user, &one, err));
        const struct audience_query q = {
            .item = -1, .seeds = &one, .n_seeds = 1, .filter = p.filter, .k = p.k};
        AKIN_TRY(audience_find(&a, &q, &found, err));
    }
    const struct row_list rows = {&a, p.user != NULL, p.csv_safe != 0, found.list, found.n};
    const struct similar_head head = {&a, &p, one};
    AKIN_TRY(rows_result(&rows, p.format, p.output, similar_head, &head, result, err));
done:
    audience_free(&a, &found);
    asker_close(&a);
    return status;
}

const struct op op_similar = {
    {"similar",
     "items nearest to an item, or users like a user",
     "akin similar model.akin --item 318 -k 10\n"
     "akin similar model.akin --user 42 -k 10 --format csv\n"
     "akin similar model.akin --all --min-score 0.9 -o near.csv",
     {{"Options", similar_rows}},
     1},
    similar_run,
};

/* ---- predict ---- */

struct predict_params {
    const char *model;
    const char *pairs;
    const char *output;
    int64_t csv_safe;
};
static const akin_param predict_rows[] = {
    OP_PARAM_MODEL_FILE(struct predict_params),
    PARAM_TEXT(struct predict_params, pairs, NULL, AKIN_PARAM_REQUIRED,
               "csv of user_id,item_id (first two columns; a header is skipped)"),
    PARAM_TEXT(struct predict_params, output, NULL, 0, "csv to write; short: -o"),
    LIST_PARAM_CSV_SAFE(struct predict_params),
    PARAM_END,
};

static akin_status predict_line(struct asker *a, struct op_output *out, bool csv_safe,
                                const char *user, size_t user_size, const char *item,
                                size_t item_size, int64_t *n_cold, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t u = ids_find(&a->m->users, user, user_size);
    int32_t i = ids_find(&a->m->items, item, item_size);
    float score = UNSCORED;
    csv_field(&out->buf, user, user_size, csv_safe);
    buf_char(&out->buf, ',');
    csv_field(&out->buf, item, item_size, csv_safe);
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
    struct asker a = {0};
    struct op_output out = {.ctx = call->ctx};
    char *text = NULL, sep = ',';
    int64_t size = 0, number = 0, n = 0, n_cold = 0;
    AKIN_TRY(op_parse(call, 0, &p, err));
    AKIN_TRY(asker_load(call->ctx, p.model, &a, err));
    AKIN_TRY(file_read(call->ctx, p.pairs, INT64_C(1) << 34, &text, &size, err));
    if (memchr(text, 0, (size_t)size))
        AKIN_FAIL(AKIN_E_INPUT, "%s: contains a NUL byte", p.pairs);
    AKIN_TRY(op_output_open(call->ctx, p.output, &out, err));
    buf_text(&out.buf, "user_id,item_id,value\n");
    for (char *line = text, *next; line < text + size; line = next) {
        char *user, *item;
        size_t user_size, item_size;
        sep = number == 0 ? csv_separator(line) : sep;
        char *end = csv_line_end(line, sep);
        next = *end ? end + 1 : text + size;
        *end = '\0';
        number++;
        if (number % 1024 == 0)
            AKIN_TRY(ctx_check(call->ctx, err));
        if (line[strspn(line, "\r")] == '\0')
            continue;
        char *second = csv_next(line, sep, &user, &user_size);
        if (!second)
            AKIN_FAIL(AKIN_E_INPUT, "%s:%lld: expected user_id,item_id", p.pairs,
                      (long long)number);
        csv_next(second, sep, &item, &item_size);
        if (number == 1 && user_size >= 4 && memcmp(user, "user", 4) == 0)
            continue;
        AKIN_TRY(predict_line(&a, &out, p.csv_safe != 0, user, user_size, item, item_size, &n_cold,
                              err));
        n++;
    }
    AKIN_TRY(op_output_close(&out, err));
    *result = json_pack("{s:I, s:I}", "pairs", (json_int_t)n, "cold", (json_int_t)n_cold);
done:
    op_output_abort(&out);
    mem_free(call->ctx, text);
    asker_close(&a);
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
