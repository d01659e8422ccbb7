/*
 * What is served, as JSON: every name with its generations and the card of the current one.
 */
#include "core/json.h"
#include "core/text.h"
#include "live/engine.h"

static void generation_json(struct jw *jw, const struct generation *g)
{
    char when[32];
    jw_key(jw, "generation");
    jw_int(jw, g->id);
    jw_key(jw, "type");
    jw_string(jw, g->m->cls->name);
    jw_key(jw, "path");
    jw_string(jw, g->path);
    jw_key(jw, "loaded");
    text_from_unix(g->loaded, when, sizeof when);
    jw_string(jw, when);
    jw_key(jw, "users");
    jw_int(jw, g->m->users.n);
    jw_key(jw, "items");
    jw_int(jw, g->m->items.n);
    jw_key(jw, "watermark");
    jw_int(jw, g->m->watermark);
    jw_key(jw, "values");
    jw_open(jw, '[');
    jw_float(jw, g->m->value_lo);
    jw_float(jw, g->m->value_hi);
    jw_close(jw, ']');
    jw_key(jw, "personal");
    jw_bool(jw, !(g->scorer.flags & SCORER_ITEMS_ONLY));
    retrieval_json(jw, g);
    jw_key(jw, "answers");
    jw_int(jw, g->n_answers);
    jw_key(jw, "errors");
    jw_int(jw, g->n_errors);
    jw_key(jw, "mean_us");
    jw_int(jw, g->cost_us);
}

/* "previous" or "canary" of an entry; share 0 = it has none. */
static void beside_json(struct jw *jw, const char *key, const struct generation *g, double share)
{
    jw_key(jw, key);
    if (!g) {
        jw_null(jw);
        return;
    }
    jw_open(jw, '{');
    generation_json(jw, g);
    if (share > 0.0) {
        jw_key(jw, "share");
        jw_double(jw, share);
    }
    jw_close(jw, '}');
}

akin_status live_models_json(struct live *l, struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jw jw;
    struct buf card;
    buf_init(&card, out->ctx);
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "models");
    jw_open(&jw, '[');
    pthread_rwlock_rdlock(&l->models_lock);
    for (int i = 0; i < l->n_entries; i++) {
        const struct entry *e = &l->entry[i];
        jw_open(&jw, '{');
        jw_key(&jw, "name");
        jw_string(&jw, e->name);
        jw_key(&jw, "default");
        jw_bool(&jw, i == l->at_default);
        generation_json(&jw, e->current);
        buf_clear(&card);
        AKIN_TRY(json_write(e->current->m->card, &card, err));
        jw_key(&jw, "card");
        jw_raw(&jw, card.data);
        beside_json(&jw, "previous", e->previous, 0.0);
        beside_json(&jw, "canary", e->canary, e->canary_share);
        jw_close(&jw, '}');
    }
    jw_close(&jw, ']');
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(out, err));
done:
    pthread_rwlock_unlock(&l->models_lock);
    buf_free(&card);
    return status;
}
