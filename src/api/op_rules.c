/* The operation `rules`: association rules from baskets, measured, sorted, written. */
#include "api/basket_rows.h"
#include "solve/assoc.h"

#include <string.h>

enum { SHOWN = 20 };

struct rules_params {
    const char *source;
    int64_t gap_seconds;
    double min_support;
    double min_confidence;
    double min_lift;
    int64_t max_antecedent;
    int64_t max_consequent;
    int64_t sort;
    int64_t limit;
    int64_t max_sets;
    int64_t max_rules;
    int64_t as;
    const char *output;
    int64_t csv_safe;
};
static const akin_param rules_rows[] = {
    BASKET_PARAMS_IN(struct rules_params),
    PARAM_REAL(struct rules_params, min_support, "0.001", 0, 1e15, "", 0,
               "baskets that both sides must lie in: below 1 a share of all, else a number"),
    PARAM_REAL(struct rules_params, min_confidence, "0.2", 0, 1, "", 0,
               "share of the baskets with the antecedents that hold the consequents, too"),
    PARAM_REAL(struct rules_params, min_lift, "0", 0, 1e12, "", 0,
               "1 = as often as by chance; 0 = any"),
    PARAM_INT(struct rules_params, max_antecedent, "0", 0, 1e6, "items", 0,
              "most items on the left; 0 = any number"),
    PARAM_INT(struct rules_params, max_consequent, "1", 1, 1e6, "items", 0,
              "most items on the right"),
    PARAM_CHOICE(struct rules_params, sort, "confidence", ASSOC_MEASURE_CHOICES, 0,
                 "best first by this"),
    PARAM_INT(struct rules_params, limit, "0", 0, 1e9, "rules", 0,
              "only these, the best; 0 = all (20 if shown)"),
    PARAM_INT(struct rules_params, max_sets, "10000000", 1, 2e9, "sets", 0,
              "more itemsets than these is an error: they are held in memory"),
    PARAM_INT(struct rules_params, max_rules, "10000000", 1, 1e12, "rules", 0,
              "more rules than these is an error: they are sorted in memory"),
    BASKET_PARAMS_OUT(struct rules_params),
    PARAM_END,
};

struct found {
    struct assoc_sets sets;
    struct assoc_rule *rule; /* (n) owned, best first */
    int64_t n;
};

static akin_status find(const struct basket_source *b, const struct rules_params *p,
                        struct found *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct itemset_spec spec = {.max_sets = p->max_sets};
    const struct assoc_spec want = {.min_confidence = p->min_confidence,
                                    .min_lift = p->min_lift,
                                    .max_antecedent = p->max_antecedent,
                                    .max_consequent = p->max_consequent,
                                    .max_rules = p->max_rules};
    if (p->max_antecedent > 0)
        spec.max_length = p->max_antecedent + p->max_consequent;
    AKIN_TRY(itemsets_min_count(p->min_support, b->n_baskets, &spec.min_count, err));
    AKIN_TRY(assoc_sets_mine(b->ctx, &b->baskets.by_basket, &b->baskets.by_item, &spec, &out->sets,
                             err));
    AKIN_TRY(assoc_rules(b->ctx, &out->sets, &want, &out->rule, &out->n, err));
    AKIN_TRY(assoc_sort(b->ctx, &out->sets, (enum assoc_measure)p->sort, out->rule, out->n, err));
done:
    return status;
}

static struct row_set set_of(const struct assoc_sets *s, int32_t set, const char *name,
                             const char *titles)
{
    return (struct row_set){name, titles, s->item + s->ptr[set], assoc_length(s, set)};
}

