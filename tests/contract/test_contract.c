/* The contract over the whole registry: each model with its defaults, and the settings below. */
#include "contract.h"

/* Further settings worth the whole suite. */
static const struct {
    const char *model, *params;
} variants[] = {
    {"ials", "{\"solver\":\"cholesky\",\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
    {"ials",
     "{\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
    {"ials", "{\"biases\":true,\"factors\":6,\"reg\":0.1,\"unobserved_weight\":0.1}"},
    {"ials", "{\"biases\":true,\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,"
             "\"unobserved_weight\":0.1}"},
};

int main(void)
{
    enum { N_VARIANTS = sizeof variants / sizeof variants[0], MOST = 128 };
    struct contract_case cases[MOST];
    size_t n = 0;
    for (size_t i = 0; model_class_at(i); i++) {
        if (n == MOST)
            return 1;
        cases[n++] = (struct contract_case){model_class_at(i), NULL, true};
    }
    for (size_t i = 0; i < N_VARIANTS; i++) {
        const struct model_class *cls = model_class_find(variants[i].model);
        if (cls && n < MOST)
            cases[n++] = (struct contract_case){cls, variants[i].params, true};
    }
    return contract_run(cases, n);
}
