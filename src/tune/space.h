/*
 * What a search may vary: one dimension a parameter, each with a coordinate of its own.
 *
 * A number's coordinate is 0..1 over its range (of its logarithm where so told; a whole number owns
 * an equal stretch), a choice's is its index. Ranges come from the model's table and may be
 * overridden one by one.
 */
#ifndef AKIN_TUNE_SPACE_H
#define AKIN_TUNE_SPACE_H

#include "models/model.h"

enum { TUNE_DIMS = 64 /* at most */ };
enum tune_kind { TUNE_INT, TUNE_REAL, TUNE_CHOICE };

struct tune_dim {
    const char *name; /* of the parameter's row */
    enum tune_kind kind;
    bool is_log;
    double lo, hi;   /* of numbers: the range, as values */
    json_t *choices; /* array, the arena's */
    int32_t n_choices;
};

struct tune_space {
    struct tune_dim dims[TUNE_DIMS];
    int32_t n;
};

/*
 * The space of a model: its rows marked for tuning, without those in `fixed`, and what `ranges`
 * (NULL = none) says:
 *   key: "16..256", "1e-4..1:log", "a|b|c", ["a", "b"], or one value
 * for any key of the model or of feedback. Rows whose default gives no scale (0, unbounded) are
 * searched only where ranges names them. arena owns the choices.
 * Fails: E_ARG (unknown key; a range that is none, out of bounds or also fixed; too many),
 * E_MEMORY.
 */
akin_status space_build(struct arena *arena, const struct model_class *cls, const json_t *ranges,
                        const json_t *fixed, struct tune_space *out, akin_error *err);

/* Values of a point (n coordinates), over `fixed` (NULL = none): a new object, or NULL. Numbers
 * have four digits. */
json_t *space_values(const struct tune_space *s, const double *point, const json_t *fixed);
/* The point of values; a key that is absent or not in the space's range: the nearest there is. */
void space_point(const struct tune_space *s, const json_t *values, double *point);
/* The values that the model would take by itself, as a point. */
void space_default(const struct tune_space *s, const struct model_class *cls, double *point);
/* [{"name", "kind", "lo", "hi", "log"} or {"name", "kind", "choices"}]: a new array, or NULL. */
json_t *space_json(const struct tune_space *s);

/* space_parse.c: a dimension from what a user wrote; the row's bounds are checked. */
akin_status space_parse(struct arena *arena, const akin_param *row, size_t params_size,
                        const json_t *range, struct tune_dim *out, akin_error *err);
/* The row of a key among the model's parameters and feedback's, and the size of its struct. */
const akin_param *space_row(const struct model_class *cls, const char *key, size_t *size);

#endif
