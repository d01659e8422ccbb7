/*
 * rules: association rules (Agrawal, Imieliński and Swami 1993, doi:10.1145/170035.170072): who has
 * these in the basket has that too.
 *
 * A basket is all of a user's positives, or, with gap_seconds, each run of them without a longer
 * pause. A rule A → i: n(A ∪ i) baskets hold both, at least min_support of them; confidence n(A ∪
 * i) / n(A), lift that over n(i) / N. An asker's score of i: over the rules whose antecedent lies
 * in the basket and i does not, the best value, or their sum.
 *
 * Cost: fit that of mining itemsets of up to max_antecedent + 1 items, of each length at most
 * max_sets: where there would be more, the support of that length is raised until there are not. A
 * request visits the antecedents that lie in the basket. Folding in is that visit: anybody's basket
 * will do. Not done: consequents of several items, the order of a basket.
 */
#include "data/baskets.h"
#include "models/folded.h"
#include "models/model_impl.h"
#include "models/rule_tree.h"

#include <inttypes.h>
#include <string.h>

enum { BEST, SUM };

struct rules_params {
    double min_support;
    double min_confidence;
    double min_lift;
    int64_t max_antecedent;
    int64_t score;
    int64_t combine;
    int64_t max_sets;
    int64_t gap_seconds;
};

static const akin_param rules_rows[] = {
    PARAM_REAL(struct rules_params, min_support, "2", 0, 1e15, "", AKIN_PARAM_TUNE,
               "baskets that a rule must hold in: below 1 a share of all, else a number"),
    PARAM_REAL(struct rules_params, min_confidence, "0.02", 0, 1, "", AKIN_PARAM_TUNE,
               "share of the baskets with the antecedent that hold the consequent"),
    PARAM_REAL(struct rules_params, min_lift, "1", 0, 1e12, "", 0,
               "1 = no more often than by chance"),
    PARAM_INT(struct rules_params, max_antecedent, "2", 1, RULE_DEPTH, "items", AKIN_PARAM_TUNE,
              "most items of an antecedent"),
    PARAM_CHOICE(struct rules_params, score, "confidence", "confidence|lift", AKIN_PARAM_TUNE,
                 "what a rule is worth"),
    PARAM_CHOICE(struct rules_params, combine, "sum", "best|sum", AKIN_PARAM_TUNE,
                 "of several rules for one item: the best, or all added up"),
    PARAM_INT(struct rules_params, max_sets, "1000000", 1, 2e9, "sets", 0,
              "of each length; where more are frequent, their support is raised until no more are"),
    PARAM_INT(struct rules_params, gap_seconds, "0", 0, 1e10, "seconds", 0,
              "a longer pause between two events of a user begins a new basket; 0 = never"),
};

struct rules {
    const struct model *owner;
    struct rule_tree tree;
};

static const struct rules_params *params_of(const struct model *m)
{
    return m->params;
}

/* ---- Fit ----------------------------------------------------------------------------------- */

static akin_status mine(struct model *m, const struct baskets *b, struct assoc_sets *sets,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct rules_params *p = params_of(m);
    int64_t least[RULE_DEPTH + 2] = {0};
    const struct itemset_spec spec = {.max_length = p->max_antecedent + 1, .least = least};
    AKIN_TRY(itemsets_min_count(p->min_support, itemsets_baskets(&b->by_basket), &least[1], err));
    AKIN_TRY(itemsets_raise(m->ctx, &b->by_basket, &b->by_item, spec.max_length, p->max_sets, least,
                            err));
    for (int64_t n = 2; n <= spec.max_length; n++)
        if (least[n] > least[n - 1])
            log_write(m->ctx, AKIN_LOG_INFO,
                      "rules: more than max_sets=%" PRId64 " sets of %" PRId64
                      " items lie in %" PRId64 " baskets; their support is %" PRId64 " now",
                      p->max_sets, n, least[n - 1], least[n]);
    AKIN_TRY(assoc_sets_mine(m->ctx, &b->by_basket, &b->by_item, &spec, sets, err));
done:
    return status;
}

