/*
 * Models in generations: a file is loaded, joined to the catalogue and made ready beside the
 * generation that answers, then takes its place by one pointer under a lock. Answers hold a
 * reference, so that a swap never drops one.
 *
 * Cost of a load: O(file) + a map of the items' ids + the ranker's copy of the vectors + an order
 * of the users' ids (4 bytes each). The generation before stays for rollback; the one before that
 * goes when the last slot lets go.
 */
#include "core/json.h"
#include "core/text.h"
#include "live/engine.h"
#include "live/retrain.h"

#include <string.h>
#include <sys/stat.h>

/* ---- References ---- */

void generation_put(struct live *l, struct generation *g)
{
    akin_ctx *ctx = l->ctx;
    if (!g || atomic_fetch_sub(&g->refs, 1) > 1)
        return;
    ranker_free(g->ranker);
    model_free(g->m);
    mem_free(ctx, g->item);
    mem_free(ctx, g->place);
    mem_free(ctx, g->by_count);
    ids_prefix_free(ctx, &g->by_id);
    mem_free(ctx, g->path);
    mem_free(ctx, g);
}

struct entry *entry_find(struct live *l, const char *name)
{
    for (int i = 0; i < l->n_entries; i++)
        if (strcmp(l->entry[i].name, name) == 0)
            return &l->entry[i];
    return NULL;
}

/* Under the lock. */
akin_status entry_unknown(struct live *l, const char *name, akin_error *err)
{
    char known[120] = "";
    for (int i = 0; i < l->n_entries; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", l->entry[i].name);
    }
    return error_set(err, AKIN_E_NOT_FOUND, __FILE__, __LINE__, "model '%s' is not served (%s)",
                     name, l->n_entries ? known : "no model is loaded");
}

akin_status generation_get(struct live *l, const char *name, struct generation **out,
                           akin_error *err)
{
    return generation_for(l, name, NULL, out, err);
}

akin_status generation_for(struct live *l, const char *name, const char *user_id,
                           struct generation **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    pthread_rwlock_rdlock(&l->models_lock);
    struct entry *e = name ? entry_find(l, name) : l->n_entries ? &l->entry[l->at_default] : NULL;
    if (!e) {
        status = entry_unknown(l, name ? name : "", err);
        goto done;
    }
    *out = e->canary && user_id && canary_takes(e, user_id) ? e->canary : e->current;
    atomic_fetch_add(&(*out)->refs, 1);
done:
    pthread_rwlock_unlock(&l->models_lock);
    return status;
}

void generation_retire(struct generation *g)
{
    if (g)
        g->is_retired = true;
}

/* What the asker did wrong is no error of the model. */
void generation_count(struct generation *g, akin_status status)
{
    if (!g)
        return;
    g->n_answers += status == AKIN_OK;
    g->n_errors += status == AKIN_E_MEMORY || status == AKIN_E_IO || status == AKIN_E_INTERNAL ||
                   status == AKIN_E_FORMAT;
}

