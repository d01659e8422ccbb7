/*
 * What the files of this room share: the server, its connections and the life of a request.
 *
 * A request is made when its request line has arrived and is owned by its connection; a job (a
 * worker's or a change on its way to the store) holds a second reference. While a job runs, its
 * connection is suspended and the state is WAITING. Whoever moves the state on (the job: ANSWERED,
 * the warden: TIMED_OUT) resumes the connection, so that it is resumed once. After a time-out the
 * job still writes `answer`; what is sent then is `late`.
 */
#ifndef AKIN_SERVE_IMPL_H
#define AKIN_SERVE_IMPL_H

#include "serve/access_log.h"
#include "serve/encode.h"
#include "serve/key.h"
#include "serve/limit.h"
#include "serve/metrics.h"
#include "serve/page.h"
#include "serve/problem.h"
#include "serve/route.h"
#include "serve/serve.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum {
    REQUEST_ID_SIZE = 65,
    REQUEST_KEEP = 64 << 10,   /* bytes of a buffer that is kept for the next request */
    REQUEST_INLINE = 64 << 10, /* larger bodies are parsed by a worker */
    REQUEST_INLINE_US = 1000,  /* so are answers predicted to take longer */
    REQUEST_DEPTH = 32,        /* of JSON */
    ENCODE_FROM = 1024,
    HOSTS_OWN = 3,
    PATH_TEXT_MAX = 4096
};

struct answer {
    int status;
    const char *type; /* static */
    struct buf body;
    const void *data; /* if not NULL: instead of body; lives as long as the server */
    size_t size;
    enum encoding encoding;
    bool varies; /* by Accept-Encoding */
    bool close;
    const char *csp;     /* static: a document, and what it may load; NULL = data */
    char etag[24];       /* "" = none */
    char allow[64];      /* "" = none */
    char location[64];   /* "" = none */
    int64_t retry_after; /* seconds, 0 = none */
};

enum request_state {
    REQUEST_FRESH,
    REQUEST_HOLDING,
    REQUEST_WAITING,
    REQUEST_ANSWERED,
    REQUEST_TIMED_OUT
};

struct conn;
struct request {
    struct server *server;
    struct request *next_free;
    struct MHD_Connection *connection;
    struct conn *conn;
    _Atomic int refs;
    _Atomic int state; /* enum request_state */
    int64_t start_ns;
    struct arena arena;
    char *raw; /* the target as sent, in arena */
    size_t raw_size;
    bool has_headers;
    bool is_refused; /* answer is there; the body is only read */
    enum method method;
    bool is_head;
    struct target target;
    const struct route *route;
    const char *param;
    bool is_json;
    struct buf body;
    int64_t body_seen;
    json_t *json;
    enum encoding encoding;    /* the client's wish */
    const char *if_none_match; /* in arena */
    const char *cors;          /* origin that may read, in arena; NULL = none */
    bool is_preflight;
    char id[REQUEST_ID_SIZE];
    char key_id[KEY_ID_SIZE];
    unsigned scopes;
    bool is_worker;         /* the handler runs in a worker */
    struct live_slot *slot; /* for the time of a handler */
    struct answer answer, late;
    struct buf packed; /* answer.body compressed */
    int sent_status;
    int64_t sent_bytes;
};

struct conn {
    struct server *server;
    struct conn *prev, *next;
    int fd;
    _Atomic int64_t deadline_ns;
    struct request *waiting; /* under server->lock */
    uint64_t address_hash;   /* of an IPv6 address: its /64 */
    char address[INET6_ADDRSTRLEN];
};

struct tls;
struct server {
    akin_ctx *ctx;
    struct live *live;
    struct serve_params p;
    struct metrics metrics;
    struct key_table *keys;
    struct limiter *rate;   /* NULL = no limit */
    struct limiter *wrong;  /* wrong keys of an address */
    struct access_log *log; /* NULL = none */
    struct tls *tls;        /* NULL = none */
    struct page *page;      /* NULL = none */
    struct buf openapi;
    unsigned char link_secret[32]; /* of signed links to reports */
    struct MHD_Daemon *daemon;
    char url[128];
    char hosts[HOSTS_OWN][64]; /* Host values that are our own */
    bool is_loopback;
    int listen_fd;  /* the warden's once it runs */
    int wake_fd[2]; /* a byte in it wakes the warden */
    pthread_t warden;
    bool has_warden;
    _Atomic bool draining, stopping, quit;
    _Atomic uint64_t next_id;
    uint64_t id_base;

    pthread_mutex_t lock;
    pthread_cond_t idle; /* a connection, request or job ended while draining */
    struct conn *conns;
    int64_t n_conns; /* with those that the library has not seen yet */
    int64_t n_jobs;
    struct request *free_requests;
    int64_t n_free;
    struct live_slot **slots; /* free ones, (n_slots) */
    int64_t n_slots;
    int64_t n_all_slots;

    pthread_mutex_t queue_lock;
    pthread_cond_t queue_wake;
    struct request **queue; /* (p.queue) ring */
    int64_t queue_head, n_queued;
    pthread_t *workers;
    int64_t n_workers;
};

/* request.c */
struct request *request_new(struct server *s, const char *raw);
void request_release(struct request *r);
void request_free_all(struct server *s);
/* The final call of the library: runs the handler, or holds the connection. True: answer is ready.
 */
