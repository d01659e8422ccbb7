/* Sums of features of fm, which training and askers share. Cost: n·k. */
#include "models/fm.h"

void fm_sum(int64_t k, const float *theta, const int32_t *feature, const float *value, int64_t n,
            float *to)
{
    for (int64_t e = 0; e < n; e++) {
        const float *x = theta + (int64_t)feature[e] * (k + 1);
        float pairs = 0;
        for (int64_t t = 0; t < k; t++)
            pairs += to[t] * x[t]; /* with those before it */
        to[k] += value[e] * (x[k] + pairs);
        for (int64_t t = 0; t < k; t++)
            to[t] += value[e] * x[t];
    }
}
