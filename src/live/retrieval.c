/*
 * How a generation finds the k best: the exact index, or approximate lists for a large catalogue,
 * whose recall is measured at loading with states of the model's own users.
 *
 * Cost: the index (rank/index.h), and a fold-in for each of at most SAMPLE users. The choice
 * depends on the number of items and the parameter alone, so that equal servers answer alike.
 */
#include "live/engine.h"
#include "rank/index.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLE = 500 };

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

/* A user as lists are asked for: what it has is left out. */
static akin_status asker_of(const struct generation *g, int32_t user, struct arena *keep,
                            struct arena *scratch, struct index_ask *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct query q = model_query_user(g->m, user);
    float *state = arena_alloc(keep, g->vectors.k, sizeof *state, err);
    int32_t *seen = arena_alloc(keep, (int64_t)q.hist.n + 1, sizeof *seen, err);
    if (!state || !seen)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(g->scorer.cls->fold_in(g->scorer.self, &q, state, scratch, err));
    arena_reset(scratch);
    if (q.hist.n > 0)
        memcpy(seen, q.hist.item, (size_t)q.hist.n * sizeof *seen);
    qsort(seen, (size_t)q.hist.n, sizeof *seen, by_number);
    *out = (struct index_ask){.state = state, .exclude = seen, .n_exclude = q.hist.n};
done:
    return status;
}

/* Users evenly spread over the model's numbering. */
static akin_status sample_users(const struct generation *g, struct arena *keep,
                                struct arena *scratch, struct index_options *o, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t users = g->m->users.n;
    int64_t n = users < SAMPLE ? users : SAMPLE;
    struct index_ask *asker = arena_alloc(keep, n + 1, sizeof *asker, err);
    if (!asker)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int64_t j = 0; j < n; j++)
        AKIN_TRY(asker_of(g, (int32_t)(j * users / n), keep, scratch, &asker[j], err));
    o->askers = n > 0 ? asker : NULL;
    o->n_askers = n;
done:
    return status;
}

akin_status retrieval_make(struct live *l, struct generation *g, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct arena keep, scratch;
    struct index_options options = {.ivf_min = l->p.approximate_from, .seed = l->seed};
    bool is_large = options.ivf_min > 0 && g->scorer.n_items >= options.ivf_min;
    arena_init(&keep, l->ctx);
    arena_init(&scratch, l->ctx);
    if (is_large && g->vectors.items && g->scorer.cls->fold_in)
        AKIN_TRY(sample_users(g, &keep, &scratch, &options, err));
    AKIN_TRY(ranker_create_with(l->ctx, &g->scorer, &options, &g->ranker, err));
done:
    arena_free(&keep);
    arena_free(&scratch);
    return status;
}

void retrieval_json(struct jw *jw, const struct generation *g)
{
    const struct index *ix = ranker_index(g->ranker);
    jw_key(jw, "retrieval");
    jw_open(jw, '{');
    jw_key(jw, "kind");
    jw_string(jw, !ix ? "scores" : index_lists(ix) > 1 ? "lists" : "exact");
    if (ix) {
        jw_key(jw, "recall");
        jw_float(jw, (float)index_recall(ix));
        jw_key(jw, "lists");
        jw_int(jw, index_lists(ix));
        jw_key(jw, "read");
        jw_int(jw, index_probes(ix));
        jw_key(jw, "bytes");
        jw_int(jw, index_bytes(ix));
    }
    jw_close(jw, '}');
}
