/*
 * Search index of the base: the folded words of ids and titles in the order of their bytes.
 *
 * Texts are folded twice, first to measure, then to their place; words are dealt by their first two
 * bytes and each pile is sorted by itself (strsort.h), all in parallel. The order is total, so that
 * it does not depend on threads. It never changes afterwards: items that change leave it by their
 * state, and the overlay's words have their own structure.
 *
 * Cost: 12 bytes a word and the folded text kept, 28 bytes a word while it is built.
 * Not done: words in the middle of a title's letters, similar spelling.
 */
#include "data/catalog_impl.h"

#include "core/par.h"
#include "data/strsort.h"

#include <inttypes.h>
#include <string.h>

enum { ITEM_BLOCK = 2048, WORD_BLOCK = 65536, N_PILES = 65536 };

struct build {
    struct catalog *c;
    struct cat_index *x;
    const struct column *title; /* NULL = none */
    int64_t *first_word;        /* (blocks + 1) */
    int64_t n_words;
    int64_t *at;    /* (n_words + 1) in the pool, as they come */
    int32_t *item;  /* (n_words) */
    int32_t *order; /* (n_words) */
    int64_t *pile;  /* (N_PILES + 1) in order */
    int32_t *full;  /* piles with something to sort */
};

static void fold_item(const struct build *b, int32_t i, struct folded *out)
{
    const char *text;
    int32_t size;
    out->n_words = out->size = 0;
    text = ids_get(b->c->ids, i, &size);
    fold_add(out, text, (size_t)size);
    if (b->title && item_fields_text(b->title, i, 0, &text, &size))
        fold_add(out, text, (size_t)size);
}

static akin_status measure_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct build *b = arg;
    struct folded words;
    int32_t hi = (int32_t)par_hi(block, ITEM_BLOCK, b->c->n_base);
    b->first_word[block + 1] = 0;
    for (int32_t i = (int32_t)par_lo(block, ITEM_BLOCK); i < hi; i++) {
        fold_item(b, i, &words);
        b->x->text_at[i + 1] = words.size;
        b->first_word[block + 1] += words.n_words;
    }
    return AKIN_OK;
}

static akin_status place_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct build *b = arg;
    struct folded words;
    int64_t n = b->first_word[block];
    int32_t hi = (int32_t)par_hi(block, ITEM_BLOCK, b->c->n_base);
    for (int32_t i = (int32_t)par_lo(block, ITEM_BLOCK); i < hi; i++) {
        int64_t at = b->x->text_at[i];
        fold_item(b, i, &words);
        memcpy(b->x->pool + at, words.text, (size_t)words.size);
        for (int32_t w = 0; w < words.size; w++) {
            if (w == 0 || words.text[w - 1] == ' ') {
                b->at[n] = at + w;
                b->item[n++] = i;
            }
        }
    }
    return AKIN_OK;
}

/* A word has a letter at least and its blank: two bytes. */
static uint32_t pile_of(const struct build *b, int64_t word)
{
    const unsigned char *text = (const unsigned char *)b->x->pool + b->at[word];
    return (uint32_t)text[0] << 8 | text[1];
}

static akin_status deal(struct build *b, int64_t *n_full, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = b->c->ctx;
    MEM_NEW(ctx, b->order, b->n_words);
    MEM_ZERO(ctx, b->pile, N_PILES + 2);
    MEM_NEW(ctx, b->full, N_PILES);
    *n_full = 0;
    for (int64_t w = 0; w < b->n_words; w++)
        b->pile[pile_of(b, w) + 2]++;
    for (int32_t p = 0; p < N_PILES; p++) {
        if (b->pile[p + 2] > 1)
            b->full[(*n_full)++] = p;
        b->pile[p + 2] += b->pile[p + 1];
    }
    /* pile[p + 1] is where the next word of pile p goes, and at the end where p ends. */
    for (int64_t w = 0; w < b->n_words; w++)
        b->order[b->pile[pile_of(b, w) + 1]++] = (int32_t)w;
done:
    return status;
}

static akin_status sort_pile(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    struct build *b = arg;
    struct strsort words = {.off = b->at, .bytes = b->x->pool, .is_numeric = false};
    int32_t p = b->full[block];
    return strsort_run(b->c->ctx, &words, b->order + b->pile[p], b->pile[p + 1] - b->pile[p], err);
}

static akin_status settle_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct build *b = arg;
    int64_t hi = par_hi(block, WORD_BLOCK, b->n_words);
    for (int64_t j = par_lo(block, WORD_BLOCK); j < hi; j++) {
        b->x->word_at[j] = b->at[b->order[j]];
        b->x->item[j] = b->item[b->order[j]];
    }
    return AKIN_OK;
}

static akin_status fold_all(struct build *b, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = b->c->ctx;
    int32_t n = b->c->n_base;
    int64_t n_blocks = par_blocks(n, ITEM_BLOCK);
    MEM_NEW(ctx, b->x->text_at, (int64_t)n + 1);
    MEM_NEW(ctx, b->first_word, n_blocks + 1);
    AKIN_TRY(par_for(ctx, n_blocks, measure_block, b, err));
    b->x->text_at[0] = 0;
    b->first_word[0] = 0;
    for (int32_t i = 0; i < n; i++)
        b->x->text_at[i + 1] += b->x->text_at[i];
    for (int64_t i = 0; i < n_blocks; i++)
        b->first_word[i + 1] += b->first_word[i];
    b->n_words = b->first_word[n_blocks];
    if (b->n_words > INT32_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "catalog: %" PRId64 " words to search (at most %d)", b->n_words,
                  INT32_MAX);
    MEM_NEW(ctx, b->x->pool, b->x->text_at[n]);
    MEM_NEW(ctx, b->at, b->n_words + 1);
    MEM_NEW(ctx, b->item, b->n_words);
    AKIN_TRY(par_for(ctx, n_blocks, place_block, b, err));
    b->at[b->n_words] = b->x->text_at[n];
done:
    return status;
}

akin_status cat_index_build(struct catalog *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = c->ctx;
    struct build b = {.c = c, .x = &c->index};
    int64_t n_full;
    int title = c->title;
    b.title = title >= 0 ? &c->table->cols[title] : NULL;
    AKIN_TRY(fold_all(&b, err));
    AKIN_TRY(deal(&b, &n_full, err));
    AKIN_TRY(par_for(ctx, n_full, sort_pile, &b, err));
    MEM_NEW(ctx, c->index.word_at, b.n_words);
    MEM_NEW(ctx, c->index.item, b.n_words);
    AKIN_TRY(par_for(ctx, par_blocks(b.n_words, WORD_BLOCK), settle_block, &b, err));
    c->index.n_entries = b.n_words;
done:
    mem_free(ctx, b.first_word);
    mem_free(ctx, b.at);
    mem_free(ctx, b.item);
    mem_free(ctx, b.order);
    mem_free(ctx, b.pile);
    mem_free(ctx, b.full);
    return status;
}

void cat_index_free(akin_ctx *ctx, struct cat_index *x)
{
    mem_free(ctx, x->pool);
    mem_free(ctx, x->text_at);
    mem_free(ctx, x->word_at);
    mem_free(ctx, x->item);
}
