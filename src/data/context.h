/*
 * The context of a request - device, place, company - as attributes: what its model's columns of
 * events were at training, given by name in JSON.
 */
#ifndef AKIN_DATA_CONTEXT_H
#define AKIN_DATA_CONTEXT_H

#include "core/mem.h"
#include "data/attributes.h"
#include "data/features.h"

#include <jansson.h>

/*
 * object: {"device":"phone","hour":18,"with":["kids","dog"]}; numbers are texts and texts numbers
 * where the column is one; null is absent. The result lies in arena; object is borrowed for as
 * long. Fails: E_INPUT (a value of another type), E_MEMORY.
 */
akin_status context_read(const json_t *object, struct arena *arena, const struct attributes **out,
                         akin_error *err);
/*
 * Each key is a column of one of the specs (n; NULL entries have none). Fails: E_INPUT naming the
 * key and those that there are. A value that no event had is no error: it counts as absent.
 */
akin_status context_check(const json_t *object, const struct features *const *specs, int n,
                          akin_error *err);

#endif
