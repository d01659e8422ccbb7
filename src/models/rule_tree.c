/*
 * The tree of antecedents: built from sorted rules level by level, walked by merging the children
 * of a node with what is left of the basket.
 *
 * Cost: a walk looks at no antecedent that is not in the basket but for the siblings it merges
 * past.
 */
#include "models/rule_tree.h"

#include "models/model_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Building ------------------------------------------------------------------------------ */

struct keyed { /* a rule where a sort can see its items */
    const int32_t *from;
    int32_t n_from, to;
    float value;
};

static int keyed_order(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int32_t n = x->n_from < y->n_from ? x->n_from : y->n_from;
    for (int32_t i = 0; i < n; i++)
        if (x->from[i] != y->from[i])
            return x->from[i] < y->from[i] ? -1 : 1;
    if (x->n_from != y->n_from)
        return x->n_from < y->n_from ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

/* A node to come: its antecedent is the first `depth` items of rules [lo, hi). */
struct span {
    int64_t lo, hi;
    int32_t depth;
};

struct growing {
    akin_ctx *ctx;
    const struct keyed *rule; /* (n) sorted */
    struct span *span;        /* (n_nodes) */
    int32_t *item, *child;
    int64_t *ptr;
    int32_t *then;
    float *value;
    int64_t n_nodes, cap, n_rules;
};

static akin_status add_node(struct growing *g, int32_t item, const struct span *span,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t caps[3] = {g->cap, g->cap, g->cap};
    if (g->n_nodes == INT32_MAX - 1)
        AKIN_FAIL(AKIN_E_LIMIT, "rules: more than %d antecedents: raise min_support",
                  INT32_MAX - 1);
    MEM_GROW(g->ctx, g->item, caps[0], g->n_nodes + 2);
    MEM_GROW(g->ctx, g->child, caps[1], g->n_nodes + 2);
    MEM_GROW(g->ctx, g->ptr, caps[2], g->n_nodes + 2);
    MEM_GROW(g->ctx, g->span, g->cap, g->n_nodes + 2);
    g->item[g->n_nodes] = item;
    g->span[g->n_nodes++] = *span;
done:
    return status;
}

/* The rules of a node come first among those that begin with it, its children behind them. */
static akin_status grow_node(struct growing *g, int64_t node, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct span s = g->span[node];
    int64_t at = s.lo;
    g->ptr[node] = g->n_rules;
    for (; at < s.hi && g->rule[at].n_from == s.depth; at++) {
        g->then[g->n_rules] = g->rule[at].to;
        g->value[g->n_rules++] = g->rule[at].value;
    }
    g->child[node] = (int32_t)g->n_nodes;
    while (at < s.hi) {
        struct span next = {at, at, s.depth + 1};
        int32_t item = g->rule[at].from[s.depth];
        while (next.hi < s.hi && g->rule[next.hi].from[s.depth] == item)
            next.hi++;
        AKIN_TRY(add_node(g, item, &next, err));
        at = next.hi;
    }
done:
    return status;
}

akin_status rule_tree_build(akin_ctx *ctx, const struct assoc_sets *s, struct assoc_rule *rules,
                            int64_t n, enum assoc_measure measure, int32_t n_items,
                            struct rule_tree *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct keyed *keyed = NULL;
    struct growing g = {.ctx = ctx};
    MEM_NEW(ctx, keyed, n);
    for (int64_t i = 0; i < n; i++)
        keyed[i] = (struct keyed){s->item + s->ptr[rules[i].from], assoc_length(s, rules[i].from),
                                  s->item[s->ptr[rules[i].to]],
                                  (float)assoc_measure_of(s, &rules[i], measure)};
    qsort(keyed, (size_t)n, sizeof *keyed, keyed_order);
    g.rule = keyed;
    MEM_NEW(ctx, g.then, n);
    MEM_NEW(ctx, g.value, n);
    AKIN_TRY(add_node(&g, -1, &(struct span){0, n, 0}, err));
    for (int64_t node = 0; node < g.n_nodes; node++)
        AKIN_TRY(grow_node(&g, node, err));
    g.ptr[g.n_nodes] = g.n_rules;
    g.child[g.n_nodes] = (int32_t)g.n_nodes;
    *out = (struct rule_tree){n_items, (int32_t)g.n_nodes, g.item, g.child, g.ptr, g.then, g.value};
    g = (struct growing){.span = g.span};
done:
    mem_free(ctx, g.item);
    mem_free(ctx, g.child);
    mem_free(ctx, g.ptr);
    mem_free(ctx, g.then);
    mem_free(ctx, g.value);
    mem_free(ctx, g.span);
    mem_free(ctx, keyed);
    return status;
}

void rule_tree_free(const struct model *m, struct rule_tree *t)
{
    if (m->file)
        return;
    model_free_array(m->ctx, t->item);
    model_free_array(m->ctx, t->child);
    model_free_array(m->ctx, t->ptr);
    model_free_array(m->ctx, t->then);
    model_free_array(m->ctx, t->value);
}

/* ---- Files --------------------------------------------------------------------------------- */

akin_status rule_tree_save(struct container_writer *w, const struct rule_tree *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = t->n_nodes, n_rules = t->ptr[n];
    const struct {
        const char *name;
        const void *data;
        int64_t bytes;
    } sections[] = {{"m.item", t->item, n * (int64_t)sizeof *t->item},
                    {"m.child", t->child, (n + 1) * (int64_t)sizeof *t->child},
                    {"m.ptr", t->ptr, (n + 1) * (int64_t)sizeof *t->ptr},
                    {"m.then", t->then, n_rules * (int64_t)sizeof *t->then},
                    {"m.value", t->value, n_rules * (int64_t)sizeof *t->value}};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        AKIN_TRY(container_add(w, sections[i].name, CONTAINER_REQUIRED, sections[i].data,
                               sections[i].bytes, err));
done:
    return status;
}

/* Children lie behind their node, one after another, so that each has one parent and a walk ends.
 */
static akin_status check_nodes(const struct rule_tree *t, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n = t->n_nodes;
    if (t->item[0] != -1 || t->child[0] != 1 || t->child[n] != n || t->ptr[0] != 0)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: sections m.item, m.child and m.ptr are no tree", path);
    for (int32_t k = 0; k < n; k++) {
        if (t->child[k] > t->child[k + 1] || t->child[k] <= k || t->ptr[k] > t->ptr[k + 1])
            AKIN_FAIL(AKIN_E_FORMAT, "%s: sections m.child and m.ptr: node %d of %d", path, k, n);
        for (int32_t c = t->child[k]; c < t->child[k + 1]; c++)
            if (t->item[c] >= t->n_items || t->item[c] <= t->item[k] ||
                (c > t->child[k] && t->item[c] <= t->item[c - 1]))
                AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.item: item %d of %d at node %d", path,
                          t->item[c], t->n_items, c);
    }
    int32_t depth = 0;
    for (int32_t end = 1; end < n; end = t->child[end], depth++)
        if (depth == RULE_DEPTH)
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.child: more than %d items in an antecedent",
                      path, RULE_DEPTH);
