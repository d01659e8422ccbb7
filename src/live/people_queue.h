/* Events on their way to people.c, some at a time. Inside of live/. */
#ifndef AKIN_LIVE_PEOPLE_QUEUE_H
#define AKIN_LIVE_PEOPLE_QUEUE_H

#include "live/engine.h"

enum { PEOPLE_QUEUE = 64 };

struct people_queue {
    struct people *p;
    int n;
    struct {
        struct live_event event;
        uint64_t hash;
        int32_t size;
        char id[60]; /* longer ones do not wait */
    } waiting[PEOPLE_QUEUE];
};
/* people_add, sooner or later, in the order of the calls. */
akin_status people_queue_add(struct people_queue *q, const char *id, size_t size,
                             const struct live_event *e, akin_error *err);
akin_status people_queue_flush(struct people_queue *q, akin_error *err);

#endif
