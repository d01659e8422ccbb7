/*
 * Models: one file an algorithm, one row in the registry. A model file never knows another model,
 * the CLI, HTTP or the clock.
 *
 * Order of a model file: head (paper, loss, update, cost) → parameters and their table → self with
 * shapes → helpers → fit → score → fold_in → explain → save/load → destroy → the const class.
 */
#ifndef AKIN_MODELS_MODEL_H
#define AKIN_MODELS_MODEL_H

#include "core/param.h"
#include "data/dataset.h"
#include "data/features.h"
#include "data/item_tags.h"
#include "data/view.h"
#include "rank/scorer.h"

#include <jansson.h>

struct model;

/* What a fit reports while it runs; train/ fills it. */
struct fit_control {
    void *arg;
    /*
     * After each epoch (from 1), on the calling thread; the model must be scorable. loss NaN =
     * not computed. *stop set: finish with this state. NULL = not wanted.
     */
    akin_status (*epoch)(void *arg, struct model *m, int64_t epoch, double loss, bool *stop,
                         akin_error *err);
    const struct model *warm;   /* an earlier model of the same class, or NULL */
    const int32_t *warm_user;   /* (n_users) index in warm, -1 = new */
    const int32_t *warm_item;   /* (n_items) */
    const struct model *resume; /* this very fit after some epochs, as it was saved then, or NULL;
                                   only of MODEL_CHECKPOINTS */
};

enum model_flags {
    MODEL_EPOCHS = 1,       /* iterates: early stopping and warm start make sense */
    MODEL_CLOSED_FORM = 2,  /* fold-in of the training history equals the user's own scores */
    MODEL_WANTS_VALUES = 4, /* learns from values rather than positives */
    MODEL_SOME_ITEMS = 8,   /* has items with positives alone: estimate gets their number */
    MODEL_COMPOSITE = 16,   /* made of parts, which its list parameter `of` names (parts.h) */
    MODEL_OUT_OF_FOLD = 32, /* a composite that fits its parts twice */
    MODEL_CHECKPOINTS = 64  /* saved in an epoch call-back it holds all that the next epochs need */
};

/* What another library calls a parameter; a list of them ends with {NULL, NULL}. */
struct model_alias {
    const char *theirs, *ours;
};

struct model_class {
    const char *name;    /* "ials" */
    const char *summary; /* one line */
    uint32_t flags;      /* enum model_flags */
    const akin_param *params;
    size_t n_params;
    size_t params_size;                /* sizeof the parameter struct */
    const struct model_alias *aliases; /* understood beside the names of params; or NULL */
    size_t self_size;                  /* zeroed by model_create; model->self */
    akin_status (*fit)(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                       akin_error *err);
    struct scorer_class scorer; /* self = model->self */
    /* enum scorer_flags of the fitted model */
    uint32_t (*scorer_flags)(const struct model *m);
    /* What a request's context is read by: its columns are the keys. NULL: none of the fitted
     * model; the function NULL: none of any. */
    const struct features *(*context)(const struct model *m);
    /* Sections are named "m.…"; loading must check every size and index. */
    akin_status (*save)(const struct model *m, struct container_writer *w, akin_error *err);
    akin_status (*load)(struct model *m, struct container *c, akin_error *err);
    void (*destroy)(struct model *m); /* frees what self owns; self itself is model_free's */
    /* Bytes and flops predicted for `akin plan`: peak memory of fit, seconds on one core. */
    void (*estimate)(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                     double *bytes, double *flops);
};

struct model {
    akin_ctx *ctx;
    const struct model_class *cls;
    struct arena arena; /* owns texts and lists of params */
    void *params;       /* parsed, owned */
    void *self;         /* owned */
    /* Whose arrays the model looks at, owned; of these two it has the one that it came from. */
    struct dataset *data;   /* shared with whoever fitted the model */
    struct container *file; /* of a model that was loaded */
    /* What every artifact carries, so that a model file is self-contained. */
    struct ids users, items;
    struct table item_table, user_table;
    struct item_tags tags;
    struct histories hist;
    struct strtab types;
    int32_t *item_count; /* (items.n) users with a positive */
    struct feedback *feedback;
    int64_t now; /* newest train time */
    float value_lo, value_hi;
    enum time_kind time_kind;
    int64_t watermark;
    /* Of a composite: its parts, owned, in the order of `of`. Of a part: the model it is of, which
     * owns all of the above but arena, params and self. */
    struct model **part; /* (n_parts) */
    struct dense *ask;   /* (n_parts) how a composite asks them, owned */
    int32_t n_parts;
    struct model *whole; /* NULL = no part */
    int32_t place;       /* among the parts of whole */
    json_t *card;        /* owned: data fingerprint, parameters, metrics, seed, build */
};

/* Bytes and flops of a fit, parts included. */
void model_estimate(const struct model *m, int64_t n_users, int64_t n_items, int64_t nnz,
                    double *bytes, double *flops);

/* The registry; NULL past the end, or for an unknown name. */
const struct model_class *model_class_at(size_t index);
const struct model_class *model_class_find(const char *name);
/* E_ARG naming the nearest model. */
akin_status model_class_get(const char *name, const struct model_class **out, akin_error *err);

/* An unfitted model with parsed parameters. params: JSON object or NULL. */
akin_status model_create(akin_ctx *ctx, const struct model_class *cls, const json_t *params,
                         struct model **out, akin_error *err);
/*
 * Takes ids, tables and histories of the view's dataset, whose owner the model becomes beside the
 * caller (dataset_share), and copies what is small; then runs cls->fit. Afterwards the view and the
 * caller's part of the dataset may be freed. Fails: E_ARG (fitted already; a dataset of another
 * context), what the fit fails by.
 */
akin_status model_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                      akin_error *err);
akin_status model_save(const struct model *m, const char *path, akin_error *err);
akin_status model_load(akin_ctx *ctx, const char *path, struct model **out, akin_error *err);
/* As model_load for a class not in the registry (tests). */
akin_status model_load_as(akin_ctx *ctx, const char *path, const struct model_class *cls,
                          struct model **out, akin_error *err);
void model_free(struct model *m); /* NULL allowed */
struct scorer model_scorer(const struct model *m);
/* Query of a trained user (its training history), or of a bare history. */
struct query model_query_user(const struct model *m, int32_t user);
/* Sum over everything a fit made; equal models have equal fingerprints. */
akin_status model_fingerprint(const struct model *m, uint64_t *out, akin_error *err);

#endif
