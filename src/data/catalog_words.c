/*
 * Words of changed and new items in order: a treap (Seidel and Aragon, Algorithmica 16, 1996,
 * doi:10.1007/BF01940876), a search tree whose shape follows from random priorities.
 *
 * Nodes come from blocks and go to a list of free ones, so that the writer gets its memory before
 * it takes the lock. Priorities are drawn by a counter: the shape does not follow the words that a
 * client may choose. Cost: O(log n) a word expected, 32 bytes a node.
 * Not done: giving blocks back before the end.
 */
#include "data/catalog_impl.h"

#include "core/hash.h"

akin_status cat_words_reserve(akin_ctx *ctx, struct cat_words *w, int64_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    while (w->n_free < n) {
        struct cat_nodes *nodes;
        MEM_NEW(ctx, nodes, 1);
        nodes->next = w->nodes;
        w->nodes = nodes;
        for (int i = 0; i < CAT_NODES; i++) {
            nodes->node[i].left = w->free;
            w->free = &nodes->node[i];
        }
        w->n_free += CAT_NODES;
    }
done:
    return status;
}

void cat_words_free(akin_ctx *ctx, struct cat_words *w)
{
    while (w->nodes) {
        struct cat_nodes *next = w->nodes->next;
        mem_free(ctx, w->nodes);
        w->nodes = next;
    }
}

static int node_compare(const struct cat_node *node, const char *word, int32_t item)
{
    int order = fold_compare(node->word, word);
    return order != 0 ? order : (node->item > item) - (node->item < item);
}

/* Two trees of `from`: what is before (word, item), and the rest. */
static void split(struct cat_node *from, const char *word, int32_t item, struct cat_node **before,
                  struct cat_node **rest)
{
    while (from) {
        if (node_compare(from, word, item) < 0) {
            *before = from;
            before = &from->right;
            from = from->right;
        } else {
            *rest = from;
            rest = &from->left;
            from = from->left;
        }
    }
    *before = NULL;
    *rest = NULL;
}

static void add_word(struct cat_words *w, const char *word, int32_t item)
{
    struct cat_node *node = w->free;
    w->free = node->left;
    w->n_free--;
    w->n_added++;
    node->word = word;
    node->item = item;
    node->priority = (uint32_t)hash_bytes(&w->n_added, sizeof w->n_added, w->seed);
    struct cat_node **at = &w->root;
    while (*at && (*at)->priority >= node->priority)
        at = node_compare(*at, word, item) < 0 ? &(*at)->right : &(*at)->left;
    split(*at, word, item, &node->left, &node->right);
    *at = node;
}

static void remove_word(struct cat_words *w, const char *word, int32_t item)
{
    struct cat_node **at = &w->root;
    int order = 0;
    while (*at && (order = node_compare(*at, word, item)) != 0)
        at = order < 0 ? &(*at)->right : &(*at)->left;
    struct cat_node *node = *at;
    if (!node)
        return;
    struct cat_node *a = node->left;
    struct cat_node *b = node->right;
    while (a && b) {
        if (a->priority >= b->priority) {
            *at = a;
            at = &a->right;
            a = a->right;
        } else {
            *at = b;
            at = &b->left;
            b = b->left;
        }
    }
    *at = a ? a : b;
    node->left = w->free;
    w->free = node;
    w->n_free++;
}

static const char *next_word(const char *word)
{
    while (*word != ' ')
        word++;
    return word + 1;
}

void cat_words_add(struct cat_words *w, const struct cat_row *row, int32_t item)
{
    const char *word = row->words;
    for (int32_t i = 0; i < row->n_words; i++, word = next_word(word))
        add_word(w, word, item);
}

void cat_words_remove(struct cat_words *w, const struct cat_row *row, int32_t item)
{
    const char *word = row->words;
    for (int32_t i = 0; i < row->n_words; i++, word = next_word(word))
        remove_word(w, word, item);
}

/* Depth of the recursion: that of the tree, some 5 log2(n). */
static bool walk(const struct cat_node *node, const char *word, int32_t item, cat_visit visit,
                 void *arg)
{
    while (node) {
        if (node_compare(node, word, item) > 0 &&
            (!walk(node->left, word, item, visit, arg) || !visit(arg, node->word, node->item)))
            return false;
        node = node->right;
    }
    return true;
}

void cat_words_walk(const struct cat_words *w, const char *word, int32_t item, cat_visit visit,
                    void *arg)
{
    walk(w->root, word, item, visit, arg);
}
