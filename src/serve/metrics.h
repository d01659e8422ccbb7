/* Counters of the server, and their Prometheus text. */
#ifndef AKIN_SERVE_METRICS_H
#define AKIN_SERVE_METRICS_H

#include "core/buf.h"

#include <stdatomic.h>

enum { METRIC_ROUTES = 48, METRIC_STATUSES = 25, METRIC_BUCKETS = 16 };

/* Plain atomics: one cache line is written a request and route. */
struct route_metric {
    _Atomic int64_t status[METRIC_STATUSES];
    _Atomic int64_t bucket[METRIC_BUCKETS]; /* not cumulative */
    _Atomic int64_t sum_ns;
    _Atomic int64_t n;
};

struct metrics {
    struct route_metric route[METRIC_ROUTES]; /* in the table's order; the last: no route */
    _Atomic int64_t connections, refused_connections, cut_connections;
    _Atomic int64_t in_flight;
    _Atomic int64_t queued, queue_refused;
    _Atomic int64_t wrong_keys, rate_limited;
    _Atomic int64_t timeouts;
    _Atomic int64_t log_dropped;
    int64_t start_unix;
};

/* route < 0: none. */
void metrics_add(struct metrics *m, int route, int status, int64_t ns);

struct live_stats;
struct live_job_stats;
/* The whole text; live's, the store's and the jobs' figures from stats. */
void metrics_write(struct metrics *m, const struct live_stats *stats,
                   const struct live_job_stats *jobs, bool has_store, bool is_ready,
                   struct buf *out);

struct live;
/* By experiment and arm: at most LIVE_ARMS_MAX rows a family. Nothing without experiments. */
void metrics_write_experiments(struct live *live, struct buf *out);

#endif