static akin_status rules_fit(struct model *m, const struct train_view *tv,
                             const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct rules *self = m->self;
    const struct rules_params *p = params_of(m);
    struct baskets b = {0};
    struct assoc_sets sets = {0};
    struct assoc_rule *rules = NULL;
    int64_t n;
    const struct assoc_spec want = {.min_confidence = p->min_confidence,
                                    .min_lift = p->min_lift,
                                    .max_antecedent = p->max_antecedent,
                                    .max_consequent = 1};
    self->owner = m;
    AKIN_TRY(baskets_make(tv, p->gap_seconds, &b, err));
    AKIN_TRY(mine(m, &b, &sets, err));
    AKIN_TRY(assoc_rules(m->ctx, &sets, &want, &rules, &n, err));
    AKIN_TRY(rule_tree_build(m->ctx, &sets, rules, n, p->score == 0 ? ASSOC_CONFIDENCE : ASSOC_LIFT,
                             m->items.n, &self->tree, err));
done:
    mem_free(m->ctx, rules);
    assoc_sets_free(m->ctx, &sets);
    baskets_free(m->ctx, &b);
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

/* Distinct known items of the history's positives, ascending. */
struct basket {
    const int32_t *item;
    int32_t n;
};

static bool basket_has(const struct basket *b, int32_t item)
{
    int32_t lo = 0, hi = b->n;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (b->item[mid] == item)
            return true;
        if (b->item[mid] < item)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static akin_status fold(const struct rules *self, const struct query *q, struct arena *scratch,
                        struct basket *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct folded h;
    AKIN_TRY(folded_make(&q->hist, self->tree.n_items, false, scratch, &h, err));
    *out = (struct basket){h.item, h.n};
done:
    return status;
}

struct scoring {
    const struct rules *self;
    const struct basket *basket;
    struct evidence *out;
};

static void score_node(void *arg, int32_t node, const int32_t *path, int32_t depth)
{
    (void)path;
    (void)depth;
    const struct scoring *s = arg;
    const struct rule_tree *t = &s->self->tree;
    bool is_best = params_of(s->self->owner)->combine == BEST;
    for (int64_t e = t->ptr[node]; e < t->ptr[node + 1]; e++) {
        int32_t i = t->then[e];
        if (basket_has(s->basket, i))
            continue;
        if (!is_best || !s->out->seen[i])
            evidence_add(s->out, i, t->value[e]);
        else if (t->value[e] > s->out->value[i])
            s->out->value[i] = t->value[e];
    }
}

static akin_status rules_evidence(const void *state, const struct query *q, struct evidence *out,
                                  struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct rules *self = state;
    struct basket basket;
    AKIN_TRY(fold(self, q, scratch, &basket, err));
    struct scoring s = {self, &basket, out};
    rule_tree_walk(&self->tree, basket.item, basket.n, score_node, &s);
done:
    return status;
}

/* What each item of the basket adds to the score of one: the value of a rule is its antecedent's,
 * in equal parts; by the best rule alone, or by all. */
struct explaining {
    const struct rules *self;
    int32_t item;
    float best;
    float *share; /* (items of the basket) */
    int32_t n;
};

static void explain_node(void *arg, int32_t node, const int32_t *path, int32_t depth)
{
    struct explaining *x = arg;
    const struct rule_tree *t = &x->self->tree;
    bool is_best = params_of(x->self->owner)->combine == BEST;
    int64_t lo = t->ptr[node], hi = t->ptr[node + 1];
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (t->then[mid] < x->item)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == t->ptr[node + 1] || t->then[lo] != x->item || (is_best && t->value[lo] <= x->best))
        return;
    if (is_best)
        memset(x->share, 0, (size_t)x->n * sizeof *x->share);
    x->best = t->value[lo];
    for (int32_t i = 0; i < depth; i++)
        x->share[path[i]] += t->value[lo] / (float)depth;
}

static akin_status rules_explain(const void *state, const struct query *q, int32_t item,
                                 struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct rules *self = state;
    struct basket basket;
    *n = 0;
    AKIN_TRY(fold(self, q, scratch, &basket, err));
    if (basket_has(&basket, item))
        goto done;
    struct explaining x = {.self = self, .item = item, .n = basket.n};
    x.share = arena_alloc(scratch, basket.n, sizeof *x.share, err); /* cleared */
    if (!x.share)
        AKIN_TRY(AKIN_E_MEMORY);
    rule_tree_walk(&self->tree, basket.item, basket.n, explain_node, &x);
    for (int32_t j = 0; j < basket.n; j++)
        if (x.share[j] > 0)
            *n = reason_put(out, max, *n, basket.item[j], x.share[j]);
done:
    return status;
}

static akin_status rules_similar(const void *state, int32_t item, struct evidence *out,
                                 struct arena *scratch, akin_error *err)
{
    (void)scratch;
    (void)err;
    const struct rules *self = state;
    const struct rule_tree *t = &self->tree;
    int32_t node = rule_tree_single(t, item);
    for (int64_t e = node >= 0 ? t->ptr[node] : 0; node >= 0 && e < t->ptr[node + 1]; e++)
        evidence_add(out, t->then[e], t->value[e]);
    return AKIN_OK;
}

/* ---- Files --------------------------------------------------------------------------------- */

static akin_status rules_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    const struct rules *self = m->self;
    return rule_tree_save(w, &self->tree, err);
}

static akin_status rules_load(struct model *m, struct container *c, akin_error *err)
{
    struct rules *self = m->self;
    self->owner = m;
    return rule_tree_load(c, m->items.n, &self->tree, err);
}

static void rules_destroy(struct model *m)
{
    struct rules *self = m->self;
    rule_tree_free(m, &self->tree);
}

static void rules_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                           double *bytes, double *flops)
{
    const struct rules_params *p = params;
    double deg = n_users > 0 ? (double)nnz / (double)n_users : 0;
    /* each set: itself, its place in the table, a rule an item and what sorting those takes */
    double per_set = 40 + 4.0 * (double)p->max_antecedent + 60.0 * (double)(p->max_antecedent + 1);
    *bytes = 4.0 * (double)nnz + per_set * (double)(p->max_sets * p->max_antecedent) +
             48.0 * (double)n_items + 16e6 + (p->gap_seconds > 0 ? 32.0 * (double)nnz : 0);
    /* pairs are counted anew at each support tried */
    *flops = 20 * deg * (double)nnz + 2000.0 * (double)(p->max_sets * p->max_antecedent);
}

const struct model_class model_rules = {
    .name = "rules",
    .summary = "association rules: who has these in the basket has that too",
    .flags = MODEL_CLOSED_FORM,
    .params = rules_rows,
    .n_params = PARAM_COUNT(rules_rows),
    .params_size = sizeof(struct rules_params),
    .self_size = sizeof(struct rules),
    .fit = rules_fit,
    .scorer = {.evidence = rules_evidence, .explain = rules_explain, .similar = rules_similar},
    .save = rules_save,
    .load = rules_load,
    .destroy = rules_destroy,
    .estimate = rules_estimate,
};
