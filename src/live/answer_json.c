/*
 * An answer as JSON, its reasons included. Not here: which items it holds (answer_items.c).
 *
 * Cost: O(items); with explain about one fold-in an item.
 */
#include "live/answer.h"
#include "live/late.h"

#include <string.h>

static void id_json(const struct catalog *c, int32_t item, struct jw *jw)
{
    int32_t size;
    const char *id = catalog_id(c, item, &size);
    jw_key(jw, "item_id");
    jw_string_n(jw, id, (size_t)size);
}

void title_json(const struct catalog *c, int32_t item, struct jw *jw)
{
    const char *title;
    int32_t size;
    catalog_title(c, item, &title, &size);
    if (size == 0)
        return;
    jw_key(jw, "title");
    jw_string_n(jw, title, (size_t)size);
}

void item_name_json(const struct catalog *c, int32_t item, struct jw *jw)
{
    id_json(c, item, jw);
    title_json(c, item, jw);
}

void item_open(struct live_slot *s, struct jw *jw, int32_t item, float score)
{
    const struct catalog *c = s->l->catalog;
    jw_open(jw, '{');
    id_json(c, item, jw);
    jw_key(jw, "score");
    if (score == UNSCORED)
        jw_null(jw);
    else
        jw_float(jw, score);
    title_json(c, item, jw);
}

static void reason_code(struct jw *jw, const char *code, const char *model)
{
    jw_open(jw, '{');
    jw_key(jw, "code");
    jw_string(jw, code);
    jw_key(jw, "model");
    jw_string(jw, model);
    jw_close(jw, '}');
}

akin_status answer_reasons(struct answer *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    a->reasons =
        arena_alloc(&a->s->arena, (int64_t)a->n_ruled * LIVE_REASONS + 1, sizeof *a->reasons, err);
    a->n_reasons = arena_alloc(&a->s->arena, (int64_t)a->n_ruled + 1, sizeof *a->n_reasons, err);
    if (!a->reasons || !a->n_reasons)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t i = 0; i < a->n_ruled; i++) {
        const struct answer *m = interleave_maker(a, a->ruled[i].item);
        int32_t item = a->ruled[i].item, place = item < m->g->n_place ? m->g->place[item] : -1;
        struct ranker *ranker;
        if (m->is_fallback || (m->g->scorer.flags & SCORER_ITEMS_ONLY) ||
            a->ruled[i].score == UNSCORED)
            continue;
        if (place < 0) {
            AKIN_TRY(late_explain(m->g, &m->asker.q, item, a->reasons + i * LIVE_REASONS,
                                  LIVE_REASONS, &a->n_reasons[i], err));
            continue;
        }
        AKIN_TRY(slot_ranker(a->s, m->g, &ranker, err));
        AKIN_TRY(rank_explain(ranker, &m->asker.q, place, a->reasons + i * LIVE_REASONS,
                              LIVE_REASONS, &a->n_reasons[i], err));
    }
done:
    return status;
}

static void reasons_json(const struct answer *a, int32_t at, struct jw *jw)
{
    const struct ruled *r = &a->ruled[at];
    const struct generation *g = interleave_maker(a, r->item)->g;
    jw_key(jw, "reasons");
    jw_open(jw, '[');
    if (r->reason != RULE_MODEL && r->reason != RULE_FALLBACK)
        reason_code(jw, rule_reason_name(r->reason), g->name);
    else if (r->score == UNSCORED)
        reason_code(jw, "fallback_popular", g->name);
    else if (a->n_reasons[at] == 0)
        reason_code(jw, "model", g->name);
    for (int32_t i = 0; i < a->n_reasons[at]; i++) {
        const struct reason *reason = &a->reasons[at * LIVE_REASONS + i];
        jw_open(jw, '{');
        jw_key(jw, "code");
        jw_string(jw, "because_of");
        jw_key(jw, "model");
        jw_string(jw, g->name);
        item_name_json(a->s->l->catalog, g->item[reason->item], jw);
        jw_key(jw, "contribution");
        jw_float(jw, reason->contribution);
        jw_close(jw, '}');
    }
    jw_close(jw, ']');
}

/* Those of the given that nobody can rank, in their order: never heard of, or deleted. */
static void unknown_json(const struct answer *a, struct jw *jw)
{
    const struct catalog *c = a->s->l->catalog;
    jw_key(jw, "unknown");
    jw_open(jw, '[');
    for (int64_t i = 0; i < a->given->n_items; i++) {
        const char *id = a->given->items[i];
        int32_t item = catalog_find(c, id, strlen(id));
        if (item < 0 || !catalog_is_alive(c, item))
            jw_string(jw, id);
    }
    jw_close(jw, ']');
}

/* {"name","arm"} of a split; an interleaved list is of both arms, and with explain its items say
 * whose they are. */
static void experiment_json(const struct answer *a, struct jw *jw)
{
    const struct experiment *e = a->pick.experiment;
    if (!e)
        return;
    jw_key(jw, "experiment");
    jw_open(jw, '{');
    jw_key(jw, "name");
    jw_string(jw, e->name);
    if (e->kind == EXPERIMENT_SPLIT) {
        jw_key(jw, "arm");
        jw_string(jw, e->arm[a->pick.arm].name);
    } else {
        jw_key(jw, "arms");
        jw_open(jw, '[');
        jw_string(jw, e->arm[0].name);
        jw_string(jw, e->arm[1].name);
        jw_close(jw, ']');
    }
    jw_close(jw, '}');
}

static void item_arm_json(const struct answer *a, int32_t item, struct jw *jw)
{
    int team = interleave_team(a, item);
    if (team < 0)
        return;
    jw_key(jw, "arm");
    jw_string(jw, a->pick.experiment->arm[team].name);
}

akin_status answer_json(struct answer *a, struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jw jw;
    jw_init(&jw, out);
    jw_open(&jw, '{');
    if (a->q->user_id) {
        jw_key(&jw, "user_id");
        jw_string(&jw, a->q->user_id);
    }
    jw_key(&jw, "model");
    jw_string(&jw, a->g->name);
    jw_key(&jw, "generation");
    jw_int(&jw, a->g->id);
    experiment_json(a, &jw);
    jw_key(&jw, "items");
    jw_open(&jw, '[');
    for (int32_t i = 0; i < a->n_ruled; i++) {
        item_open(a->s, &jw, a->ruled[i].item, a->ruled[i].score);
        if (a->q->explain) {
            item_arm_json(a, a->ruled[i].item, &jw);
            reasons_json(a, i, &jw);
        }
        jw_close(&jw, '}');
    }
    jw_close(&jw, ']');
    if (a->given)
        unknown_json(a, &jw);
    jw_key(&jw, "fallback");
    if (a->why)
        reason_code(&jw, a->why, a->is_popular ? "popularity" : a->g->name);
    else
        jw_null(&jw);
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(out, err));
done:
    return status;
}
