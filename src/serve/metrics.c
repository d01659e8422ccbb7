/*
 * Metrics as Prometheus reads them. Latency is from the request line to the end of the answer.
 * Labels are routes and statuses only, so that their number is fixed: no id ever becomes one.
 */
#include "serve/metrics.h"

#include "live/live.h"
#include "serve/route.h"

#include <inttypes.h>
#include <string.h>

static const int statuses[METRIC_STATUSES - 1] = {200, 201, 202, 204, 304, 400, 401, 403,
                                                  404, 405, 408, 409, 413, 415, 421, 422,
                                                  429, 431, 499, 500, 501, 503, 504, 505};
/* Upper bounds in nanoseconds; the last bucket has none. */
static const int64_t bounds_ns[METRIC_BUCKETS - 1] = {
    100000,   250000,    500000,    1000000,   2500000,    5000000,    10000000,   25000000,
    50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 10000000000};

void metrics_add(struct metrics *m, int route, int status, int64_t ns)
{
    struct route_metric *r =
        &m->route[route < 0 || route >= METRIC_ROUTES ? METRIC_ROUTES - 1 : route];
    int s = 0, b = 0;
    while (s < METRIC_STATUSES - 1 && statuses[s] != status)
        s++;
    while (b < METRIC_BUCKETS - 1 && ns > bounds_ns[b])
        b++;
    atomic_fetch_add_explicit(&r->status[s], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->bucket[b], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->sum_ns, ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed);
}