struct file_mark file_mark_of(const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return (struct file_mark){0};
    return (struct file_mark){.device = (uint64_t)s.st_dev,
                              .inode = (uint64_t)s.st_ino,
                              .size = (int64_t)s.st_size,
                              .time_ns =
                                  (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec};
}

/* ---- Loading ---- */

static akin_status by_count_order(akin_ctx *ctx, struct generation *g, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n = g->m->items.n, most = 0;
    const int32_t *count = g->m->item_count;
    int32_t *start = NULL;
    MEM_NEW(ctx, g->by_count, n);
    for (int32_t i = 0; i < n; i++)
        most = count && count[i] > most ? count[i] : most;
    if (most > 4 * n + 1024)
        most = 4 * n + 1024; /* the few above share a bucket and keep their order of number */
    MEM_ZERO(ctx, start, (int64_t)most + 2);
    for (int32_t i = 0; i < n; i++)
        start[most - (count ? (count[i] < most ? count[i] : most) : 0) + 1]++;
    for (int32_t b = 0; b <= most; b++)
        start[b + 1] += start[b];
    for (int32_t i = 0; i < n; i++)
        g->by_count[start[most - (count ? (count[i] < most ? count[i] : most) : 0)]++] = i;
done:
    mem_free(ctx, start);
    return status;
}

/* The first model's ids and table, copied: the catalogue outlives every generation. */
static akin_status base_copy(struct live *l, const struct model *m, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct catalog *c = NULL;
    MEM_NEW(l->ctx, l->base_count, m->items.n);
    for (int32_t i = 0; i < m->items.n; i++)
        l->base_count[i] = m->item_count ? m->item_count[i] : 0;
    AKIN_TRY(ids_copy(l->ctx, &m->items, &l->base_ids, err));
    if (m->item_table.n_cols > 0)
        AKIN_TRY(
            table_gather(l->ctx, &m->item_table, NULL, m->item_table.n_rows, &l->base_table, err));
    AKIN_TRY(catalog_create(l->ctx, &l->base_ids, &l->base_table, l->base_count, l->p.max_items, &c,
                            err));
    l->catalog = c;
done:
    if (status != AKIN_OK) {
        mem_free(l->ctx, l->base_count);
        ids_free(l->ctx, &l->base_ids);
        table_free(l->ctx, &l->base_table);
        l->base_count = NULL;
        memset(&l->base_ids, 0, sizeof l->base_ids);
        memset(&l->base_table, 0, sizeof l->base_table);
    }
    return status;
}

/* A row of a table as the JSON that catalog_put takes. */
static json_t *row_json(const struct table *t, int64_t row)
{
    json_t *object = json_object();
    for (int32_t c = 0; object && c < t->n_cols; c++) {
        const struct column *col = &t->cols[c];
        json_t *value = NULL;
        if (col->type == COL_NUMBER && !isnan(col->num[row])) {
            value = json_real(col->num[row]);
        } else if (col->type == COL_TEXT && col->off[row + 1] > col->off[row]) {
            value = json_stringn(col->bytes + col->off[row],
                                 (size_t)(col->off[row + 1] - col->off[row]));
        } else if (col->type == COL_CATEGORY && col->ptr[row + 1] > col->ptr[row]) {
            value = json_array();
            for (int64_t e = col->ptr[row]; e < col->ptr[row + 1]; e++) {
                int32_t size;
                const char *text = strtab_get(&col->vocab, col->val[e], &size);
                json_array_append_new(value, json_stringn(text, (size_t)size));
            }
        }
        if (value)
            json_object_set_new(object, col->name, value);
    }
    return object;
}

/* Numbers of the model's items in the catalogue, both ways; what the catalogue lacks joins it. */
static akin_status join_catalog(struct live *l, struct generation *g, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct model *m = g->m;
    json_t *row = NULL;
    int32_t n = m->items.n;
    MEM_NEW(l->ctx, g->item, n);
    g->is_identity = true;
    for (int32_t i = 0; i < n; i++) {
        int32_t size;
        const char *id = ids_get(&m->items, i, &size);
        g->item[i] = catalog_find(l->catalog, id, (size_t)size);
        if (g->item[i] < 0) {
            row = m->item_table.n_cols ? row_json(&m->item_table, i) : NULL;
            AKIN_TRY(catalog_put(l->catalog, id, (size_t)size, row, &g->item[i], err));
            json_decref(row);
            row = NULL;
        }
        g->is_identity = g->is_identity && g->item[i] == i;
    }
    g->n_place = catalog_size(l->catalog);
    MEM_NEW(l->ctx, g->place, g->n_place);
    for (int32_t i = 0; i < g->n_place; i++)
        g->place[i] = -1;
    for (int32_t i = 0; i < n; i++)
        g->place[g->item[i]] = i;
done:
    json_decref(row);
    return status;
}

/* The policy of the dataset it was trained on, from its card. */
static bool keeps_repeats(const struct model *m)
{
    const json_t *data = json_object_get(m->card, "data");
    const json_t *clean = json_object_get(data ? data : m->card, "clean");
    const char *policy = json_text(clean ? clean : m->card, "duplicates", "last");
    return strcmp(policy, "keep") == 0;
}

akin_status generation_make(struct live *l, const char *name, const char *path,
                            struct generation **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *g = NULL;
    MEM_ZERO(l->ctx, g, 1);
    g->refs = 1;
    text_copy(g->name, sizeof g->name, name);
    g->path = mem_strdup(l->ctx, path, err);
    if (!g->path)
        AKIN_TRY(AKIN_E_MEMORY);
    g->file = file_mark_of(path);
    AKIN_TRY(model_load(l->ctx, path, &g->m, err));
    g->scorer = model_scorer(g->m);
    if (g->scorer.cls->vectors)
        g->scorer.cls->vectors(g->scorer.self, &g->vectors);
    AKIN_TRY(retrieval_make(l, g, err));
    if (!l->catalog)
        AKIN_TRY(base_copy(l, g->m, err));
    AKIN_TRY(join_catalog(l, g, err));
    AKIN_TRY(by_count_order(l->ctx, g, err));
    AKIN_TRY(ids_prefix_build(l->ctx, &g->m->users, &g->by_id, err));
    for (int t = 0; t < LIVE_TYPES; t++)
        g->type_of[t] = -2;
    g->keeps_repeats = keeps_repeats(g->m);
    g->loaded = live_now();
    g->cost_us = 100;
    g->id = ++l->n_generations;
    *out = g;
    g = NULL;
done:
    generation_put(l, g);
    return status;
}

akin_status live_model_load(struct live *l, const char *name, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *g = NULL, *old = NULL;
    bool is_locked = false;
    pthread_mutex_lock(&l->load_lock);
    if (!*name || strlen(name) >= sizeof l->entry[0].name)
        AKIN_FAIL(AKIN_E_ARG, "model name '%.80s' (must have 1..63 bytes)", name);
    AKIN_TRY(generation_make(l, name, path, &g, err));
    if (l->is_started)
        AKIN_TRY(remember(l, g->m->watermark, err));
    pthread_rwlock_wrlock(&l->models_lock);
    is_locked = true;
    struct entry *e = entry_find(l, name);
    if (!e) {
        if (l->n_entries == LIVE_MODELS)
            AKIN_FAIL(AKIN_E_LIMIT, "model '%s': %d are served already", name, LIVE_MODELS);
        e = &l->entry[l->n_entries++];
        memcpy(e->name, name, strlen(name) + 1);
    }
    if (e->canary)
        AKIN_FAIL(AKIN_E_UNSUPPORTED,
                  "model '%s' has a canary (generation %lld): promote it or roll it back first",
                  name, (long long)e->canary->id);
    old = e->previous;
    e->previous = e->current;
    e->current = g;
    g = NULL;
    generation_retire(old);
done:
    if (is_locked)
        pthread_rwlock_unlock(&l->models_lock);
    generation_put(l, old);
    generation_put(l, g);
    if (is_locked && status == AKIN_OK && l->retrain && l->is_started)
        retrain_remember(l, name);
    pthread_mutex_unlock(&l->load_lock);
    if (status == AKIN_OK)
        keeper_poke(l);
    return status;
}

akin_status live_model_rollback(struct live *l, const char *name, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *gone = NULL;
    pthread_rwlock_wrlock(&l->models_lock);
    struct entry *e = entry_find(l, name);
    if (!e) {
        status = entry_unknown(l, name, err);
        goto done;
    }
    if (e->canary) { /* what came last goes first */
        gone = e->canary;
        e->canary = NULL;
        generation_retire(gone);
        goto done;
    }
    if (!e->previous)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "model '%s' has no generation before this one", name);
    struct generation *g = e->current;
    e->current = e->previous;
    e->previous = g;
done:
    pthread_rwlock_unlock(&l->models_lock);
    generation_put(l, gone);
    if (status == AKIN_OK && l->retrain)
        retrain_remember(l, name);
    return status;
}

