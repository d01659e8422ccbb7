/*
 * Rules from frequent itemsets (Agrawal and Srikant 1994: consequents grow item by item), and what
 * they are measured by. Zhang's metric: Zhang 2000, doi:10.1007/3-540-45571-X_25.
 *
 * Sets are dealt to blocks, whose rules are put together in order. Measures are quotients of exact
 * integers, rounded once or twice; sums of products stay below 2^62.
 */
#include "core/par.h"
#include "solve/assoc.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SETS = 4096, TELL_RULES = 4096 };

struct rule_block {
    struct assoc_rule *rule; /* owned */
    int64_t n, cap;
};

struct rule_job {
    akin_ctx *ctx;
    const struct assoc_sets *s;
    const struct assoc_spec *spec;
    struct rule_block *blocks;
    _Atomic int64_t n_rules;
};

/* A whole set at work on; from and to are filled as consequents grow. */
struct growing {
    struct rule_job *job;
    struct rule_block *block;
    int32_t whole, length;
    const int32_t *item; /* (length) of the whole */
    int32_t *from, *to;  /* (length) scratch */
    int64_t fresh;       /* rules tried since the last poll */
};

static akin_status add_rule(struct growing *g, const struct assoc_rule *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct assoc_spec *spec = g->job->spec;
    struct rule_block *b = g->block;
    MEM_GROW(g->job->ctx, b->rule, b->cap, b->n + 1);
    b->rule[b->n++] = *r;
    if (b->n % TELL_RULES != 0)
        goto done;
    int64_t n = atomic_fetch_add(&g->job->n_rules, TELL_RULES) + TELL_RULES;
    if (spec->max_rules > 0 && n > spec->max_rules)
        AKIN_FAIL(AKIN_E_LIMIT,
                  "rules: more than %" PRId64 ": raise min_confidence or min_support, lower "
                  "max_consequent, or raise max_rules",
                  spec->max_rules);
done:
    return status;
}

/* to (n) and one item of the whole more, each from index `start` on. */
static akin_status grow(struct growing *g, int32_t n, int32_t start, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct assoc_sets *s = g->job->s;
    const struct assoc_spec *spec = g->job->spec;
    int64_t most_to = spec->max_consequent > 0 ? spec->max_consequent : INT32_MAX;
    int64_t most_from = spec->max_antecedent > 0 ? spec->max_antecedent : INT32_MAX;
    for (int32_t i = start; i < g->length; i++) {
        g->to[n] = g->item[i];
        int32_t n_from = 0;
        for (int32_t j = 0, t = 0; j < g->length; j++) {
            if (t <= n && g->item[j] == g->to[t])
                t++;
            else
                g->from[n_from++] = g->item[j];
        }
        struct assoc_rule r = {g->whole, assoc_find(s, g->from, n_from),
                               assoc_find(s, g->to, n + 1)};
        if (r.from < 0 || r.to < 0) /* only where the sets are not all */
            continue;
        if (++g->fresh % TELL_RULES == 0)
            AKIN_TRY(ctx_check(g->job->ctx, err));
        if (assoc_measure_of(s, &r, ASSOC_CONFIDENCE) < spec->min_confidence)
            continue;
        if (n_from <= most_from && assoc_measure_of(s, &r, ASSOC_LIFT) >= spec->min_lift)
            AKIN_TRY(add_rule(g, &r, err));
        if (n_from > 1 && n + 1 < most_to)
            AKIN_TRY(grow(g, n + 1, i + 1, err));
    }
done:
    return status;
}

static akin_status rule_block_run(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    akin_status status = AKIN_OK;
    struct rule_job *job = arg;
    const struct assoc_sets *s = job->s;
    struct growing g = {.job = job, .block = &job->blocks[block]};
    int64_t most = job->spec->max_antecedent > 0 && job->spec->max_consequent > 0
                       ? job->spec->max_antecedent + job->spec->max_consequent
                       : INT32_MAX;
    int64_t longest = 0, hi = par_hi(block, BLOCK_SETS, s->n);
    for (int64_t i = par_lo(block, BLOCK_SETS); i < hi; i++)
        longest = longest > s->ptr[i + 1] - s->ptr[i] ? longest : s->ptr[i + 1] - s->ptr[i];
    MEM_NEW(job->ctx, g.from, longest);
    MEM_NEW(job->ctx, g.to, longest);
    for (int64_t i = par_lo(block, BLOCK_SETS); i < hi; i++) {
        g.whole = (int32_t)i;
        g.length = assoc_length(s, g.whole);
        g.item = s->item + s->ptr[i];
        if (g.length > 1 && g.length <= most)
            AKIN_TRY(grow(&g, 0, 0, err));
    }
    progress_add(job->ctx, 1);
done:
    mem_free(job->ctx, g.from);
    mem_free(job->ctx, g.to);
    return status;
}

