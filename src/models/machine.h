/*
 * What fm and ffm share: what they go by, the events with their targets, the three sides of an
 * event - its item, its context, its user - as rows of features, and what askers need of that.
 */
#ifndef AKIN_MODELS_MACHINE_H
#define AKIN_MODELS_MACHINE_H

#include "data/features.h"
#include "kern/kern.h"
#include "models/model.h"

enum fm_task { FM_REGRESSION, FM_CLASSIFICATION, FM_RANKING };
#define FM_TASKS "regression|classification|ranking"

/* What features are of; one spec each. */
enum fm_side_of { FM_ITEMS, FM_CONTEXT, FM_USERS, FM_SIDES };

/* Of the model's parameters, those that say what is learnt from what. */
struct fm_choice {
    const char *model; /* its name, for messages */
    int64_t task, negatives;
    const json_t *columns; /* borrowed of the parameters */
    bool tags, user_features, item_features, context;
};

/* What a model keeps of its data. */
struct fm_known {
    akin_ctx *ctx;
    const struct model *owner;
    struct fm_choice choice;
    int64_t n_items;
    struct features *spec[FM_SIDES]; /* owned; NULL = nothing is known of that side */
    struct csr user_rows;            /* (n_users, features) of users; empty = none */
    struct csr context_rows;         /* (distinct contexts, features) */
    const int32_t *context_of;       /* (events trained on) into context_rows; NULL = none */
    double base, spread;             /* of targets: ŷ = base + spread · what is modelled */
    uint64_t seed;
    bool is_mapped; /* arrays lie in the model's file */
};

struct feature_options fm_options(enum fm_side_of side);
static inline int64_t fm_count(const struct fm_known *s, enum fm_side_of side)
{
    return s->spec[side] ? features_count(s->spec[side]) : 0;
}

/* ---- Training: machine_columns.c, machine_events.c ---- */

/* Rows of a side: the row itself (feature r of n_own), then its attributes. */
struct fm_rows {
    int64_t n_rows, n_features, n_own;
    struct csr X; /* (n_rows, n_features) owned */
};

struct fm_data {
    akin_ctx *ctx;
    const struct model *m;
    const struct train_view *tv;
    struct fm_known *known; /* filled: specs, rows, base, spread */
    int64_t n;              /* events, with negatives */
    float *target;          /* (n) unit values, or 1 and 0 */
    int32_t *row[FM_SIDES]; /* (n) of each side; NULL = it has no rows. Users ascend. */
    struct fm_rows side[FM_SIDES];
};

/*
 * known: choice, ctx, owner, n_items, seed are given. Cost: a read of the tables, a sort of each
 * history; 16 bytes an event and row of a side. Also what failed half is for fm_data_free; the
 * known is the model's. Fails: E_INPUT (no values, one class, not finite), E_ARG (a column that
 * there is not), E_LIMIT (2^31 events), E_MEMORY, E_CANCELLED.
 */
akin_status fm_data_read(struct fm_data *d, akin_error *err);
void fm_data_free(struct fm_data *d);
/* Specs, and rows of attributes in side[].X: what fm_data_read begins with. */
akin_status fm_read_columns(struct fm_data *d, akin_error *err);

/*
 * Negatives of ranking, a pure function of the history: the j-th item put beside the event at
 * `place`, none of own (ascending); -1 if none was found.
 */
int32_t fm_negative(uint64_t seed, int32_t item, int64_t place, int64_t j, int64_t n_items,
                    const int32_t *own, int64_t n_own);
/* What logistic rows weigh given x̂, and the target less x̂ that goes with it: the bound of Jaakkola
 * and Jordan 2000, doi:10.1023/A:1008932416310. */
void fm_logit(double x, bool is_positive, float *weight, float *residual);

/*
 * A row of least squares: A = Σ w z zᵀ (lower triangle), b = Σ w z r, to
 * (A + diag(ratio))⁻¹ (b + ratio ∘ (mean - at)) + a draw from the inverse, noise (k1) being
 * standard normals over √α, NULL = none. The result is in b; centre (k1) receives it without the
 * draw, NULL = not wanted. Fails: E_INTERNAL (not finite).
 */
akin_status fm_solve(const struct kern *kern, int64_t k1, float *A, float *b, const float *ratio,
                     const float *mean, const float *at, const float *noise, float *centre,
                     akin_error *err);

/* ---- Askers: machine_asker.c ---- */

/* The events of an asker, with negatives. Arrays in scratch. */
struct fm_asked {
    int64_t n;
    int32_t *item;    /* (n) */
    int32_t *own;     /* (n) into known: whose reason the event is */
    int32_t *context; /* (n) rows, -1 = none */
    float *target;    /* (n) unit values, or 1 and 0 */
    int32_t n_known;
    int32_t *known;            /* (n_known) her items, ascending and distinct */
    struct feature_vector now; /* of the request's context */
};
/* Events that the model was trained on keep the context that they had; later ones have none.
 * Cost: n log n. Fails: E_MEMORY. */
akin_status fm_asked_read(const struct fm_known *s, const struct query *q, struct arena *scratch,
                          struct fm_asked *out, akin_error *err);
/* A late item: its features by number, in scratch. none = nothing is known of items. */
akin_status fm_read_item(const struct fm_known *s, const struct attributes *a,
                         struct item_state *out, struct arena *scratch, akin_error *err);

/* ---- Files: machine_file.c ---- */

/* Sections m.head, m.item, m.user, m.context, m.ctx.*. */
akin_status fm_known_save(const struct fm_known *s, struct container_writer *w, akin_error *err);
/* choice, ctx, owner, n_items are given. Fails: E_FORMAT. */
akin_status fm_known_load(struct fm_known *s, struct container *c, akin_error *err);
void fm_known_free(struct fm_known *s);
/* What scores of a task are (enum scorer_flags). */
uint32_t fm_task_flags(int64_t task);

#endif
