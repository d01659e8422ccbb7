/*
 * The walk through the sets that begin with one item: depth first over frames on a stack of its
 * own, so that a block of many sets can stop when its buffer is full and go on later.
 *
 * The class of an item is: the more frequent items that go with it often enough, found by counting
 * them in its baskets (Zaki 2000 counts pairs so). Less frequent ones are other classes' business;
 * looking for closed or maximal sets they are kept as rows that only subsume.
 *
 * Cost: a class Σ over its baskets of their size, twice; a set what its method says.
 */
#include "solve/itemsets_impl.h"

#include "core/par.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    TELL_SETS = 4096,
    POLL_STEPS = 1024,
    FIRST_OUT = 1024,
    OWN_MOST = 1 << 20,   /* numbers of sets that wait, of one block */
    BITS_MANY = 32 << 20, /* bytes of a class's bits from which trees are thought of */
    TREE_BYTES = 24,      /* of a node */
    SURE_ROWS = 20        /* rows of all baskets from which their subsets are counted ahead */
};

/* ---- Sets found ---------------------------------------------------------------------------- */

static akin_status too_many(const struct mine_job *job, akin_error *err)
{
    return error_set(err, AKIN_E_LIMIT, __FILE__, __LINE__,
                     "itemsets: more than %" PRId64 " lie in %" PRId64
                     " baskets or more: raise min_support, set max_length, or raise max_sets",
                     job->spec.max_sets, least_of(&job->spec, 1));
}

akin_status walker_tell(struct walker *w, akin_error *err)
{
    int64_t n = atomic_fetch_add_explicit(&w->shared->n_sets, w->fresh, memory_order_relaxed);
    n += w->fresh;
    w->fresh = 0;
    return w->job->spec.max_sets > 0 && n > w->job->spec.max_sets ? too_many(w->job, err) : AKIN_OK;
}

/* Room for `need` more numbers; says when enough wait. */
static akin_status out_grow(struct walker *w, int64_t need, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct mine_block *b = w->block;
    int64_t before = b->out_cap;
    int64_t want = b->out_n + need > FIRST_OUT ? b->out_n + need : FIRST_OUT;
    MEM_GROW(w->job->ctx, b->out, b->out_cap, want);
    int64_t more = (b->out_cap - before) * (int64_t)sizeof *b->out;
    int64_t held = atomic_fetch_add_explicit(&w->shared->held, more, memory_order_relaxed) + more;
    bool is_lowest = b == &w->job->blocks[w->job->lowest];
    w->is_full = w->is_full || (held > w->job->held_most && !is_lowest);
done:
    return status;
}

static akin_status emit(struct walker *w, int32_t n, int32_t count, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct itemset_stats *s = w->stats;
    s->n++;
    s->by_length[n < ITEMSET_LENGTHS ? n : ITEMSET_LENGTHS]++;
    s->longest = n > s->longest ? n : s->longest;
    if (++w->fresh == TELL_SETS)
        AKIN_TRY(walker_tell(w, err));
    if (w->job->raising)
        raising_note(w->job->raising, n, count);
    if (!w->job->wants_sets)
        goto done;
    struct mine_block *b = w->block;
    if (b->out_cap - b->out_n < n + 2)
        AKIN_TRY(out_grow(w, n + 2, err));
    int32_t *out = b->out + b->out_n;
    out[0] = n;
    out[1] = count;
    memcpy(out + 2, w->prefix, (size_t)n * sizeof *out);
    b->out_n += n + 2;
    w->is_full = w->is_full || b->out_n >= OWN_MOST;
done:
    return status;
}

/* ---- Prefixes ------------------------------------------------------------------------------ */

/* False: some set with one item more lies in the same baskets, and so for all that extend it. */
static bool choose(struct walker *w, const struct candidates *c, int32_t length, int32_t support,
                   struct chosen *out)
{
    int32_t least = (int32_t)least_now(w->job, length + 1), n = 0;
    bool is_all = w->job->spec.kind == ITEMSET_ALL;
    out->length = length;
    for (int32_t j = 0; j < c->before; j++) {
        if (c->count[j] == support)
            return false;
        w->keep[n] = j;
        n += c->count[j] >= least;
    }
    out->first = n;
    for (int32_t j = c->from; j < c->n; j++) {
        if (!is_all && c->count[j] == support) {
            w->prefix[out->length++] = c->item[j];
            continue;
        }
        w->keep[n] = j;
        n += c->count[j] >= least;
    }
    out->n = n;
    return true;
}

/* Where p items are in all baskets of a prefix, all their subsets are sets: too many to begin? */
static bool is_hopeless(const struct itemset_spec *spec, int32_t length, int32_t support, int32_t p)
{
    double subsets = 1, sum = 1;
    for (int32_t i = 1; i <= p && sum <= (double)spec->max_sets; i++) {
        if ((spec->max_length > 0 && length + i > spec->max_length) ||
            support < least_of(spec, length + i))
            break;
        subsets = subsets * (p - i + 1) / i;
        sum += subsets;
    }
    return sum > (double)spec->max_sets;
}