static akin_status put_together(struct rule_job *job, int64_t n_blocks, struct assoc_rule **out,
                                int64_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t total = 0, max = job->spec->max_rules;
    for (int64_t b = 0; b < n_blocks; b++)
        total += job->blocks[b].n;
    if (max > 0 && total > max)
        AKIN_FAIL(AKIN_E_LIMIT,
                  "rules: %" PRId64 ", more than max_rules=%" PRId64
                  ": raise min_confidence or min_support, or raise it",
                  total, max);
    MEM_NEW(job->ctx, *out, total);
    *n = 0;
    for (int64_t b = 0; b < n_blocks; b++) {
        if (job->blocks[b].n > 0)
            memcpy(*out + *n, job->blocks[b].rule, (size_t)job->blocks[b].n * sizeof **out);
        *n += job->blocks[b].n;
        mem_free(job->ctx, job->blocks[b].rule);
        job->blocks[b].rule = NULL;
    }
done:
    return status;
}

akin_status assoc_rules(akin_ctx *ctx, const struct assoc_sets *s, const struct assoc_spec *spec,
                        struct assoc_rule **out, int64_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_blocks = par_blocks(s->n, BLOCK_SETS);
    struct rule_job job = {.ctx = ctx, .s = s, .spec = spec};
    *out = NULL;
    *n = 0;
    progress_begin(ctx, "rules", n_blocks);
    MEM_ZERO(ctx, job.blocks, n_blocks);
    AKIN_TRY(par_for(ctx, n_blocks, rule_block_run, &job, err));
    AKIN_TRY(put_together(&job, n_blocks, out, n, err));
done:
    progress_end(ctx);
    for (int64_t b = 0; job.blocks && b < n_blocks; b++)
        mem_free(ctx, job.blocks[b].rule);
    mem_free(ctx, job.blocks);
    return status;
}

/* ---- Measures ------------------------------------------------------------------------------ */

static double zhang(int64_t total, int64_t both, int64_t from, int64_t to)
{
    double above = (double)(both * total - from * to);
    int64_t a = both * (total - from), b = from * (to - both);
    int64_t most = a > b ? a : b;
    return most > 0 ? above / (double)most : 0;
}

double assoc_measure_of(const struct assoc_sets *s, const struct assoc_rule *r,
                        enum assoc_measure measure)
{
    int64_t total = s->n_baskets, both = s->count[r->whole];
    int64_t from = s->count[r->from], to = s->count[r->to];
    switch (measure) {
    case ASSOC_SUPPORT:
        return (double)both / (double)total;
    case ASSOC_CONFIDENCE:
        return (double)both / (double)from;
    case ASSOC_LIFT:
        return (double)(both * total) / (double)(from * to);
    case ASSOC_LEVERAGE:
        return (double)(both * total - from * to) / ((double)total * (double)total);
    case ASSOC_CONVICTION:
        return from > both ? (double)((total - to) * from) / (double)(total * (from - both))
                           : (double)INFINITY;
    case ASSOC_ZHANG:
        return zhang(total, both, from, to);
    case ASSOC_MEASURES:
        break;
    }
    return 0;
}

/* ---- Order --------------------------------------------------------------------------------- */

struct keyed {
    double key;
    struct assoc_rule rule;
    const struct assoc_sets *s;
};

static int sets_order(const struct assoc_sets *s, int32_t a, int32_t b)
{
    int32_t n = assoc_length(s, a), m = assoc_length(s, b);
    if (n != m)
        return n < m ? -1 : 1;
    for (int32_t i = 0; i < n; i++) {
        int32_t x = s->item[s->ptr[a] + i], y = s->item[s->ptr[b] + i];
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

static int keyed_order(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    const struct assoc_sets *s = x->s;
    if (x->key > y->key || x->key < y->key)
        return x->key > y->key ? -1 : 1;
    int32_t n = s->count[x->rule.whole], m = s->count[y->rule.whole];
    if (n != m)
        return n > m ? -1 : 1;
    int order = sets_order(s, x->rule.from, y->rule.from);
    return order ? order : sets_order(s, x->rule.to, y->rule.to);
}

akin_status assoc_sort(akin_ctx *ctx, const struct assoc_sets *s, enum assoc_measure by,
                       struct assoc_rule *rules, int64_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct keyed *keyed = NULL;
    MEM_NEW(ctx, keyed, n);
    for (int64_t i = 0; i < n; i++)
        keyed[i] = (struct keyed){assoc_measure_of(s, &rules[i], by), rules[i], s};
    qsort(keyed, (size_t)n, sizeof *keyed, keyed_order);
    for (int64_t i = 0; i < n; i++)
        rules[i] = keyed[i].rule;
done:
    mem_free(ctx, keyed);
    return status;
}
