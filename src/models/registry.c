/*
 * The registry: every model akin knows, one line each, in the order `akin models` prints.
 *
 * A model file defines `const struct model_class model_NAME`; a line here and one in CMakeLists.txt
 * make it known to the program, the server, the tuner and the contract tests.
 */
#include "core/param.h"
#include "models/model.h"

#include <string.h>

/* A line each, so that additions do not meet. */
/* clang-format off */
#define MODEL_MAP(X) \
    X(popular) \
    X(together) \
    X(rules) \
    X(itemknn) \
    X(ials) \
    X(markov) \
    X(vsknn) \
    X(stan) \
    X(userknn) \
    X(p3alpha) \
    X(rp3beta) \
    X(slopeone) \
    X(ease) \
    X(slim) \
    X(puresvd) \
    X(gfcf) \
    X(turbocf) \
    X(bspm) \
    X(svd) \
    X(nmf) \
    X(bpr) \
    X(content) \
    X(als) \
    X(svdpp) \
    X(bmf) \
    X(vae) \
    X(sdae) \
    X(fm) \
    X(blend) \
    X(fusion) \
    X(switch) \
    X(cascade) \
    X(stack) \
    X(ffm) \
    /* the end */
/* clang-format on */

#define MODEL_DECLARE(name) extern const struct model_class model_##name;
MODEL_MAP(MODEL_DECLARE)
#undef MODEL_DECLARE

#define MODEL_ROW(name) &model_##name,
static const struct model_class *const model_table[] = {MODEL_MAP(MODEL_ROW) NULL};
#undef MODEL_ROW

enum { MODEL_COUNT = (int)(sizeof(model_table) / sizeof(model_table[0])) - 1 };

const struct model_class *model_class_at(size_t index)
{
    return index < (size_t)MODEL_COUNT ? model_table[index] : NULL;
}

const struct model_class *model_class_find(const char *name)
{
    for (size_t i = 0; name && i < (size_t)MODEL_COUNT; i++)
        if (strcmp(model_table[i]->name, name) == 0)
            return model_table[i];
    return NULL;
}

akin_status model_class_get(const char *name, const struct model_class **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_param names[MODEL_COUNT + 1];
    const struct model_class *found = model_class_find(name);
    if (!found) {
        memset(names, 0, sizeof names);
        for (size_t i = 0; i < (size_t)MODEL_COUNT; i++)
            names[i].name = model_table[i]->name;
        const char *near = name ? param_nearest(names, (size_t)MODEL_COUNT, name) : NULL;
        if (near)
            AKIN_FAIL(AKIN_E_ARG, "model '%.60s' is unknown (did you mean '%s'?)", name, near);
        AKIN_FAIL(AKIN_E_ARG, "model '%.60s' is unknown (`akin models` lists all)",
                  name ? name : "");
    }
    *out = found;
done:
    return status;
}
