/*
 * Tags by item, from the tag table of a dataset: counted, the tagger forgotten, so that a model
 * file may carry them. Events of one (item, user, tag) count once.
 */
#include "data/item_tags.h"

#include "store/container.h"

#include <stdlib.h>
#include <string.h>

struct said {
    int32_t tag, count;
};

static int by_tag(const void *a, const void *b)
{
    const struct said *x = a, *y = b;
    return x->tag < y->tag ? -1 : x->tag > y->tag;
}

/* Tags are numbered by their text, so that the number breaks ties by it. */
static int by_count(const void *a, const void *b)
{
    const struct said *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return by_tag(a, b);
}

/* The tags of rows lo..hi of one item, counted, into said; returns how many. */
static int32_t count_item(const struct dataset *ds, int64_t lo, int64_t hi, struct said *said)
{
    int32_t n = 0, kept = 0;
    for (int64_t t = lo; t < hi; t++) {
        bool is_repeat = t > lo && ds->tag_user[t] == ds->tag_user[t - 1] && ds->tag_user[t] >= 0 &&
                         ds->tag_text[t] == ds->tag_text[t - 1];
        if (!is_repeat)
            said[n++] = (struct said){ds->tag_text[t], 1};
    }
    qsort(said, (size_t)n, sizeof *said, by_tag);
    for (int32_t i = 0; i < n; i++) {
        if (kept > 0 && said[kept - 1].tag == said[i].tag)
            said[kept - 1].count++;
        else
            said[kept++] = said[i];
    }
    qsort(said, (size_t)kept, sizeof *said, by_count);
    return kept;
}

static int64_t most_of_an_item(const struct dataset *ds)
{
    int64_t most = 0, run = 0;
    for (int64_t t = 0; t < ds->n_tags; t++) {
        run = t > 0 && ds->tag_item[t] == ds->tag_item[t - 1] ? run + 1 : 1;
        most = run > most ? run : most;
    }
    return most;
}

akin_status item_tags_build(akin_ctx *ctx, const struct dataset *ds, struct item_tags *out,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    struct said *said = NULL;
    int64_t *ptr = NULL, n = 0, t = 0;
    int32_t *tag = NULL, *count = NULL;
    memset(out, 0, sizeof *out);
    if (ds->n_tags == 0)
        goto done;
    out->is_owned = true;
    MEM_NEW(ctx, said, most_of_an_item(ds));
    MEM_ZERO(ctx, ptr, (int64_t)ds->items.n + 1);
    out->ptr = ptr;
    MEM_NEW(ctx, tag, ds->n_tags);
    out->tag = tag;
    MEM_NEW(ctx, count, ds->n_tags);
    out->count = count;
    for (int32_t i = 0; i < ds->items.n; i++) {
        int64_t lo = t;
        while (t < ds->n_tags && ds->tag_item[t] == i)
            t++;
        int32_t kept = count_item(ds, lo, t, said);
        for (int32_t j = 0; j < kept; j++) {
            tag[n] = said[j].tag;
            count[n++] = said[j].count;
        }
        ptr[i + 1] = n;
    }
    AKIN_TRY(strtab_copy(ctx, &ds->tag_vocab, &out->vocab, err));
done:
    mem_free(ctx, said);
    if (status != AKIN_OK)
        item_tags_free(ctx, out);
    return status;
}

void item_tags_free(akin_ctx *ctx, struct item_tags *t)
{
    if (t->is_owned) {
        mem_free(ctx, (void *)(uintptr_t)t->ptr);
        mem_free(ctx, (void *)(uintptr_t)t->tag);
        mem_free(ctx, (void *)(uintptr_t)t->count);
        strtab_free(ctx, &t->vocab);
    }
    memset(t, 0, sizeof *t);
}

akin_status item_tags_save(struct container_writer *w, const struct item_tags *t, int32_t n_items,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    const uint32_t may = CONTAINER_OPTIONAL;
    if (!t->ptr)
        goto done;
    int64_t n = t->ptr[n_items];
    AKIN_TRY(container_add(w, "tags.ptr", may, t->ptr,
                           ((int64_t)n_items + 1) * (int64_t)sizeof *t->ptr, err));
    AKIN_TRY(container_add(w, "tags.tag", may, t->tag, n * (int64_t)sizeof *t->tag, err));
    AKIN_TRY(container_add(w, "tags.count", may, t->count, n * (int64_t)sizeof *t->count, err));
    AKIN_TRY(strtab_save(w, "tags.vocab", may, &t->vocab, err));
done:
    return status;
}

static bool fits(const struct item_tags *t, int32_t n_items, int64_t n)
{
    if (t->ptr[0] != 0 || t->ptr[n_items] != n)
        return false;
    for (int32_t i = 0; i < n_items; i++)
        if (t->ptr[i + 1] < t->ptr[i] || t->ptr[i + 1] > n)
            return false;
    for (int64_t j = 0; j < n; j++)
        if (t->tag[j] < 0 || t->tag[j] >= t->vocab.n || t->count[j] < 1)
            return false;
    return true;
}

akin_status item_tags_load(struct container *c, int32_t n_items, struct item_tags *out,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    struct item_tags t = {0};
    const void *ptr, *tag, *count;
    int64_t n_ptr, n, n_count;
    memset(out, 0, sizeof *out);
    AKIN_TRY(container_get(c, "tags.ptr", sizeof *t.ptr, true, &ptr, &n_ptr, err));
    if (!ptr)
        goto done;
    AKIN_TRY(container_get(c, "tags.tag", sizeof *t.tag, false, &tag, &n, err));
    AKIN_TRY(container_get(c, "tags.count", sizeof *t.count, false, &count, &n_count, err));
    AKIN_TRY(strtab_load(c, "tags.vocab", &t.vocab, err));
    t.ptr = ptr;
    t.tag = tag;
    t.count = count;
    if (n_ptr != (int64_t)n_items + 1 || n_count != n || !fits(&t, n_items, n))
        AKIN_FAIL(AKIN_E_FORMAT, "%s: the sections tags.* do not fit %d items", container_path(c),
                  n_items);
    *out = t;
done:
    return status;
}
