/*
 * Which models a search over all of them begins with. By what they learn from, not by name: those
 * that learn from values where errors of values are sought, the others where lists are. What a
 * model needs beyond that (times, texts, sessions) it says itself: its first trial fails with its
 * words, and it is out after the first round. Composites are left out: they are made of what such a
 * search finds.
 */
#include "tune/goal.h"
#include "tune/tune.h"

akin_status tune_auto(const json_t *metrics, const char *models[TUNE_MODELS], int32_t *n,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    struct tune_goal goal;
    const struct model_class *cls;
    AKIN_TRY(goal_parse(metrics, NULL, &goal, err));
    bool is_error = metric_kind_of(&goal.metrics[0]) == METRIC_PAIR;
    *n = 0;
    for (size_t i = 0; (cls = model_class_at(i)) && *n < TUNE_MODELS; i++)
        if (!(cls->flags & MODEL_COMPOSITE) && is_error == ((cls->flags & MODEL_WANTS_VALUES) != 0))
            models[(*n)++] = cls->name;
done:
    return status;
}
