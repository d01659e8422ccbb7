/*
 * Items that came after a generation's model was trained, where the model can score items by their
 * attributes (fold_in_item): folded in when the catalogue changes, ranked among the others.
 *
 * Of such items the newest LATE_MOST are known; the others follow as unscored ones do. Kept by
 * catalogue number, up to date with the catalogue by the log of its changes: who asks first after a
 * change folds in what changed. Cost: a fold-in an item that changed; 8 bytes a feature; an answer
 * looks at the features of each late item.
 * Not done: attributes of items that the model has been trained on, when they change; the next
 * training takes them up. Late items in the asker's own history say nothing yet.
 */
#include "live/late.h"

#include <stdlib.h>
#include <string.h>

enum {
    LATE_MOST = 65536,
    LATE_CHANGES = 256 /* looked at between two looks at the log */
};

struct late {
    akin_ctx *ctx;
    pthread_rwlock_t lock;   /* before the catalogue's */
    _Atomic int64_t version; /* of the catalogue; -1 = nothing was looked at yet */
    int32_t n;
    int64_t cap_item, cap_state;
    int32_t *item; /* (n) catalogue numbers ascending */
    struct item_state
        *state; /* (n) each its own block: values behind indices; n 0 = nothing known */
};

akin_status late_create(akin_ctx *ctx, const struct scorer *scorer, struct late **out,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    struct late *late = NULL;
    *out = NULL;
    if (!scorer->cls->fold_in_item)
        goto done;
    MEM_ZERO(ctx, late, 1);
    late->ctx = ctx;
    late->version = -1;
    if (pthread_rwlock_init(&late->lock, NULL) != 0) {
        mem_free(ctx, late);
        AKIN_FAIL(AKIN_E_MEMORY, "no lock for new items");
    }
    *out = late;
done:
    return status;
}

static void state_free(akin_ctx *ctx, const struct item_state *state)
{
    union {
        const int32_t *in;
        void *out;
    } cast = {state->index};
    mem_free(ctx, cast.out);
}

static void clear(struct late *late)
{
    for (int32_t i = 0; i < late->n; i++)
        state_free(late->ctx, &late->state[i]);
    late->n = 0;
}

void late_free(struct late *late)
{
    if (!late)
        return;
    clear(late);
    mem_free(late->ctx, late->item);
    mem_free(late->ctx, late->state);
    pthread_rwlock_destroy(&late->lock);
    mem_free(late->ctx, late);
}

/* ---- Attributes of the catalogue ---- */

/* Texts are copied, so that the catalogue is held for a copy, not while words are cut. */
struct late_item {
    struct catalog *c;
    struct arena *arena;
    int32_t item;
    bool *has_no_memory;
};

static double number(const void *arg, const char *column)
{
    const struct late_item *x = arg;
    enum col_type type;
    catalog_enter(x->c);
    int col = catalog_column(x->c, column, &type);
    double value =
        col >= 0 && type == COL_NUMBER ? catalog_number(x->c, x->item, col) : (double)NAN;
    catalog_leave(x->c);
    return value;
}

static bool text(const void *arg, const char *column, int64_t n, const char **out, int32_t *size)
{
    const struct late_item *x = arg;
    enum col_type type;
    const char *there;
    bool is_found = false;
    catalog_enter(x->c);
    int col = n <= CATALOG_LIST_MAX ? catalog_column(x->c, column, &type) : -1;
    if (col >= 0 && type != COL_NUMBER)
        is_found = catalog_text(x->c, x->item, col, (int)n, &there, size);
    *out = is_found ? arena_strndup(x->arena, there, (size_t)*size, NULL) : NULL;
    catalog_leave(x->c);
    *x->has_no_memory = *x->has_no_memory || (is_found && !*out);
    return *out != NULL;
}

/* ---- Bringing up to date ---- */

