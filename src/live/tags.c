/* An item's tags: what people called it in the data that a model was trained on, without who. */
#include "live/engine.h"

/* The default generation if it knows tags, else the first that does; NULL: none. A reference. */
static struct generation *generation_with_tags(struct live *l)
{
    struct generation *found = NULL;
    pthread_rwlock_rdlock(&l->models_lock);
    for (int i = -1; i < l->n_entries && !found; i++) {
        int at = i < 0 ? l->at_default : i;
        struct generation *g = at < l->n_entries ? l->entry[at].current : NULL;
        if (g && g->m->tags.ptr)
            found = g;
    }
    if (found)
        found->refs++;
    pthread_rwlock_unlock(&l->models_lock);
    return found;
}

/* Tags from..to of a place. */
static void tags_json(struct jw *jw, const struct item_tags *t, int64_t from, int64_t to)
{
    for (int64_t j = from; j < to; j++) {
        int32_t size;
        const char *text = strtab_get(&t->vocab, t->tag[j], &size);
        jw_open(jw, '{');
        jw_key(jw, "tag");
        jw_string_n(jw, text, (size_t)size);
        jw_key(jw, "count");
        jw_int(jw, t->count[j]);
        jw_close(jw, '}');
    }
}

akin_status live_item_tags(struct live_slot *s, const char *item_id, int64_t from, int64_t most,
                           struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live *l = s->l;
    struct jw jw;
    struct generation *g = generation_with_tags(l);
    int32_t item;
    AKIN_TRY(item_find(l, item_id, &item, err));
    int32_t place = g && item < g->n_place ? g->place[item] : -1;
    int64_t lo = place < 0 ? 0 : g->m->tags.ptr[place];
    int64_t hi = place < 0 ? 0 : g->m->tags.ptr[place + 1];
    int64_t begin = from < hi - lo ? lo + from : hi;
    int64_t end = most < hi - begin ? begin + most : hi;
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "item_id");
    jw_string(&jw, item_id);
    jw_key(&jw, "tags");
    jw_open(&jw, '[');
    if (begin < end)
        tags_json(&jw, &g->m->tags, begin, end);
    jw_close(&jw, ']');
    jw_key(&jw, "next");
    if (end < hi)
        jw_int(&jw, end - lo);
    else
        jw_null(&jw);
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(out, err));
done:
    generation_put(l, g);
    return status;
}