done:
    return status;
}

static akin_status check_rules(const struct rule_tree *t, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int32_t k = 0; k < t->n_nodes; k++)
        for (int64_t e = t->ptr[k]; e < t->ptr[k + 1]; e++) {
            if (t->then[e] < 0 || t->then[e] >= t->n_items ||
                (e > t->ptr[k] && t->then[e] <= t->then[e - 1]))
                AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.then: item %d of %d at %" PRId64, path,
                          t->then[e], t->n_items, e);
            if (!(t->value[e] > 0) || isinf(t->value[e]))
                AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.value: %g at %" PRId64, path,
                          (double)t->value[e], e);
        }
done:
    return status;
}

akin_status rule_tree_load(struct container *c, int32_t n_items, struct rule_tree *out,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *path = container_path(c);
    const void *item, *child, *ptr, *then, *value;
    int64_t n_item, n_child, n_ptr, n_then, n_value;
    AKIN_TRY(container_get(c, "m.item", sizeof *out->item, false, &item, &n_item, err));
    AKIN_TRY(container_get(c, "m.child", sizeof *out->child, false, &child, &n_child, err));
    AKIN_TRY(container_get(c, "m.ptr", sizeof *out->ptr, false, &ptr, &n_ptr, err));
    AKIN_TRY(container_get(c, "m.then", sizeof *out->then, false, &then, &n_then, err));
    AKIN_TRY(container_get(c, "m.value", sizeof *out->value, false, &value, &n_value, err));
    if (n_item < 1 || n_item >= INT32_MAX || n_child != n_item + 1 || n_ptr != n_item + 1 ||
        n_then != n_value || ((const int64_t *)ptr)[n_item] != n_then)
        AKIN_FAIL(AKIN_E_FORMAT,
                  "%s: sections m.item, m.child, m.ptr, m.then and m.value do not "
                  "fit",
                  path);
    *out = (struct rule_tree){n_items, (int32_t)n_item, item, child, ptr, then, value};
    AKIN_TRY(check_nodes(out, path, err));
    AKIN_TRY(check_rules(out, path, err));
done:
    return status;
}

/* ---- Walking ------------------------------------------------------------------------------- */

/* The first child of [lo, hi) whose item is not below `item`. */
static int32_t child_from(const struct rule_tree *t, int32_t lo, int32_t hi, int32_t item)
{
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (t->item[mid] < item)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int32_t rule_tree_single(const struct rule_tree *t, int32_t item)
{
    int32_t at = child_from(t, t->child[0], t->child[1], item);
    return at < t->child[1] && t->item[at] == item ? at : -1;
}

/* Where the walk stands at one level: the next child, and the next item of the basket. */
struct level {
    int32_t child, end, at;
};

void rule_tree_walk(const struct rule_tree *t, const int32_t *basket, int32_t n, rule_fn fn,
                    void *arg)
{
    struct level level[RULE_DEPTH + 1];
    int32_t path[RULE_DEPTH], depth = 0;
    level[0] = (struct level){t->child[0], t->child[1], 0};
    while (depth >= 0) {
        struct level *l = &level[depth];
        if (l->child == l->end || l->at == n) {
            depth--;
            continue;
        }
        int32_t item = basket[l->at];
        if (t->item[l->child] < item) {
            l->child = child_from(t, l->child + 1, l->end, item);
        } else if (t->item[l->child] > item) {
            l->at++;
        } else {
            int32_t node = l->child++;
            path[depth] = l->at++;
            fn(arg, node, path, depth + 1);
            level[++depth] = (struct level){t->child[node], t->child[node + 1], l->at};
        }
    }
}