/* r NULL: the names of the columns. */
static void write_rule(const struct basket_source *b, const struct found *f,
                       enum list_format format, bool csv_safe, const struct assoc_rule *r,
                       struct buf *buf)
{
    struct row_set sets[2] = {{"antecedents", "antecedent_titles", NULL, 0},
                              {"consequents", "consequent_titles", NULL, 0}};
    struct row_number numbers[ASSOC_MEASURES + 1] = {{.name = "count"}};
    static char const *const names[ASSOC_MEASURES] = {"support",  "confidence", "lift",
                                                      "leverage", "conviction", "zhang"};
    const struct basket_row row = {sets, 2, numbers, ASSOC_MEASURES + 1};
    for (int m = 0; m < ASSOC_MEASURES; m++)
        numbers[m + 1] = (struct row_number){
            names[m], r ? assoc_measure_of(&f->sets, r, (enum assoc_measure)m) : 0};
    if (!r) {
        basket_row_names(b, format, &row, buf);
        return;
    }
    numbers[0].value = f->sets.count[r->whole];
    sets[0] = set_of(&f->sets, r->from, sets[0].name, sets[0].titles);
    sets[1] = set_of(&f->sets, r->to, sets[1].name, sets[1].titles);
    basket_row(b, format, csv_safe, &row, buf);
}

/* The first n rules; to out, or left in its buffer where nothing is written. */
static akin_status write_rules(const struct basket_source *b, const struct found *f,
                               const struct rules_params *p, int64_t n, bool is_written,
                               struct op_output *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    enum list_format format = is_written ? list_format_of(p->as, p->output) : LIST_JSONL;
    write_rule(b, f, format, false, NULL, &out->buf);
    for (int64_t i = 0; i < n; i++) {
        write_rule(b, f, format, p->csv_safe != 0, &f->rule[i], &out->buf);
        if (!is_written)
            continue;
        AKIN_TRY(op_output_flush(out, false, err));
        if (i % 65536 == 0)
            AKIN_TRY(ctx_check(b->ctx, err));
    }
done:
    return status;
}

static akin_status rules_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct rules_params p;
    struct basket_source b = {0};
    struct found f = {0};
    struct op_output out = {0};
    json_t *rows = NULL;
    AKIN_TRY(op_parse(call, 0, &p, err));
    bool is_written = p.output || p.as != 0;
    AKIN_TRY(basket_source_open(call, p.source, p.gap_seconds, &b, err));
    AKIN_TRY(op_output_open(call->ctx, p.output, &out, err));
    AKIN_TRY(find(&b, &p, &f, err));
    int64_t limit = p.limit > 0 ? p.limit : is_written ? f.n : SHOWN;
    limit = limit < f.n ? limit : f.n;
    AKIN_TRY(write_rules(&b, &f, &p, limit, is_written, &out, err));
    *result = json_pack("{s:I, s:i, s:I}", "n_rules", (json_int_t)f.n, "n_itemsets", (int)f.sets.n,
                        "n_baskets", (json_int_t)b.n_baskets);
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "rules: out of memory");
    if (is_written) {
        AKIN_TRY(op_output_close(&out, err));
        json_object_set_new(*result, "rows", json_integer((json_int_t)limit));
        json_object_set_new(*result, p.output ? "output" : "printed",
                            p.output ? json_string(p.output) : json_true());
    } else {
        AKIN_TRY(buf_check(&out.buf, err));
        rows = basket_rows_json(&out.buf);
        if (!rows || json_object_set(*result, "rules", rows) != 0)
            AKIN_FAIL(AKIN_E_MEMORY, "rules: out of memory");
    }
done:
    json_decref(rows);
    op_output_abort(&out);
    mem_free(call->ctx, f.rule);
    assoc_sets_free(call->ctx, &f.sets);
    basket_source_close(&b);
    return status;
}

const struct op op_rules = {
    {"rules",
     "association rules: who has these in the basket has those too",
     "akin rules baskets.txt --min-support 0.001 --min-confidence 0.2 -o rules.csv\n"
     "akin rules data.akin --positive 'value >= 4' --max-antecedent 2 --sort lift --limit 50\n"
     "akin rules orders.csv --gap-seconds 3600 --max-consequent 2 --as jsonl",
     {{"Options", rules_rows}, BASKET_GROUPS},
     3},
    rules_run,
};
