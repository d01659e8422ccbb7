/*
 * Log lines of threads on their way to the calling thread, where alone call-backs run (akin.h).
 * Full: lines are dropped and counted.
 */
#ifndef AKIN_API_LOG_QUEUE_H
#define AKIN_API_LOG_QUEUE_H

#include "core/ctx.h"

#include <pthread.h>

enum { LOG_LINES = 128, LOG_LINE = 640 };

struct log_queue {
    pthread_mutex_t lock;
    int head, n;
    int64_t n_dropped;
    struct {
        akin_log_level level;
        char text[LOG_LINE];
    } line[LOG_LINES];
};
void log_queue_init(struct log_queue *q);
void log_queue_free(struct log_queue *q);
/* An akin_log_fn; arg: the queue. Threads: any. */
void log_queue_add(void *arg, akin_log_level level, const char *message);
/* Logs what waits in `to`. On the calling thread only. */
void log_queue_drain(struct log_queue *q, akin_ctx *to);

#endif
