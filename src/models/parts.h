/*
 * Composites: models that are made of other models. A class with MODEL_COMPOSITE has a list
 * parameter `of`, whose members say what the parts are; it never names a model itself.
 *
 * A member of `of` is a name ("ials"), a name with parameters ("ease:reg=300;neighbors=50") or an
 * object ({type: ease, reg: 300}). Parts are fitted on the view of the whole before the class's own
 * fit; they borrow what every model carries (ids, tables, histories, counts) from the whole, so
 * that a file holds it once. Parts may be composites, PARTS_DEPTH deep.
 */
#ifndef AKIN_MODELS_PARTS_H
#define AKIN_MODELS_PARTS_H

#include "models/model.h"
#include "rank/dense.h"
#include "rank/topk.h"

enum {
    PARTS_MAX = 16,
    PARTS_DEPTH = 3,   /* composites within one another */
    PARTS_PREFIX = 16, /* "p15.p15.p15." and its end */
    PARTS_FOLD_K = 60  /* of similar items */
};

/* What `of` is when nobody says: two families that err differently, cheap at any size. */
#define PARTS_DEFAULT "itemknn,ials"
#define PARTS_OF_HELP                                                                              \
    "models it is made of: name, name:key=value;key=value or {type: name, key: value}"

/* ---- Life; called by model.c and model_io.c only -------------------------------------------- */

/* Fails: E_ARG (no part, too many, too deep, what a part's own parameters fail by). */
akin_status parts_create(struct model *m, akin_error *err);
akin_status parts_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                      akin_error *err);
akin_status parts_save(const struct model *m, struct container_writer *w, akin_error *err);
akin_status parts_load(struct model *m, struct container *c, akin_error *err);
void parts_free(struct model *m);
/* "p1." of the second part of a model, "p1.p0." of that one's first. */
void parts_prefix(const struct model *part, char out[PARTS_PREFIX]);

/* What part i of a composite, fitted or not, was asked to be: {type, key: value, …}, a new
 * reference; for train/. Fails: E_ARG, E_MEMORY. */
akin_status parts_member(const struct model *m, int32_t i, json_t **out, akin_error *err);

/* ---- What composites share ------------------------------------------------------------------ */

/* Numbers of a list, one a part; NULL list = all `otherwise`. Fails: E_ARG naming key and place. */
akin_status parts_numbers(const struct model *m, const char *key, const json_t *list,
                          double otherwise, double lo, double hi, double *out, akin_error *err);

/* A part's scores over the users sampled at the fit: never learnt from a request. */
struct parts_scale {
    double mean, inv_sd; /* over all items but the history, unscored ones as low */
    double low;          /* the lowest score seen */
};
static inline double parts_z(const struct parts_scale *s, float score)
{
    return ((score > UNSCORED ? (double)score : s->low) - s->mean) * s->inv_sd;
}
/* out (n_parts). sample: about so many users, by a hash. Cost: their scores of all items. */
akin_status parts_scale_fit(const struct model *m, const struct train_view *tv, int64_t sample,
                            struct parts_scale *out, akin_error *err);
akin_status parts_scale_save(const struct model *m, const struct parts_scale *s,
                             struct container_writer *w, akin_error *err);
akin_status parts_scale_load(const struct model *m, struct container *c, struct parts_scale *s,
                             akin_error *err);

/* Where an item stands in a part's order. */
struct parts_place {
    int32_t item;
    int32_t rank; /* from 1, among the items that are not in the history */
    float score;
};
/*
 * The best n_top of part p for an asker (all that it scores, if fewer), best first, then items of
 * her history that score as high, in order of items, for lists that include what was seen. score
 * (n_items): what the part says of every item. Both lie in scratch.
 */
akin_status parts_top(const struct model *m, int32_t p, const struct query *q, int32_t n_top,
                      struct parts_place **out, int32_t *n, float **score, struct arena *scratch,
                      akin_error *err);

/* Reasons of the parts, each times weight[p] (0 = not asked), summed by item. */
akin_status parts_explain(const struct model *m, const struct query *q, int32_t item,
                          const double *weight, struct reason *out, int32_t max, int32_t *n,
                          struct arena *scratch, akin_error *err);
/* Near items: reciprocal rank fusion of what those parts say that compare items. */
akin_status parts_similar(const struct model *m, int32_t item, struct evidence *out,
                          struct arena *scratch, akin_error *err);
/* scorer_flags: SCORER_RATES and SCORER_ITEMS_ONLY if all parts have them. (SCORER_TIMED, which a
 * composite has if a part has it, is model_scorer's.) */
uint32_t parts_flags(const struct model *m);
/* Columns of a request's context: those of the first part that has any. */
const struct features *parts_context(const struct model *m);

#endif
