/* The receipt of an erasure: what still holds the person, and until when. Inside of live/. */
#ifndef AKIN_LIVE_RECEIPT_H
#define AKIN_LIVE_RECEIPT_H

#include "live/engine.h"

/*
 * Appends [{"kind":"model|artifact|export|base|job","model"?,"path"?,"job"?,"until","unread"?},…]:
 * what was made from the person's data before and stays after the erasure. unread: why a file could
 * not be looked into; it is named all the same. For a thread that may read files.
 * Cost: the ids of each kept artifact, a read of each export.
 */
akin_status receipt_holders(struct live *l, const char *user_id, struct buf *out, akin_error *err);
/* The whole receipt, of an erasure that is durable. holders: of receipt_holders. */
void receipt_write(const struct store_write *w, const char *holders, struct buf *out);

#endif
