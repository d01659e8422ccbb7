/* An opened model with what answering needs: ranker, filter, texts of items. */
#ifndef AKIN_API_ASKER_H
#define AKIN_API_ASKER_H

#include "api/op.h"
#include "models/model.h"
#include "rank/rank.h"

struct asker {
    akin_ctx *ctx;
    struct model *m, *owned; /* owned: m, or NULL */
    struct scorer scorer;
    struct ranker *ranker;
    const struct column *title; /* of the item table, or NULL */
};

/* m borrowed. */
akin_status asker_open(akin_ctx *ctx, struct model *m, struct asker *out, akin_error *err);
/* The same with the model of a file. */
akin_status asker_load(akin_ctx *ctx, const char *path, struct asker *out, akin_error *err);
void asker_close(struct asker *a);
/* Index of a user or item by its id. Fails: E_NOT_FOUND naming it. */
akin_status asker_user(const struct asker *a, const char *id, int32_t *out, akin_error *err);
akin_status asker_item(const struct asker *a, const char *id, int32_t *out, akin_error *err);

/* {"item_id":…,"score":…,"title":…[,"reasons":[…]]} */
akin_status asker_item_json(const struct asker *a, struct jw *jw, const struct ranked *r,
                            const struct query *q, bool explain, akin_error *err);
/* Title of an item into out, "" without one. */
void asker_title(const struct asker *a, int32_t item, char *out, size_t size);

#endif