static akin_status enter_all(struct walker *w, const struct candidates *c, int32_t support,
                             struct chosen *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct itemset_spec *spec = &w->job->spec;
    AKIN_TRY(emit(w, out->length, support, err));
    if (spec->max_length > 0 && out->length >= spec->max_length)
        out->n = 0;
    if (out->n >= SURE_ROWS && spec->max_sets > 0) {
        int32_t sure = 0;
        for (int32_t j = 0; j < out->n; j++)
            sure += c->count[w->keep[j]] == support;
        if (sure >= SURE_ROWS && is_hopeless(spec, out->length, support, sure))
            AKIN_TRY(too_many(w->job, err));
    }
    if (out->n == 1) { /* nothing to combine it with */
        w->prefix[out->length] = c->item[w->keep[0]];
        AKIN_TRY(emit(w, out->length + 1, c->count[w->keep[0]], err));
        out->n = 0;
    }
done:
    return status;
}

akin_status walker_enter(struct walker *w, const struct candidates *c, int32_t length,
                         int32_t support, struct chosen *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct itemset_spec *spec = &w->job->spec;
    *out = (struct chosen){0};
    if (!choose(w, c, length, support, out)) {
        out->n = 0;
        goto done;
    }
    if (spec->kind == ITEMSET_ALL)
        return enter_all(w, c, support, out, err);
    int64_t most = spec->max_length > 0 ? spec->max_length : INT32_MAX;
    if (out->length <= most && (spec->kind == ITEMSET_CLOSED || out->n == 0))
        AKIN_TRY(emit(w, out->length, support, err));
    if (out->n == out->first || out->length >= most) /* nothing extends it */
        out->n = 0;
done:
    return status;
}

akin_status walker_push(struct walker *w, const struct candidates *c, const struct chosen *chosen,
                        struct pile_mark mark, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct frame f = {.n = chosen->n,
                      .first = chosen->first,
                      .k = chosen->first,
                      .length = chosen->length,
                      .mark = mark};
    MEM_GROW(w->job->ctx, w->frames, w->cap, w->depth + 1);
    f.item = pile_alloc(&w->pile, f.n, sizeof *f.item, err);
    f.count = pile_alloc(&w->pile, f.n, sizeof *f.count, err);
    if (!f.item || !f.count)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t j = 0; j < f.n; j++) {
        f.item[j] = c->item[w->keep[j]];
        f.count[j] = c->count[w->keep[j]];
    }
    w->frames[w->depth++] = f;
done:
    return status;
}

/* ---- The class of a first item ------------------------------------------------------------- */

struct row { /* of a class, to be put in order */
    int32_t group, count, rank;
};

static int row_order(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* Counts the ranks beside r in its baskets (closed, maximal: also those behind it) into w->tally.
 * Gives how many there were. Noting each at its first touch here would take three times as long. */
static int64_t class_count(struct walker *w, int32_t r)
{
    const struct ranked_baskets *db = &w->job->db;
    const int32_t *basket = ranked_baskets_of(db, r);
    int32_t end_rank = w->job->spec.kind == ITEMSET_ALL ? r : db->n;
    int32_t *tally = w->tally;
    int64_t n = 0;
    for (int32_t b = 0; b < db->count[r]; b++) {
        int64_t begin = db->ptr[basket[b]], end = db->ptr[basket[b] + 1], e = begin;
        ranked_baskets_call(db, r, b);
        for (; e < end && db->rank[e] < end_rank; e++)
            tally[db->rank[e]]++;
        n += e - begin;
    }
    tally[r] = 0;
    return n;
}

static void row_take(struct walker *w, int32_t rank, int32_t *n)
{
    int32_t count = w->tally[rank];
    w->tally[rank] = 0;
    if (count < least_now(w->job, 2))
        return;
    w->list[*n] = rank;
    w->count[(*n)++] = count;
}

/* The frequent ones of them into w->list and w->count; w->tally is 0 again. */
static int32_t class_find(struct walker *w, int32_t r)
{
    const struct ranked_baskets *db = &w->job->db;
    int32_t end_rank = w->job->spec.kind == ITEMSET_ALL ? r : db->n, n = 0;
    int64_t seen = class_count(w, r);
    if (seen > end_rank / 8) {
        for (int32_t x = 0; x < end_rank; x++)
            row_take(w, x, &n);
        return n;
    }
    for (int32_t b = 0; b < db->count[r]; b++) {
        int32_t at = ranked_baskets_of(db, r)[b];
        for (int64_t e = db->ptr[at]; e < db->ptr[at + 1] && db->rank[e] < end_rank; e++)
            row_take(w, db->rank[e], &n);
    }
    return n;
}

/* Those in the order of a class: what only subsumes first, then by count, so that small sets are
 * split first. */
static akin_status class_rows(struct walker *w, int32_t r, struct candidates *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct pile_mark mark = pile_mark(&w->pile);
    int32_t n = class_find(w, r), before = 0;
    *c = (struct candidates){.item = w->item, .count = w->count};
    for (int32_t i = 0; i < n; i++)
        if (w->list[i] > r && w->count[i] == w->job->db.count[r]) { /* subsumes all of the class */
            c->before = c->from = c->n = 1;
            w->count[0] = w->count[i];
            goto done;
        }
    struct row *rows = pile_alloc(&w->pile, n, sizeof *rows, err);
    if (!rows)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t i = 0; i < n; i++) {
        rows[i] = (struct row){w->list[i] < r, w->count[i], w->list[i]};
        before += w->list[i] > r;
    }
    qsort(rows, (size_t)n, sizeof *rows, row_order);
    for (int32_t i = 0; i < n; i++) {
        w->list[i] = rows[i].rank;
        w->item[i] = w->job->db.item[rows[i].rank];
        w->count[i] = rows[i].count;
    }
    *c = (struct candidates){w->item, w->count, before, before, n};
    pile_release(&w->pile, mark);
done:
    return status;
}

