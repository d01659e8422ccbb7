/* Events on their way in: what events.c, changes.c and replay.c share. Inside of live/ only. */
#ifndef AKIN_LIVE_EVENTS_H
#define AKIN_LIVE_EVENTS_H

#include "live/people_queue.h"

enum { EVENT_ID = 33 }; /* a made one: 128 bits in hex */

/* The events of a request, checked. */
struct event_batch {
    json_t *body;              /* a reference: texts live in it */
    struct store_event *event; /* (n) */
    char (*made)[EVENT_ID];    /* (n) ids that the client did not give */
    int64_t n;
};
/* body: see live_put_events. Fails: E_INPUT, E_LIMIT (max_batch), E_MEMORY; what is there already
 * is still the caller's to free. */
akin_status event_batch_parse(struct live *l, const json_t *body, struct event_batch *out,
                              akin_error *err);
void event_batch_free(akin_ctx *ctx, struct event_batch *b);

/* Numbers for the types of all events, or of none. E_INPUT: one kind too many. */
akin_status types_add(struct live *l, const struct store_event *events, int64_t n, akin_error *err);
/* Number of an event type, made if new. Fails like types_add. */
akin_status type_number(struct live *l, const char *name, uint8_t *out, akin_error *err);

/* A durable event joins its person, and its item the catalogue; out: as the person holds it.
 * queue: NULL = at once. */
akin_status event_remember(struct live *l, struct people_queue *queue, const struct store_event *e,
                           struct live_event *out, akin_error *err);
/* The same, and the counts of what came since the start. */
akin_status event_apply(struct live *l, struct people_queue *queue, const struct store_event *e,
                        akin_error *err);
/* A durable event may be a conversion of an experiment. */
void event_convert(struct live *l, const struct store_event *e);

#endif
