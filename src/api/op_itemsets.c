/* The operation `itemsets`: what lies together often, counted, listed or written. */
#include "api/basket_rows.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN = 20, TOP_SLACK = 1024 };

struct itemsets_params {
    const char *source;
    int64_t gap_seconds;
    double min_support;
    int64_t kind;
    int64_t method;
    int64_t min_length;
    int64_t max_length;
    int64_t max_sets;
    int64_t limit;
    int64_t as;
    const char *output;
    int64_t csv_safe;
};
static const akin_param itemsets_rows[] = {
    BASKET_PARAMS_IN(struct itemsets_params),
    PARAM_REAL(struct itemsets_params, min_support, NULL, 0, 1e15, "", AKIN_PARAM_REQUIRED,
               "baskets that a set must lie in: below 1 a share of all, else a number"),
    PARAM_CHOICE(struct itemsets_params, kind, "all", ITEMSET_KIND_CHOICES, 0,
                 "closed: no superset lies in as many baskets; maximal: none is frequent"),
    PARAM_CHOICE(struct itemsets_params, method, "auto", ITEMSET_METHOD_CHOICES, 0,
                 "how they are found; the sets are the same, their order is not"),
    PARAM_INT(struct itemsets_params, min_length, "1", 1, 1e6, "items", 0,
              "shorter sets are counted, but neither shown nor written"),
    PARAM_INT(struct itemsets_params, max_length, "0", 0, 1e6, "items", 0,
              "longest set; 0 = any length"),
    PARAM_INT(struct itemsets_params, max_sets, "100000000", 1, 1e15, "sets", 0,
              "more than these is an error"),
    PARAM_INT(struct itemsets_params, limit, "0", 0, 1e7, "sets", 0,
              "only these, in the most baskets first; 0 = all as they are found (20 if shown)"),
    BASKET_PARAMS_OUT(struct itemsets_params),
    PARAM_END,
};

/* The best sets so far: some more than `limit`, cut back now and then. */
struct top_set {
    int32_t count, n;
    int64_t at; /* in item */
    const struct top *top;
};
struct top {
    akin_ctx *ctx;
    int64_t limit;
    struct top_set *set; /* (n) owned */
    int64_t n, cap;
    int32_t *item; /* owned */
    int64_t n_item, item_cap;
};

struct writing {
    const struct basket_source *b;
    const struct itemsets_params *p;
    enum list_format format;
    struct op_output *out;
    struct top *top; /* NULL: rows are written as they come */
    int64_t n_rows;
};