/* Where an item is, or belongs. */
static int32_t place_of(const struct late *late, int32_t item)
{
    int32_t lo = 0, hi = late->n;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (late->item[mid] < item)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* An empty state for an item at its place; beyond LATE_MOST the oldest, not above it, goes. */
static akin_status insert(struct late *late, int32_t item, int32_t *at, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (late->n == LATE_MOST) {
        --*at;
        state_free(late->ctx, &late->state[0]);
        late->n--;
        memmove(late->item, late->item + 1, (size_t)late->n * sizeof *late->item);
        memmove(late->state, late->state + 1, (size_t)late->n * sizeof *late->state);
    }
    MEM_GROW(late->ctx, late->item, late->cap_item, late->n + 1);
    MEM_GROW(late->ctx, late->state, late->cap_state, late->n + 1);
    size_t rest = (size_t)(late->n - *at);
    memmove(late->item + *at + 1, late->item + *at, rest * sizeof *late->item);
    memmove(late->state + *at + 1, late->state + *at, rest * sizeof *late->state);
    late->item[*at] = item;
    late->state[*at] = (struct item_state){0};
    late->n++;
done:
    return status;
}

static akin_status state_copy(akin_ctx *ctx, const struct item_state *from, struct item_state *to,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *index;
    size_t n = (size_t)from->n;
    *to = (struct item_state){0};
    if (n == 0)
        goto done;
    MEM_NEW(ctx, index, 2 * (int64_t)n); /* values are as wide */
    memcpy(index, from->index, n * sizeof *from->index);
    memcpy(index + n, from->value, n * sizeof *from->value);
    *to = (struct item_state){from->n, index, (const float *)(const void *)(index + n)};
done:
    return status;
}

/* Folds in one item as it is now; items of the model are none of ours. */
static akin_status update(struct live *l, const struct generation *g, int32_t item,
                          struct arena *arena, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct late *late = g->late;
    struct item_state state = {0}, kept;
    bool has_no_memory = false;
    int32_t at = place_of(late, item);
    bool is_there = at < late->n && late->item[at] == item;
    if (item < g->n_place && g->place[item] >= 0)
        goto done;
    if (catalog_is_alive(l->catalog, item)) {
        const struct late_item x = {l->catalog, arena, item, &has_no_memory};
        const struct attributes a = {.arg = &x, .number = number, .text = text};
        AKIN_TRY(g->scorer.cls->fold_in_item(g->scorer.self, &a, &state, arena, err));
        if (has_no_memory)
            AKIN_FAIL(AKIN_E_MEMORY, "out of memory for the texts of a new item");
    }
    if (!is_there && (state.n == 0 || (late->n == LATE_MOST && at == 0)))
        goto done; /* says nothing, or is older than all that are known */
    AKIN_TRY(state_copy(late->ctx, &state, &kept, err));
    status = is_there ? AKIN_OK : insert(late, item, &at, err);
    if (status == AKIN_OK) {
        state_free(late->ctx, &late->state[at]);
        late->state[at] = kept;
    } else {
        state_free(late->ctx, &kept);
    }
done:
    arena_reset(arena);
    return status;
}

/* Everything anew: the newest items that the model does not know. */
static akin_status update_all(struct live *l, const struct generation *g, struct arena *arena,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n = catalog_size(l->catalog), known = 0, first = n;
    bool knows_all = g->n_place == g->m->items.n; /* that was there at its load */
    clear(g->late);
    while (first > (knows_all ? g->n_place : 0) && known < LATE_MOST) {
        first--;
        known += first >= g->n_place || g->place[first] < 0;
    }
    for (int32_t item = first; item < n; item++)
        AKIN_TRY(update(l, g, item, arena, err));
done:
    return status;
}

/* Under the write lock. */
static akin_status catch_up(struct live *l, const struct generation *g, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct late *late = g->late;
    struct arena arena;
    int32_t items[LATE_CHANGES];
    int64_t version = late->version;
    arena_init(&arena, late->ctx);
    for (bool is_behind = true; is_behind;) {
        int32_t n = catalog_changes(l->catalog, &version, items, LATE_CHANGES);
        if (n < 0)
            AKIN_TRY(update_all(l, g, &arena, err));
        for (int32_t i = 0; i < n; i++)
            AKIN_TRY(update(l, g, items[i], &arena, err));
        late->version = version;
        is_behind = n == LATE_CHANGES;
    }
done:
    arena_free(&arena);
    return status;
}

akin_status late_refresh(struct live *l, const struct generation *g, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct late *late = g->late;
    if (!late || late->version >= catalog_version(l->catalog))
        goto done;
    pthread_rwlock_wrlock(&late->lock);
    status = catch_up(l, g, err);
    pthread_rwlock_unlock(&late->lock);
done:
    return status;
}

/* ---- Answers ---- */

akin_status late_scores(struct live *l, const struct generation *g, const struct query *q,
                        struct arena *arena, struct ranked **out, int32_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct late *late = g->late;
    float *score = NULL;
    *out = NULL;
    *n = 0;
    if (!late)
        return status;
    AKIN_TRY(late_refresh(l, g, err));
    pthread_rwlock_rdlock(&late->lock);
    if (late->n > 0) {
        score = arena_alloc(arena, late->n, sizeof *score, err);
        *out = score ? arena_alloc(arena, late->n, sizeof **out, err) : NULL;
        status = *out ? g->scorer.cls->score_states(g->scorer.self, q, late->state, late->n, score,
                                                    arena, err)
                      : AKIN_E_MEMORY;
    }
    for (int32_t i = 0; status == AKIN_OK && i < late->n; i++)
        if (score[i] > UNSCORED)
            (*out)[(*n)++] = (struct ranked){late->item[i], score[i]};
    pthread_rwlock_unlock(&late->lock);
done:
    return status;
}

akin_status late_explain(const struct generation *g, const struct query *q, int32_t item,
                         struct reason *out, int32_t max, int32_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct late *late = g->late;
    struct arena scratch;
    *n = 0;
    if (!late)
        return status;
    arena_init(&scratch, late->ctx);
    pthread_rwlock_rdlock(&late->lock);
    int32_t at = place_of(late, item);
    if (at < late->n && late->item[at] == item)
        status = g->scorer.cls->explain_state(g->scorer.self, q, &late->state[at], out, max, n,
                                              &scratch, err);
    pthread_rwlock_unlock(&late->lock);
    arena_free(&scratch);
    return status;
}
