/*
 * FP-growth (Han, Pei and Yin 2000, Mining frequent patterns without candidate generation,
 * doi:10.1145/335191.335372): the baskets of a prefix as a tree of shared beginnings, the more
 * frequent items nearer to the root. The tree of one item more is made of the ways from that item's
 * nodes up to the root.
 *
 * The first tree is that of one item's baskets, not of all: classes are independent of each other,
 * and no tree of the whole is ever held.
 *
 * Cost: the nodes on the ways, twice a set. Memory: 24 bytes a node, a tree a level. Not done:
 * closed and maximal sets (eclat finds them without a list of the sets found), single-path trees as
 * a case of their own.
 */
#include "solve/itemsets_impl.h"

#include <stdlib.h>
#include <string.h>

/* Nodes 1, 2, …; 0 = the root, or none. Rows are the items of the frame, by rank. */
struct fp_node {
    int32_t row, count;
    int32_t parent; /* greater rows are deeper */
    int32_t next;   /* of the same row */
    int32_t child, sibling;
};
struct fp_tree {
    struct fp_node *node; /* (n_nodes + 1) */
    int32_t *head;        /* (rows) first node of each */
    int32_t *top;         /* (rows) child of the root, while the tree is built */
    int32_t n_nodes;
};

static akin_status tree_new(struct walker *w, int32_t n_rows, int64_t n_nodes, struct fp_tree **out,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fp_tree *tree = pile_alloc(&w->pile, 1, sizeof *tree, err);
    if (!tree)
        AKIN_TRY(AKIN_E_MEMORY);
    if (n_nodes >= INT32_MAX)
        AKIN_FAIL(AKIN_E_LIMIT,
                  "itemsets: an item in baskets of %lld items is more than a tree "
                  "holds: raise min_support",
                  (long long)n_nodes);
    tree->n_nodes = 0;
    tree->node = pile_alloc(&w->pile, n_nodes + 1, sizeof *tree->node, err);
    tree->head = pile_alloc(&w->pile, n_rows, sizeof *tree->head, err);
    tree->top = pile_alloc(&w->pile, n_rows, sizeof *tree->top, err);
    if (!tree->node || !tree->head || !tree->top)
        AKIN_TRY(AKIN_E_MEMORY);
    memset(tree->head, 0, (size_t)n_rows * sizeof *tree->head);
    memset(tree->top, 0, (size_t)n_rows * sizeof *tree->top);
    *out = tree;
done:
    return status;
}

/* The child of `parent` for a row, made if there is none. */
static int32_t tree_child(struct fp_tree *tree, int32_t parent, int32_t row)
{
    struct fp_node *node = tree->node;
    int32_t *link = parent > 0 ? &node[parent].child : &tree->top[row];
    for (int32_t at = *link; at > 0; at = node[at].sibling)
        if (node[at].row == row)
            return at;
    int32_t made = ++tree->n_nodes;
    node[made] = (struct fp_node){
        .row = row, .parent = parent, .next = tree->head[row], .sibling = parent > 0 ? *link : 0};
    *link = tree->head[row] = made;
    return made;
}

/* rows (n) ascending; count baskets have them. */
static void tree_add(struct fp_tree *tree, const int32_t *rows, int32_t n, int32_t count)
{
    int32_t at = 0;
    for (int32_t i = 0; i < n; i++) {
        at = tree_child(tree, at, rows[i]);
        tree->node[at].count += count;
    }
}

static int order_int64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Puts the kept rows in the order of their ranks, the order from the root down. */
static akin_status sort_by_rank(struct walker *w, int32_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct pile_mark mark = pile_mark(&w->pile);
    int64_t *key = pile_alloc(&w->pile, n, sizeof *key, err);
    if (!key)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t j = 0; j < n; j++)
        key[j] = (int64_t)w->list[w->keep[j]] << 32 | w->keep[j];
    qsort(key, (size_t)n, sizeof *key, order_int64);
    for (int32_t j = 0; j < n; j++)
        w->keep[j] = (int32_t)(key[j] & INT32_MAX);
    pile_release(&w->pile, mark);
done:
    return status;
}

akin_status fp_first(struct walker *w, const struct candidates *c, const struct chosen *chosen,
                     int32_t r, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ranked_baskets *db = &w->job->db;
    const int32_t *basket = ranked_baskets_of(db, r);
    struct fp_tree *tree;
    int64_t n_nodes = 0;
    AKIN_TRY(sort_by_rank(w, chosen->n, err));
    struct pile_mark mark = pile_mark(&w->pile);
    for (int32_t j = 0; j < chosen->n; j++)
        n_nodes += c->count[w->keep[j]];
    AKIN_TRY(tree_new(w, chosen->n, n_nodes, &tree, err));
    AKIN_TRY(walker_push(w, c, chosen, mark, err));
    w->frames[w->depth - 1].tree = tree;
    for (int32_t j = 0; j < chosen->n; j++)
        w->tally[w->list[w->keep[j]]] = j + 1;
    for (int32_t b = 0; b < db->count[r]; b++) {
        int64_t e = db->ptr[basket[b]], end = db->ptr[basket[b] + 1];
        ranked_baskets_call(db, r, b);
        int32_t n = 0;
        for (; e < end && db->rank[e] < r; e++)
            if (w->tally[db->rank[e]] > 0)
                w->count[n++] = w->tally[db->rank[e]] - 1;
        tree_add(tree, w->count, n, 1);
    }
    for (int32_t j = 0; j < chosen->n; j++)
        w->tally[w->list[w->keep[j]]] = 0;
done:
    return status;
}

/* The ways of row k with the rows that stay; in w->list their new numbers, -1 = none. */
static void tree_project(struct walker *w, const struct fp_tree *from, int32_t k,
                         struct fp_tree *to)
{
    const struct fp_node *node = from->node;
    for (int32_t at = from->head[k]; at > 0; at = node[at].next) {
        int32_t end = k, n = 0;
        for (int32_t up = node[at].parent; up > 0; up = node[up].parent)
            if (w->list[node[up].row] >= 0)
                w->item[--end] = w->list[node[up].row], n++;
        tree_add(to, w->item + end, n, node[at].count);
    }
}

akin_status fp_extend(struct walker *w, int32_t k, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct frame f = w->frames[w->depth - 1];
    const struct fp_node *node = f.tree->node;
    struct candidates c = {f.item, w->count, 0, 0, k};
    struct chosen chosen;
    struct fp_tree *tree;
    int64_t n_nodes = 0;
    memset(w->count, 0, (size_t)k * sizeof *w->count);
    for (int32_t at = f.tree->head[k]; at > 0; at = node[at].next)
        for (int32_t up = node[at].parent; up > 0; up = node[up].parent, n_nodes++)
            w->count[node[up].row] += node[at].count;
    AKIN_TRY(walker_enter(w, &c, f.length + 1, f.count[k], &chosen, err));
    if (chosen.n == 0)
        goto done;
    struct pile_mark mark = pile_mark(&w->pile);
    AKIN_TRY(tree_new(w, chosen.n, n_nodes, &tree, err));
    AKIN_TRY(walker_push(w, &c, &chosen, mark, err));
    w->frames[w->depth - 1].tree = tree;
    memset(w->list, 0xff, (size_t)k * sizeof *w->list);
    for (int32_t j = 0; j < chosen.n; j++)
        w->list[w->keep[j]] = j;
    tree_project(w, f.tree, k, tree);
done:
    return status;
}
