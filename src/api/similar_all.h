/* The nearest items of every item: near duplicates of a catalogue. */
#ifndef AKIN_API_SIMILAR_ALL_H
#define AKIN_API_SIMILAR_ALL_H

#include "api/asker.h"

/*
 * Writes csv: item_id,near_id,score and, with titles, title,near_title; a row for each item and
 * each of its k nearest that has a score of min_score at least, items in their order, nearest
 * first. A pair comes twice, once from either side, where each is among the other's k. allowed
 * bitmap of items that may be named as near, NULL = all output    path, NULL = the context's sink
 * Cost: a `similar` an item, in parallel. Fails: E_UNSUPPORTED (the model compares no items), E_IO,
 * E_MEMORY, E_CANCELLED.
 */
akin_status similar_all(struct asker *a, const uint64_t *allowed, int32_t k, double min_score,
                        bool csv_safe, const char *output, json_t **result, akin_error *err);

#endif