akin_status live_model_default(struct live *l, const char *name, akin_error *err)
{
    akin_status status = AKIN_OK;
    pthread_rwlock_wrlock(&l->models_lock);
    struct entry *e = entry_find(l, name);
    if (!e) {
        status = entry_unknown(l, name, err);
        goto done;
    }
    l->at_default = (int)(e - l->entry);
done:
    pthread_rwlock_unlock(&l->models_lock);
    return status;
}

/* ---- What a model's number of an event type is ---- */

akin_status type_number(struct live *l, const char *name, uint8_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int n = l->n_types;
    for (int i = 0; i < n; i++) {
        if (strcmp(l->types[i], name) == 0) {
            *out = (uint8_t)i;
            return AKIN_OK;
        }
    }
    pthread_rwlock_wrlock(&l->types_lock);
    for (; n < l->n_types; n++) /* somebody else was here */
        if (strcmp(l->types[n], name) == 0)
            break;
    if (n == LIVE_TYPES)
        AKIN_FAIL(AKIN_E_INPUT, "event type '%.40s': there are %d kinds already", name, LIVE_TYPES);
    if (n == l->n_types) {
        l->types[n] = mem_strdup(l->ctx, name, err);
        if (!l->types[n])
            AKIN_TRY(AKIN_E_MEMORY);
        l->n_types = n + 1;
    }
    *out = (uint8_t)n;
done:
    pthread_rwlock_unlock(&l->types_lock);
    return status;
}

int generation_type(struct live *l, struct generation *g, uint8_t type)
{
    int known = g->type_of[type];
    if (known == -2) {
        const char *name = l->types[type];
        known = strtab_find(feedback_types(g->m->feedback), name, strlen(name));
        g->type_of[type] = (int16_t)known;
    }
    return known;
}

/* ---- What is served ---- */

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
