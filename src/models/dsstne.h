/* Networks as Amazon DSSTNE writes them down: JSON with Layers, ErrorFunction and their parameters.
 */
#ifndef AKIN_MODELS_DSSTNE_H
#define AKIN_MODELS_DSSTNE_H

#include "models/network.h"

/*
 * What the network (an object) says, over what plan has: layers, their activations, starts and
 * dropout, the error and its scales, denoising, sparseness, shuffling. Fails: E_ARG: what akin's
 * networks do not have (convolution, pooling, layers of several sources, ...) and keys it does not
 * know, each by name. plan is then partly changed.
 */
akin_status dsstne_plan(const json_t *network, struct network_plan *plan, akin_error *err);

#endif
