/*
 * The contract over the whole registry: each model with its defaults, and the settings below.
 * test_contract [PART PARTS]: every PARTS-th case from PART on, so that ctest runs them side by
 * side and each stays short.
 */
#include "contract.h"

/* Further settings worth the whole suite. */
static const struct {
    const char *model, *params;
} variants[] = {
#include "variants.h"
};

int main(int argc, char **argv)
{
    /* The defaults of composites but for the factors, whose fits the sweeps would repeat. */
    static const char parts_of[] =
        "{\"of\":[\"itemknn\",\"ials:factors=12;reg=0.1;unobserved_weight=0.1\"]}";
    size_t part = argc == 3 ? (size_t)strtoul(argv[1], NULL, 10) : 0;
    size_t parts = argc == 3 ? (size_t)strtoul(argv[2], NULL, 10) : 1;
    enum { N_VARIANTS = sizeof variants / sizeof variants[0], MOST = 256 };
    struct contract_case cases[MOST], own[MOST];
    size_t n = 0, n_own = 0;
    for (size_t i = 0; model_class_at(i); i++) {
        if (n == MOST)
            return 1;
        const struct model_class *cls = model_class_at(i);
        cases[n++] =
            (struct contract_case){cls, cls->flags & MODEL_COMPOSITE ? parts_of : NULL, true};
    }
    for (size_t i = 0; i < N_VARIANTS; i++) {
        const struct model_class *cls = model_class_find(variants[i].model);
        if (cls && n < MOST)
            cases[n++] = (struct contract_case){cls, variants[i].params, true};
    }
    for (size_t i = part; i < n; i += parts)
        own[n_own++] = cases[i];
    return n_own > 0 ? contract_run(own, n_own) : 0;
}
