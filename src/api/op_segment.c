/* The operation `segment`: lists of users for people who talk to them. */
#include "api/audience.h"
#include "api/list_text.h"

#include <string.h>

struct segment_params {
    const char *model;
    const char *item;
    json_t *like;
    const char *like_file;
    const char *filter;
    int64_t k;
    int64_t exclude_seen;
    int64_t exclude_seeds;
    int64_t format;
    const char *output;
    int64_t csv_safe;
};
static const akin_param segment_rows[] = {
    OP_PARAM_MODEL_FILE(struct segment_params),
    PARAM_TEXT(struct segment_params, item, NULL, 0, "users most likely to want this item"),
    PARAM_LIST(struct segment_params, like, NULL, 0, "users most like these: u1,u2,…"),
    PARAM_TEXT(struct segment_params, like_file, NULL, 0,
               "the same from a file: a user id a line, or a csv whose first column is user_id"),
    PARAM_TEXT(struct segment_params, filter, NULL, 0,
               "only users with these attributes, e.g. 'country == \"ES\" and age >= 18'"),
    PARAM_INT(struct segment_params, k, "1000", 0, 100000000, "users", 0, "how many users"),
    PARAM_BOOL(struct segment_params, exclude_seen, "true", 0,
               "item: leave out users who have it already"),
    PARAM_BOOL(struct segment_params, exclude_seeds, "true", 0,
               "like: leave out the given users themselves"),
    LIST_PARAMS(struct segment_params),
    PARAM_END,
};

/* Options that would do nothing are refused: somebody expects them to. */
static akin_status check_options(const struct op_call *call, const struct segment_params *p,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    bool is_like = json_array_size(p->like) > 0 || p->like_file;
    if (!p->item && !is_like && !p->filter)
        AKIN_FAIL(AKIN_E_ARG, "segment: give --item, --like or --like-file, or --filter");
    if (p->item && is_like)
        AKIN_FAIL(AKIN_E_ARG, "segment: --item and --like order users in two ways: give one");
    if (!p->item && json_object_get(call->params, "exclude_seen"))
        AKIN_FAIL(AKIN_E_ARG, "segment: --exclude-seen belongs to --item");
    if (!is_like && json_object_get(call->params, "exclude_seeds"))
        AKIN_FAIL(AKIN_E_ARG, "segment: --exclude-seeds belongs to --like");
done:
    return status;
}

/* Those of --like behind those of the file. */
static akin_status read_seeds(struct asker *a, const struct segment_params *p, int32_t **seeds,
                              int64_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t i;
    json_t *id;
    if (p->like_file)
        AKIN_TRY(audience_read(a, p->like_file, seeds, n, err));
    int64_t cap = *n;
    json_array_foreach(p->like, i, id) {
        const char *text = json_string_value(id);
        MEM_GROW(a->ctx, *seeds, cap, *n + 1);
        AKIN_TRY(asker_user(a, text ? text : "", &(*seeds)[*n], err));
        ++*n;
    }
done:
    return status;
}

static void tell(const struct asker *a, const struct segment_params *p, const struct audience *x,
                 int64_t n_seeds)
{
    if (n_seeds > 0 && x->n_seeds == 0)
        log_write(a->ctx, AKIN_LOG_WARN, "segment: the model knows nothing to compare these by");
    if (n_seeds == 0 && !p->item && x->n < x->n_eligible)
        log_write(a->ctx, AKIN_LOG_WARN, "segment: %d users meet the filter, %d are listed (-k)",
                  x->n_eligible, x->n);
    if (p->filter && x->n_eligible == 0)
        log_write(a->ctx, AKIN_LOG_WARN, "segment: no user meets the filter");
}

struct segment_head {
    const struct segment_params *p;
    int64_t n_seeds;
};

static void segment_head(const void *arg, struct jw *jw)
{
    const struct segment_head *head = arg;
    if (head->p->item) {
        jw_key(jw, "item_id");
        jw_string(jw, head->p->item);
    }
    if (head->n_seeds > 0) {
        jw_key(jw, "seeds");
        jw_int(jw, head->n_seeds);
    }
    if (head->p->filter) {
        jw_key(jw, "filter");
        jw_string(jw, head->p->filter);
    }
}

static akin_status segment_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct segment_params p;
    struct asker a = {0};
    struct audience found = {0};
    struct audience_query q = {.item = -1};
    int32_t *seeds = NULL;
    AKIN_TRY(op_parse(call, 0, &p, err));
    AKIN_TRY(check_options(call, &p, err));
    AKIN_TRY(asker_load(call->ctx, p.model, &a, err));
    if (p.item)
        AKIN_TRY(asker_item(&a, p.item, &q.item, err));
    AKIN_TRY(read_seeds(&a, &p, &seeds, &q.n_seeds, err));
    if (p.like_file && q.n_seeds == 0)
        AKIN_FAIL(AKIN_E_INPUT, "segment: '%.150s' names no user", p.like_file);
    q.seeds = seeds;
    q.filter = p.filter;
    q.with_seeds = !p.exclude_seeds;
    q.with_seen = !p.exclude_seen;
    q.k = p.k;
    AKIN_TRY(audience_find(&a, &q, &found, err));
    tell(&a, &p, &found, q.n_seeds);
    const struct row_list rows = {&a, true, p.csv_safe != 0, found.list, found.n};
    const struct segment_head head = {&p, q.n_seeds};
    AKIN_TRY(rows_result(&rows, p.format, p.output, segment_head, &head, result, err));
done:
    mem_free(call->ctx, seeds);
    audience_free(&a, &found);
    asker_close(&a);
    return status;
}

const struct op op_segment = {
    {"segment",
     "users for an item, users like others, or users by their attributes",
     "akin segment model.akin --item 318 -k 1000\n"
     "akin segment model.akin --like 42,97 -k 500 -o alike.csv\n"
     "akin segment model.akin --like-file buyers.csv --filter 'country == \"ES\"' --format jsonl\n"
     "akin segment model.akin --filter 'age >= 18 and plan in [\"free\"]' -o free.csv",
     {{"Options", segment_rows}},
     1},
    segment_run,
};
