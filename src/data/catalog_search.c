/*
 * Search: items that have, for each word of the query, a word that begins so.
 *
 * The base is read without the lock, its rarest word first: an entry counts if its item is still
 * what it was and if it is the item's first word that begins so (so that none counts twice). Then
 * the overlay's words, a slice at a time under the lock. The best stay in a heap in the caller's
 * array. An item that changes meanwhile may be met in both: then the heap is looked through.
 *
 * Cost: O(entries of the rarest word); a look at the item's words only for those that would stay.
 * Not done: anything but the beginnings of words; see data/fold.h for what folding leaves out.
 */
#include "data/catalog_impl.h"

#include <string.h>

enum { SLICE = 1024 }; /* overlay words looked at before the writer may come in */

struct search {
    struct catalog *c;
    int64_t version;  /* at the start */
    bool has_changed; /* since */
    struct folded query;
    const char *word[FOLD_WORDS]; /* of the query */
    int32_t *items;               /* a heap, the worst on top */
    int32_t n, most;
    const char *prefix; /* the word that leads through the overlay */
    int32_t budget;
    char last_word[FOLD_WORD_MAX + 1]; /* where a slice ended */
    int32_t last_item;
    bool is_done;
};

/* ---- The heap ---- */

static bool is_worse(const struct catalog *c, int32_t a, int32_t b)
{
    int32_t x = cat_popularity(c, a);
    int32_t y = cat_popularity(c, b);
    return x != y ? x < y : a > b;
}

static void sift_down(const struct catalog *c, int32_t *items, int32_t n, int32_t item)
{
    int64_t at = 0;
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && is_worse(c, items[child + 1], items[child]))
            child++;
        if (!is_worse(c, items[child], item))
            break;
        items[at] = items[child];
    }
    items[at] = item;
}

static bool would_stay(const struct search *s, int32_t item)
{
    return s->n < s->most || is_worse(s->c, s->items[0], item);
}

static void push(struct search *s, int32_t item)
{
    for (int32_t i = 0; s->has_changed && i < s->n; i++) {
        if (s->items[i] == item)
            return;
    }
    if (s->n == s->most) {
        sift_down(s->c, s->items, s->n, item);
        return;
    }
    int32_t at = s->n++;
    while (at > 0 && is_worse(s->c, item, s->items[(at - 1) / 2])) {
        s->items[at] = s->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    s->items[at] = item;
}

/* Best first. */
static void sort_heap(struct search *s)
{
    for (int32_t n = s->n - 1; n > 0; n--) {
        int32_t worst = s->items[0];
        sift_down(s->c, s->items, n, s->items[n]);
        s->items[n] = worst;
    }
}

/* ---- Words ---- */

/* The first word of a folded text that begins so, or NULL. */
static const char *first_match(const char *text, int64_t size, const char *prefix)
{
    for (int64_t at = 0; at < size;) {
        if (fold_begins(text + at, prefix))
            return text + at;
        while (text[at++] != ' ')
            continue;
    }
    return NULL;
}

static bool has_all(const struct search *s, const char *text, int64_t size)
{
    for (int32_t i = 0; i < s->query.n_words; i++) {
        if (!first_match(text, size, s->word[i]))
            return false;
    }
    return true;
}

/* ---- The base ---- */

/* First entry that is not before the prefix or, if is_end, that is past all that begin so. */
static int64_t bound(const struct cat_index *x, const char *prefix, bool is_end)
{
    int64_t lo = 0;
    int64_t hi = x->n_entries;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        const char *word = x->pool + x->word_at[mid];
        if (fold_compare(word, prefix) < 0 || (is_end && fold_begins(word, prefix)))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void search_base(struct search *s)
{
    const struct cat_index *x = &s->c->index;
    const char *prefix = NULL;
    int64_t lo = 0;
    int64_t hi = 0;
    for (int32_t i = 0; i < s->query.n_words; i++) {
        int64_t from = bound(x, s->word[i], false);
        int64_t to = bound(x, s->word[i], true);
        if (!prefix || to - from < hi - lo) {
            prefix = s->word[i];
            lo = from;
            hi = to;
        }
    }
    for (int64_t j = lo; j < hi; j++) {
        int32_t item = x->item[j];
        if (!would_stay(s, item) || cat_state_of(s->c, item) != CAT_BASE)
            continue;
        const char *text = x->pool + x->text_at[item];
        int64_t size = x->text_at[item + 1] - x->text_at[item];
        if (first_match(text, size, prefix) == x->pool + x->word_at[j] && has_all(s, text, size))
            push(s, item);
    }
}

/* ---- The overlay ---- */

static bool visit(void *arg, const char *word, int32_t item)
{
    struct search *s = arg;
    if (!fold_begins(word, s->prefix)) {
        s->is_done = true;
        return false;
    }
    if (would_stay(s, item)) {
        const struct cat_row *row = cat_chunk_of(s->c, item)->row[item & (CAT_CHUNK - 1)];
        if (first_match(row->words, row->words_size, s->prefix) == word &&
            has_all(s, row->words, row->words_size))
            push(s, item);
    }
    if (--s->budget > 0)
        return true;
    size_t size = 0;
    while (word[size++] != ' ')
        continue;
    memcpy(s->last_word, word, size);
    s->last_item = item;
    return false;
}

static void search_overlay(struct search *s)
{
    struct catalog *c = s->c;
    int32_t longest = 0;
    size_t most = 0;
    for (int32_t i = 0; i < s->query.n_words; i++) {
        size_t size = strcspn(s->word[i], " ");
        if (size > most) {
            most = size;
            longest = i;
        }
    }
    s->prefix = s->word[longest];
    memcpy(s->last_word, s->prefix, most + 1);
    s->last_item = -1;
    while (!s->is_done) {
        s->budget = SLICE;
        catalog_enter(c);
        s->has_changed = c->version != s->version;
        cat_words_walk(&c->words, s->last_word, s->last_item, visit, s);
        catalog_leave(c);
        if (s->budget > 0)
            s->is_done = true; /* the end of all words */
    }
}

static void search_all(struct search *s)
{
    int32_t n = s->c->n_items;
    for (int32_t item = 0; item < n; item++) {
        if (would_stay(s, item) && cat_state_of(s->c, item) != CAT_DELETED)
            push(s, item);
    }
}

int32_t catalog_search(struct catalog *c, const char *text, int32_t *items, int32_t most)
{
    struct search s = {.c = c, .items = items, .most = most, .version = c->version};
    if (most <= 0)
        return 0;
    fold_add(&s.query, text, strnlen(text, CATALOG_QUERY_MAX));
    const char *word = s.query.text;
    for (int32_t i = 0; i < s.query.n_words; i++) {
        s.word[i] = word;
        word = strchr(word, ' ') + 1;
    }
    if (s.query.n_words == 0) {
        search_all(&s);
    } else {
        search_base(&s);
        search_overlay(&s);
    }
    sort_heap(&s);
    return s.n;
}
