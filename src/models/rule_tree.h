/*
 * Rules by antecedent, as a tree of prefixes: node 0 is the empty antecedent, the way down to a
 * node is an antecedent with ascending items. Nodes lie level by level, children side by side.
 */
#ifndef AKIN_MODELS_RULE_TREE_H
#define AKIN_MODELS_RULE_TREE_H

#include "models/model.h"
#include "solve/assoc.h"

enum { RULE_DEPTH = 16 }; /* most items of an antecedent */

struct rule_tree {
    int32_t n_items, n_nodes;
    const int32_t *item;  /* (n_nodes) last of the antecedent, -1 for node 0 */
    const int32_t *child; /* (n_nodes + 1) first child; ascending among siblings */
    const int64_t *ptr;   /* (n_nodes + 1) into then, value */
    const int32_t *then;  /* consequents, ascending within a node */
    const float *value;   /* > 0 */
};

/*
 * From rules with one consequent each, valued by a measure that is above 0 for all of them. rules
 * (n) are sorted by it. Cost: n log n.
 */
akin_status rule_tree_build(akin_ctx *ctx, const struct assoc_sets *s, struct assoc_rule *rules,
                            int64_t n, enum assoc_measure measure, int32_t n_items,
                            struct rule_tree *out, akin_error *err);
void rule_tree_free(const struct model *m, struct rule_tree *t); /* of a fitted model */
/* Sections m.item, m.child, m.ptr, m.then, m.value; loading checks all that walking relies on. */
akin_status rule_tree_save(struct container_writer *w, const struct rule_tree *t, akin_error *err);
akin_status rule_tree_load(struct container *c, int32_t n_items, struct rule_tree *out,
                           akin_error *err);
/* The node of {item}, or -1. */
int32_t rule_tree_single(const struct rule_tree *t, int32_t item);

/* path (depth): which of the basket's items are the antecedent, as indices into it. */
typedef void (*rule_fn)(void *arg, int32_t node, const int32_t *path, int32_t depth);
/* Calls fn for each node whose antecedent lies in the basket (n, ascending), always in one order.
 * Cost: the nodes and a merge or a binary search each. */
void rule_tree_walk(const struct rule_tree *t, const int32_t *basket, int32_t n, rule_fn fn,
                    void *arg);

#endif