static int item_order(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static int top_order(const void *a, const void *b)
{
    const struct top_set *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    for (int32_t i = 0; i < x->n; i++) {
        int order = item_order(x->top->item + x->at + i, y->top->item + y->at + i);
        if (order)
            return order;
    }
    return 0;
}

/* Sorts, and forgets what is past the limit. */
static akin_status top_cut(struct top *top, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *kept = NULL;
    int64_t n = 0, size = 0;
    if (top->n > 1) /* of none there may be no array */
        qsort(top->set, (size_t)top->n, sizeof *top->set, top_order);
    top->n = top->n < top->limit ? top->n : top->limit;
    for (int64_t i = 0; i < top->n; i++)
        size += top->set[i].n;
    MEM_NEW(top->ctx, kept, size);
    for (int64_t i = 0; i < top->n; i++) {
        memcpy(kept + n, top->item + top->set[i].at, (size_t)top->set[i].n * sizeof *kept);
        top->set[i].at = n;
        n += top->set[i].n;
    }
    mem_free(top->ctx, top->item);
    top->item = kept;
    top->n_item = top->item_cap = size;
done:
    return status;
}

static akin_status top_add(struct top *top, const int32_t *items, int32_t n, int32_t count,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_GROW(top->ctx, top->set, top->cap, top->n + 1);
    MEM_GROW(top->ctx, top->item, top->item_cap, top->n_item + n);
    memcpy(top->item + top->n_item, items, (size_t)n * sizeof *items);
    qsort(top->item + top->n_item, (size_t)n, sizeof *items, item_order);
    top->set[top->n++] = (struct top_set){count, n, top->n_item, top};
    top->n_item += n;
    if (top->n >= 2 * top->limit + TOP_SLACK)
        AKIN_TRY(top_cut(top, err));
done:
    return status;
}

/* items ascending; NULL: only the names of the columns. */
static void write_set(struct writing *w, const int32_t *items, int32_t n, int32_t count)
{
    const struct row_set set = {"items", "titles", items, n};
    const struct row_number numbers[] = {
        {"length", n},
        {"count", count},
        {"support", w->b->n_baskets > 0 ? count / (double)w->b->n_baskets : 0}};
    const struct basket_row row = {&set, 1, numbers, 3};
    if (items)
        basket_row(w->b, w->format, w->p->csv_safe != 0, &row, &w->out->buf);
    else
        basket_row_names(w->b, w->format, &row, &w->out->buf);
    w->n_rows += items != NULL;
}

static akin_status found_set(void *arg, const int32_t *items, int32_t n, int32_t count,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct writing *w = arg;
    int32_t few[64], *sorted = few;
    if (n < w->p->min_length)
        return AKIN_OK;
    if (w->top)
        return top_add(w->top, items, n, count, err);
    if (n > (int32_t)(sizeof few / sizeof *few))
        MEM_NEW(w->b->ctx, sorted, n);
    memcpy(sorted, items, (size_t)n * sizeof *items);
    qsort(sorted, (size_t)n, sizeof *sorted, item_order);
    write_set(w, sorted, n, count);
    AKIN_TRY(op_output_flush(w->out, false, err));
done:
    if (sorted != few)
        mem_free(w->b->ctx, sorted);
    return status;
}

static akin_status write_top(struct writing *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct top *top = w->top;
    AKIN_TRY(top_cut(top, err));
    for (int64_t i = 0; i < top->n; i++) {
        write_set(w, top->item + top->set[i].at, top->set[i].n, top->set[i].count);
        if (w->out->file)
            AKIN_TRY(op_output_flush(w->out, false, err));
    }
done:
    return status;
}

static json_t *stats_json(const struct basket_source *b, const struct itemset_spec *spec,
                          const struct itemset_stats *stats)
{
    json_t *out =
        json_pack("{s:I, s:I, s:I, s:i, s:[]}", "n_itemsets", (json_int_t)stats->n, "n_baskets",
                  (json_int_t)b->n_baskets, "min_count", (json_int_t)spec->min_count, "longest",
                  (int)stats->longest, "by_length");
    json_t *by_length = json_object_get(out, "by_length");
    for (int i = 1; i <= stats->longest && i <= ITEMSET_LENGTHS; i++)
        json_array_append_new(by_length, json_integer((json_int_t)stats->by_length[i]));
    return out;
}

/* Rows are written where an output or a way to write was asked for; else shown in the result. */
static akin_status itemsets_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct itemsets_params p;
    struct basket_source b = {0};
    struct itemset_stats stats;
    struct op_output out = {0};
    struct top top = {.ctx = call->ctx};
    json_t *rows = NULL;
    AKIN_TRY(op_parse(call, 0, &p, err));
    bool is_written = p.output || p.as != 0;
    struct writing w = {.b = &b, .p = &p, .out = &out, .format = LIST_JSONL};
    if (is_written)
        w.format = list_format_of(p.as, p.output);
    top.limit = is_written || p.limit > 0 ? p.limit : SHOWN;
    w.top = top.limit > 0 ? &top : NULL;
    struct itemset_spec spec = {.kind = (enum itemset_kind)p.kind,
                                .method = (enum itemset_method)p.method,
                                .max_length = p.max_length,
                                .max_sets = p.max_sets};
    AKIN_TRY(basket_source_open(call, p.source, p.gap_seconds, &b, err));
    AKIN_TRY(itemsets_min_count(p.min_support, b.n_baskets, &spec.min_count, err));
    AKIN_TRY(op_output_open(call->ctx, p.output, &out, err));
    if (is_written)
        write_set(&w, NULL, 0, 0);
    AKIN_TRY(itemsets_mine(call->ctx, &b.baskets.by_basket, &b.baskets.by_item, &spec, found_set,
                           &w, &stats, err));
    if (w.top)
        AKIN_TRY(write_top(&w, err));
    *result = stats_json(&b, &spec, &stats);
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "itemsets: out of memory");
    if (is_written) {
        AKIN_TRY(op_output_close(&out, err));
        json_object_set_new(*result, "rows", json_integer((json_int_t)w.n_rows));
        json_object_set_new(*result, p.output ? "output" : "printed",
                            p.output ? json_string(p.output) : json_true());
    } else {
        AKIN_TRY(buf_check(&out.buf, err));
        rows = basket_rows_json(&out.buf);
        if (!rows || json_object_set(*result, "itemsets", rows) != 0)
            AKIN_FAIL(AKIN_E_MEMORY, "itemsets: out of memory");
    }
done:
    json_decref(rows);
    op_output_abort(&out);
    mem_free(call->ctx, top.set);
    mem_free(call->ctx, top.item);
    basket_source_close(&b);
    return status;
}

const struct op op_itemsets = {
    {"itemsets",
     "frequent itemsets: what lies together in baskets",
     "akin itemsets baskets.txt --min-support 0.001\n"
     "akin itemsets data.akin --min-support 50 --kind closed --max-length 4 -o itemsets.csv\n"
     "akin itemsets orders.csv --min-support 0.01 --min-length 2 --limit 100 --as csv",
     {{"Options", itemsets_rows}, BASKET_GROUPS},
     3},
    itemsets_run,
};
