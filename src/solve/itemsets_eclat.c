/*
 * Eclat (Zaki 2000, Scalable algorithms for association mining, doi:10.1109/69.846291): a set is
 * kept with its baskets, as bits; one item more is a bitwise and, its count the ones that are left.
 *
 * The bits of a class are those of the baskets of its first item, not of all baskets, and are
 * packed anew where a prefix leaves less than three quarters of the words: rare sets end up in one
 * word. Closed sets: a row in all baskets of a prefix joins it at once (CHARM's first two
 * properties; Zaki and Hsiao 2002); rows of items looked at before only subsume, as in LCM (Uno et
 * al. 2004), so that no list of sets found has to be searched.
 *
 * Cost: words of the prefix a candidate. Memory: a matrix of bits a level.
 */
#include "solve/itemsets_impl.h"

#include "kern/kern.h"

#include <string.h>

static int64_t words_of(int64_t bits)
{
    return (bits + 63) / 64;
}

akin_status eclat_first(struct walker *w, const struct candidates *c, const struct chosen *chosen,
                        int32_t r, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ranked_baskets *db = &w->job->db;
    const int32_t *basket = ranked_baskets_of(db, r);
    int32_t n = db->count[r], last = 0;
    struct pile_mark mark = pile_mark(&w->pile);
    int64_t words = words_of(n);
    uint64_t *rows = pile_alloc(&w->pile, chosen->n * words, sizeof *rows, err);
    if (!rows)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(walker_push(w, c, chosen, mark, err));
    w->frames[w->depth - 1].words = words;
    w->frames[w->depth - 1].rows = rows;
    memset(rows, 0, (size_t)(chosen->n * words) * sizeof *rows);
    for (int32_t j = 0; j < chosen->n; j++) {
        int32_t rank = w->list[w->keep[j]];
        w->tally[rank] = j + 1;
        last = rank > last ? rank : last;
    }
    for (int32_t b = 0; b < n; b++) {
        uint64_t bit = (uint64_t)1 << (b & 63);
        int64_t e = db->ptr[basket[b]], end = db->ptr[basket[b] + 1];
        ranked_baskets_call(db, r, b);
        for (; e < end && db->rank[e] <= last; e++) {
            int32_t j = w->tally[db->rank[e]];
            if (j > 0)
                rows[(j - 1) * words + (b >> 6)] |= bit;
        }
    }
    for (int32_t j = 0; j < chosen->n; j++)
        w->tally[w->list[w->keep[j]]] = 0;
done:
    return status;
}

/* The kept rows of a frame within row k of it, each as `words` words. */
static void narrow(const struct kern *kern, const struct frame *f, int32_t k, const int32_t *keep,
                   int32_t n, int64_t words, uint64_t *out)
{
    const uint64_t *mask = f->rows + k * f->words;
    for (int32_t j = 0; j < n; j++, out += words) {
        const uint64_t *row = f->rows + keep[j] * f->words;
        if (words < f->words)
            kern->bits_pick(f->words, mask, row, out);
        else
            for (int64_t t = 0; t < words; t++)
                out[t] = mask[t] & row[t];
    }
}

akin_status eclat_extend(struct walker *w, int32_t k, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kern *kern = w->job->ctx->kern;
    struct frame f = w->frames[w->depth - 1];
    const uint64_t *own = f.rows + k * f.words;
    bool is_all = w->job->spec.kind == ITEMSET_ALL;
    struct candidates c = {f.item, w->count, is_all ? 0 : k, k + 1, f.n};
    struct chosen chosen;
    kern->bits_meet(f.words, c.before, own, f.rows, w->count);
    kern->bits_meet(f.words, f.n - c.from, own, f.rows + c.from * f.words, w->count + c.from);
    AKIN_TRY(walker_enter(w, &c, f.length + 1, f.count[k], &chosen, err));
    if (chosen.n == 0)
        goto done;
    struct pile_mark mark = pile_mark(&w->pile);
    int64_t words = words_of(f.count[k]);
    words = words * 4 <= f.words * 3 ? words : f.words;
    uint64_t *rows = pile_alloc(&w->pile, chosen.n * words, sizeof *rows, err);
    if (!rows)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(walker_push(w, &c, &chosen, mark, err));
    w->frames[w->depth - 1].words = words;
    w->frames[w->depth - 1].rows = rows;
    narrow(kern, &f, k, w->keep, chosen.n, words, rows);
done:
    return status;
}
