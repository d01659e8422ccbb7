/*
 * Fuzz: DSSTNE's networks. Any JSON becomes a network within its bounds or is refused with a
 * message.
 */
#include "core/json.h"
#include "models/dsstne.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct network_plan plan = {.net.error = NET_CROSS_ENTROPY};
    struct net net;
    json_t *json = NULL;
    akin_error err = {0};
    if (json_parse("fuzz", (const char *)data, size, &json, NULL) != AKIN_OK)
        return 0;
    akin_status status = dsstne_plan(json, &plan, &err);
    json_decref(json);
    if (status != AKIN_OK) {
        if (status != AKIN_E_ARG || !err.message[0])
            abort();
        return 0;
    }
    if (plan.net.n_layers < 2 || plan.net.n_layers > NET_LAYERS)
        abort();
    plan.net.n_in = plan.net.layer[plan.net.n_layers - 1].width = 1000;
    status = net_shape(NULL, "fuzz", &plan.net, &net, &err);
    if (status != AKIN_OK && status != AKIN_E_ARG)
        abort();
    if (status == AKIN_OK && net.n_weights < 1000)
        abort();
    return 0;
}