bool request_run(struct request *r);
void request_take_body(struct request *r, const char *data, size_t size);
/* Suspends the connection and takes the job's reference; false when stopping. */
bool request_hold(struct request *r);
/* By the job: the answer is complete. Gives the job's reference back. */
void request_answer(struct request *r);
/* Runs the handler; HANDLED: the answer is complete but for request_finish. */
enum handled request_handle(struct request *r);
/* ETag, 304, compression. */
void request_finish(struct request *r);
const struct answer *request_sent(const struct request *r);
/* Answers by the warden: r has just become TIMED_OUT. */
void request_write_late(struct request *r, int status, const char *why);

/* What handlers write: */
struct buf *request_json(struct request *r, int status);
void request_problem(struct request *r, int status, const char *detail);
void request_fail(struct request *r, akin_status status, const akin_error *err);
/* answers.c: is what looks at everything there is too long for a pool thread? */
bool request_scan_is_long(const struct request *r);
/* answers.c: what a handler of an answer returns; a limit is then the request's own (413). */
enum handled request_end(struct request *r, akin_status status, const akin_error *err);
/* live_done_fn of every change: arg is the request. */
void request_change_done(void *arg, akin_status status, const char *result, const akin_error *err);

/* check.c: what headers decide. False: answer is a refusal (close set if the body must not be
 * read). */
bool check_headers(struct request *r, const char *url, const char *method, const char *version);
bool server_needs_key(struct server *s);

/* params.c: whether such a server may start. Fails: E_ARG says which setting would allow it. */
akin_status serve_params_check(const struct serve_params *p, bool is_loopback, bool has_keys,
                               akin_error *err);

/* reports.c: are these files that can be shown, under names of their own? E_ARG. */
akin_status reports_check(const json_t *reports, akin_error *err);

/* workers.c */
akin_status workers_start(struct server *s, akin_error *err);
/* Holds r and queues it; false: the queue is full or the server stops, answer is a 503. */
bool workers_push(struct request *r);
void workers_stop(struct server *s);
struct live_slot *slot_take(struct server *s);
void slot_give(struct server *s, struct live_slot *slot);

/* warden.c */
akin_status listen_open(struct server *s, akin_error *err);
akin_status warden_start(struct server *s, akin_error *err);
void warden_wake(struct server *s);
/* Ends what is past its time; all: whoever waits. */
void warden_sweep(struct server *s, int64_t now_ns, bool all);
/* "127.0.0.1:8080", "[::1]:0", "host:port" → address; E_ARG. */
akin_status listen_parse(const char *text, struct sockaddr_storage *out, socklen_t *size,
                         akin_error *err);
bool address_is_loopback(const struct sockaddr *address);
void address_text(const struct sockaddr *address, char *out, size_t size);
uint64_t address_hash(const struct sockaddr *address);

/* http.c */
akin_status http_start(struct server *s, akin_error *err);
struct tls *http_tls_of(struct MHD_Connection *connection); /* NULL = none */

/* tls.c */
akin_status tls_create(akin_ctx *ctx, const char *certificate, const char *key, struct tls **out,
                       akin_error *err);
akin_status tls_reload(struct tls *t, akin_error *err);
void tls_free(struct tls *t);
/* The call-back for MHD_OPTION_HTTPS_CERT_CALLBACK. */
void *tls_callback(void);

/* The handlers, in answers.c, changes.c, admin.c, jobs.c. */
enum handled handle_recommend(struct request *r);
enum handled handle_recommend_body(struct request *r);
enum handled handle_rank(struct request *r);
enum handled handle_similar(struct request *r);
enum handled handle_together(struct request *r);
enum handled handle_item_users(struct request *r);
enum handled handle_user_similar(struct request *r);
enum handled handle_popular(struct request *r);
enum handled handle_search(struct request *r);
enum handled handle_item(struct request *r);
enum handled handle_user(struct request *r);
enum handled handle_user_events(struct request *r);
enum handled handle_item_events(struct request *r);
enum handled handle_item_tags(struct request *r);
enum handled handle_user_export(struct request *r);
enum handled handle_post_events(struct request *r);
enum handled handle_put_item(struct request *r);
enum handled handle_put_user(struct request *r);
enum handled handle_delete_item(struct request *r);
enum handled handle_delete_user(struct request *r);
enum handled handle_models(struct request *r);
enum handled handle_activate(struct request *r);
enum handled handle_rollback(struct request *r);
enum handled handle_promote(struct request *r);
enum handled handle_experiments(struct request *r);
enum handled handle_default(struct request *r);
enum handled handle_reports(struct request *r);
enum handled handle_report(struct request *r);
enum handled handle_jobs(struct request *r);
enum handled handle_job(struct request *r);
enum handled handle_job_create(struct request *r);
enum handled handle_job_cancel(struct request *r);
enum handled handle_keys(struct request *r);
enum handled handle_key_create(struct request *r);
enum handled handle_key_delete(struct request *r);
enum handled handle_health(struct request *r);
enum handled handle_ready(struct request *r);
enum handled handle_metrics(struct request *r);
enum handled handle_openapi(struct request *r);
enum handled handle_page(struct request *r);

/* Their tables of parameters. */
extern const akin_param list_query_rows[], recommend_body_rows[], rank_body_rows[],
    similar_query_rows[], like_query_rows[], popular_query_rows[], search_query_rows[],
    events_query_rows[], activate_body_rows[], rollback_body_rows[], key_body_rows[],
    report_query_rows[], tags_query_rows[], job_body_rows[];

#endif