/* Trees where bits would take much more memory. */
static bool class_wants_tree(const struct walker *w, const struct candidates *c,
                             const struct chosen *chosen, int32_t support)
{
    const struct itemset_spec *spec = &w->job->spec;
    if (spec->kind != ITEMSET_ALL || spec->method == ITEMSET_ECLAT)
        return false;
    double bits = (double)chosen->n * (double)((support + 63) / 64) * 8, events = 0;
    if (spec->method == ITEMSET_AUTO && bits < BITS_MANY)
        return false;
    for (int32_t j = 0; j < chosen->n; j++)
        events += (double)c->count[w->keep[j]];
    return spec->method == ITEMSET_FPGROWTH || bits > 2 * TREE_BYTES * events;
}

static akin_status class_start(struct walker *w, int32_t r, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct candidates c = {0};
    struct chosen chosen;
    int32_t support = w->job->db.count[r];
    if (w->job->spec.max_length != 1 || w->job->spec.kind != ITEMSET_ALL)
        AKIN_TRY(class_rows(w, r, &c, err));
    w->prefix[0] = w->job->db.item[r];
    AKIN_TRY(walker_enter(w, &c, 1, support, &chosen, err));
    if (chosen.n == 0)
        goto done;
    AKIN_TRY((class_wants_tree(w, &c, &chosen, support) ? fp_first : eclat_first)(w, &c, &chosen, r,
                                                                                  err));
done:
    return status;
}

/* ---- Walking ------------------------------------------------------------------------------- */

static akin_status step(struct walker *w, akin_error *err)
{
    struct frame *f = &w->frames[w->depth - 1];
    if (f->k == f->n) {
        pile_release(&w->pile, f->mark);
        w->depth--;
        return AKIN_OK;
    }
    int32_t k = f->k++;
    w->prefix[f->length] = f->item[k];
    return f->tree ? fp_extend(w, k, err) : eclat_extend(w, k, err);
}

akin_status walker_run(struct walker *w, bool is_caller, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct mine_block *b = w->block;
    w->is_full = false;
    for (int64_t n = 1; !w->is_full; n++) {
        if (w->depth > 0) {
            AKIN_TRY(step(w, err));
        } else if (b->next < b->end) {
            AKIN_TRY(class_start(w, b->next++, err));
            progress_add(w->job->ctx, 1);
        } else {
            b->is_done = true;
            break;
        }
        if (n % POLL_STEPS != 0)
            continue;
        AKIN_TRY(ctx_check(w->job->ctx, err));
        if (is_caller)
            progress_poll(w->job->ctx);
    }
    AKIN_TRY(walker_tell(w, err));
done:
    return status;
}

akin_status walker_create(struct mine_job *job, struct walker **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = job->ctx;
    int64_t n = (int64_t)job->db.n + 1;
    struct walker *w = NULL;
    MEM_ZERO(ctx, w, 1);
    w->job = w->shared = job;
    w->pile.ctx = ctx;
    MEM_NEW(ctx, w->prefix, job->db.longest + 1);
    MEM_ZERO(ctx, w->tally, n);
    MEM_NEW(ctx, w->list, n);
    MEM_NEW(ctx, w->count, n);
    MEM_NEW(ctx, w->item, n);
    MEM_NEW(ctx, w->keep, n);
    *out = w;
    w = NULL;
done:
    walker_free(w);
    return status;
}

void walker_free(struct walker *w)
{
    if (!w)
        return;
    akin_ctx *ctx = w->pile.ctx;
    pile_free(&w->pile);
    mem_free(ctx, w->frames);
    mem_free(ctx, w->prefix);
    mem_free(ctx, w->tally);
    mem_free(ctx, w->list);
    mem_free(ctx, w->count);
    mem_free(ctx, w->item);
    mem_free(ctx, w->keep);
    mem_free(ctx, w);
}
