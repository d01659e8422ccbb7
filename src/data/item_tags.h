/* What people called each item: tags and how many said so, without who. */
#ifndef AKIN_DATA_ITEM_TAGS_H
#define AKIN_DATA_ITEM_TAGS_H

#include "data/dataset.h"

/* Of an item: tag[ptr[i]..ptr[i+1]), most often said first, then by text. ptr NULL = no tags. */
struct item_tags {
    const int64_t *ptr;   /* (items + 1) */
    const int32_t *tag;   /* into vocab */
    const int32_t *count; /* people, >= 1 */
    struct strtab vocab;
    bool is_owned; /* else mapped from a file */
};

/* Cost: O(tags log tags of an item). Freed by item_tags_free. Fails: E_MEMORY. */
akin_status item_tags_build(akin_ctx *ctx, const struct dataset *ds, struct item_tags *out,
                            akin_error *err);
void item_tags_free(akin_ctx *ctx, struct item_tags *t);
/* Optional sections tags.*; nothing without tags. */
akin_status item_tags_save(struct container_writer *w, const struct item_tags *t, int32_t n_items,
                           akin_error *err);
/* Absent: empty. Borrows from c. Fails: E_FORMAT. */
akin_status item_tags_load(struct container *c, int32_t n_items, struct item_tags *out,
                           akin_error *err);

#endif
