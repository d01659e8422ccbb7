/*
 * Feedback: event → weight. Which events are positives, how much each type counts, how fast it
 * fades. fit / apply / save / load; apply is pure in (spec, event, now), so that fit, fold-in and
 * requests run one code.
 */
#ifndef AKIN_DATA_FEEDBACK_H
#define AKIN_DATA_FEEDBACK_H

#include "core/param.h"
#include "data/dataset.h"
#include "data/expr.h"

struct feedback_params {
    const char *positive;  /* expression over value, event_type; NULL = every event */
    json_t *event_weights; /* map type → weight; unlisted types weigh 1 (0 drops them) */
    int64_t value_weight;  /* none | linear | log: weight × 1, value, or 1 + ln(1 + value) */
    double half_life_days; /* 0 = no decay */
};
extern const akin_param feedback_param_rows[]; /* ends with PARAM_END, not counted below */
extern const size_t feedback_n_params;

struct feedback;
/*
 * now: instant at which decay is 1 for training (newest time in train). types (borrowed during the
 * call) are those of the data; event_weights and the rule name types by name. Fails: E_INPUT (the
 * rule), E_ARG (a weight that is no finite number >= 0).
 */
akin_status feedback_create(akin_ctx *ctx, const struct feedback_params *p,
                            const struct strtab *types, int64_t now, struct feedback **out,
                            akin_error *err);
void feedback_free(struct feedback *f);
/*
 * Weight of an event at `now`: w(type) · v(value) · 2^(-age / half life); 0 = not a positive.
 * type -1 = none. Ages below 0 count as 0. A value that is NaN or negative (linear: or 0) weighs
 * nothing under value_weight linear and log. A positive never fades to 0: at least FLT_MIN.
 */
float feedback_weight(const struct feedback *f, float value, int type, int64_t time, int64_t now);
/* Same rule without decay: is it a positive? (weight > 0) */
bool feedback_is_positive(const struct feedback *f, float value, int type);
/*
 * The rule as JSON {positive, event_weights, value_weight, half_life_days, now} and back, exactly;
 * the way to apply one rule to data with other event types. NULL on lack of memory.
 */
json_t *feedback_to_json(const struct feedback *f);
akin_status feedback_from_json(akin_ctx *ctx, const json_t *json, const struct strtab *types,
                               struct feedback **out, akin_error *err);
int64_t feedback_now(const struct feedback *f);
/* The event types it was made for; type arguments index these. */
const struct strtab *feedback_types(const struct feedback *f);
/* True if every event weighs 1 for ever: no rule, no weights, no decay. */
bool feedback_is_plain(const struct feedback *f);
bool feedback_decays(const struct feedback *f);
/* Does the rule name event_type, or do types weigh differently? */
bool feedback_uses_types(const struct feedback *f);

#endif