static int64_t get(const _Atomic int64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(struct buf *out, const char *name, const char *type, const char *help,
                   int64_t value)
{
    head(out, name, type, help);
    buf_printf(out, "%s %" PRId64 "\n", name, value);
}

static int n_routes(void)
{
    int n = 0;
    while (route_table[n].path)
        n++;
    return n;
}

/* {method="GET",route="/v1/…" without the closing brace. */
static void labels(struct buf *out, int i)
{
    if (i == METRIC_ROUTES - 1)
        buf_text(out, "{method=\"\",route=\"none\"");
    else
        buf_printf(out, "{method=\"%s\",route=\"%s\"", method_name(route_table[i].method),
                   route_table[i].path);
}

static void write_requests(struct metrics *m, struct buf *out)
{
    int n = n_routes();
    head(out, "akin_http_requests_total", "counter", "Requests answered, by route and status.");
    for (int i = 0; i < METRIC_ROUTES; i++) {
        if (i >= n && i != METRIC_ROUTES - 1)
            continue;
        for (int s = 0; s < METRIC_STATUSES; s++) {
            int64_t count = get(&m->route[i].status[s]);
            if (count == 0)
                continue;
            buf_text(out, "akin_http_requests_total");
            labels(out, i);
            if (s < METRIC_STATUSES - 1)
                buf_printf(out, ",status=\"%d\"} %" PRId64 "\n", statuses[s], count);
            else
                buf_printf(out, ",status=\"other\"} %" PRId64 "\n", count);
        }
    }
}

static void write_latency(struct metrics *m, struct buf *out)
{
    int n = n_routes();
    head(out, "akin_http_request_seconds", "histogram",
         "From the request line to the end of the answer.");
    for (int i = 0; i < n; i++) {
        struct route_metric *r = &m->route[i];
        int64_t sum = 0;
        if (get(&r->n) == 0)
            continue;
        for (int b = 0; b < METRIC_BUCKETS; b++) {
            sum += get(&r->bucket[b]);
            buf_text(out, "akin_http_request_seconds_bucket");
            labels(out, i);
            if (b < METRIC_BUCKETS - 1) {
                buf_text(out, ",le=\"");
                buf_double(out, (double)bounds_ns[b] / 1e9);
                buf_printf(out, "\"} %" PRId64 "\n", sum);
            } else {
                buf_printf(out, ",le=\"+Inf\"} %" PRId64 "\n", sum);
            }
        }
        buf_text(out, "akin_http_request_seconds_sum");
        labels(out, i);
        buf_text(out, "} ");
        buf_double(out, (double)get(&r->sum_ns) / 1e9);
        buf_text(out, "\nakin_http_request_seconds_count");
        labels(out, i);
        buf_printf(out, "} %" PRId64 "\n", sum);
    }
}

/* A figure of one of the structures below; tables end with a row without a name. */
struct metric_row {
    const char *name, *type, *help;
    size_t at; /* of the int64_t */
};

static const struct metric_row server_rows[] = {
    {"akin_http_connections", "gauge", "Open connections.", offsetof(struct metrics, connections)},
    {"akin_http_connections_refused_total", "counter", "Over the limit of connections.",
     offsetof(struct metrics, refused_connections)},
    {"akin_http_connections_cut_total", "counter", "Closed at their deadline.",
     offsetof(struct metrics, cut_connections)},
    {"akin_http_requests_in_flight", "gauge", "Begun and not yet answered.",
     offsetof(struct metrics, in_flight)},
    {"akin_http_queue", "gauge", "Slow requests waiting for a worker.",
     offsetof(struct metrics, queued)},
    {"akin_http_queue_refused_total", "counter", "Answered 503: the queue was full.",
     offsetof(struct metrics, queue_refused)},
    {"akin_http_timeouts_total", "counter", "Answered 504 at their deadline.",
     offsetof(struct metrics, timeouts)},
    {"akin_http_wrong_keys_total", "counter", "Requests with a wrong or expired key.",
     offsetof(struct metrics, wrong_keys)},
    {"akin_http_rate_limited_total", "counter", "Requests answered 429.",
     offsetof(struct metrics, rate_limited)},
    {"akin_access_log_dropped_total", "counter", "Lines the access log had no room for.",
     offsetof(struct metrics, log_dropped)},
    {0},
};

static const struct metric_row live_rows[] = {
    {"akin_clock_behind_seconds", "gauge", "By so much the machine's clock went back.",
     offsetof(struct live_stats, clock_behind_seconds)},
    {"akin_overlay_events", "gauge", "Events held beside the models' histories.",
     offsetof(struct live_stats, overlay_events)},
    {"akin_overlay_users", "gauge", "Users with such events.",
     offsetof(struct live_stats, overlay_users)},
    {"akin_catalog_items", "gauge", "Items of the catalogue.",
     offsetof(struct live_stats, catalog_items)},
    {"akin_catalog_version", "counter", "Changes of the catalogue.",
     offsetof(struct live_stats, catalog_version)},
    {"akin_cache_bytes", "gauge", "Memory of the list cache.",
     offsetof(struct live_stats, cache_bytes)},
    {"akin_cache_hits_total", "counter", "Lists found in the cache.",
     offsetof(struct live_stats, cache_hits)},
    {"akin_cache_misses_total", "counter", "Lists that were not.",
     offsetof(struct live_stats, cache_misses)},
    {"akin_events_total", "counter", "Events accepted.", offsetof(struct live_stats, events)},
    {"akin_answers_total", "counter", "Lists answered.", offsetof(struct live_stats, answers)},
    {"akin_fallbacks_total", "counter", "Lists answered by a fallback.",
     offsetof(struct live_stats, fallbacks)},
    {"akin_exposures_unsaved", "gauge",
     "Exposures in memory only: their journal had no room or no disk.",
     offsetof(struct live_stats, exposures_unsaved)},
    {"akin_memory_bytes", "gauge", "Memory of the engine.",
     offsetof(struct live_stats, memory_bytes)},
    {0},
};

static const struct metric_row store_rows[] = {
    {"akin_store_events", "gauge", "Events in the store.", offsetof(struct store_info, n_events)},
    {"akin_store_last_seq", "gauge", "Last sequence number that is durable.",
     offsetof(struct store_info, last_seq)},
    {"akin_store_bytes", "gauge", "Size of the store.", offsetof(struct store_info, bytes)},
    {"akin_store_wal_bytes", "gauge", "Size of its write-ahead log.",
     offsetof(struct store_info, wal_bytes)},
    {"akin_store_queue", "gauge", "Writes waiting.", offsetof(struct store_info, queued)},
    {"akin_store_commits_total", "counter", "Commits.", offsetof(struct store_info, commits)},
    {"akin_store_writes_total", "counter", "Writes.", offsetof(struct store_info, writes)},
    {0},
};

/* of: the structure; is_shared: its figures are atomic. */
static void write_rows(const struct metric_row *row, const void *of, bool is_shared,
                       struct buf *out)
{
    for (; row->name; row++) {
        const void *at = (const char *)of + row->at;
        single(out, row->name, row->type, row->help,
               is_shared ? get((const _Atomic int64_t *)at) : *(const int64_t *)at);
    }
}

static void write_store(const struct store_info *s, struct buf *out)
{
    single(out, "akin_store_state", "gauge", "0 ready, 1 full, 2 read-only, 3 corrupt, 4 failed.",
           (int64_t)s->state);
    write_rows(store_rows, s, false, out);
    head(out, "akin_store_commit_seconds_total", "counter", "Time of all commits.");
    buf_text(out, "akin_store_commit_seconds_total ");
    buf_double(out, s->commit_seconds);
    buf_char(out, '\n');
}

static void write_jobs(const struct live_job_stats *s, struct buf *out)
{
    const struct {
        const char *state;
        int64_t n;
    } ended[] = {{"done", s->done}, {"failed", s->failed}, {"cancelled", s->cancelled}};
    single(out, "akin_jobs_running", "gauge", "Jobs that run.", s->running);
    single(out, "akin_jobs_queued", "gauge", "Jobs that wait.", s->queued);
    head(out, "akin_jobs_total", "counter", "Jobs that ended since the start, by state.");
    for (size_t i = 0; i < sizeof ended / sizeof *ended; i++)
        buf_printf(out, "akin_jobs_total{state=\"%s\"} %" PRId64 "\n", ended[i].state, ended[i].n);
    single(out, "akin_retrain_promoted_total", "counter", "Retrains whose model serves now.",
           s->promoted);
    single(out, "akin_retrain_refused_total", "counter", "Retrains that the gate refused.",
           s->refused);
}

void metrics_write(struct metrics *m, const struct live_stats *stats,
                   const struct live_job_stats *jobs, bool has_store, bool is_ready,
                   struct buf *out)
{
    single(out, "akin_ready", "gauge", "1 if answers and writes work.", is_ready);
    write_requests(m, out);
    write_latency(m, out);
    write_rows(server_rows, m, true, out);
    single(out, "akin_start_time_seconds", "gauge", "Unix time of the start.", m->start_unix);
    write_rows(live_rows, stats, false, out);
    if (has_store)
        write_store(&stats->store, out);
    if (jobs->is_there)
        write_jobs(jobs, out);
}

/* ---- Experiments ---- */

static const struct {
    const char *name, *type, *help;
    size_t at; /* in live_arm_stats */
} arm_families[] = {
    {"akin_experiment_users", "gauge", "Users exposed to an arm.",
     offsetof(struct live_arm_stats, users)},
    {"akin_experiment_answers_total", "counter", "Answers that exposed a user.",
     offsetof(struct live_arm_stats, answers)},
    {"akin_experiment_converted", "gauge", "Exposed users that converted.",
     offsetof(struct live_arm_stats, converted)},
    {"akin_experiment_events", "gauge", "Converting events of them; interleaved: the arm's credit.",
     offsetof(struct live_arm_stats, events)},
    {"akin_experiment_untracked_total", "counter",
     "Answers to users above max_exposed, of the whole experiment.",
     offsetof(struct live_arm_stats, untracked)},
};

void metrics_write_experiments(struct live *live, struct buf *out)
{
    struct live_arm_stats arm[LIVE_ARMS_MAX];
    int n = live_experiment_arms(live, arm);
    for (size_t f = 0; n > 0 && f < sizeof arm_families / sizeof arm_families[0]; f++) {
        head(out, arm_families[f].name, arm_families[f].type, arm_families[f].help);
        for (int i = 0; i < n; i++) {
            const char *row = (const char *)&arm[i];
            int64_t value;
            memcpy(&value, row + arm_families[f].at, sizeof value);
            buf_printf(out, "%s{experiment=\"%s\",arm=\"%s\"} %" PRId64 "\n", arm_families[f].name,
                       arm[i].experiment, arm[i].arm, value);
        }
    }
}
