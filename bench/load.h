/* Between load.c (when), load_http.c (what is asked and answered) and load_tally.c (what came). */
#ifndef AKIN_BENCH_LOAD_H
#define AKIN_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS INT64_C(1000000000)

enum { USER, HISTORY, SIMILAR, EVENT, PLAIN, KINDS };
extern const char *const kind_names[KINDS];

enum {
    IN = 1 << 18, /* bytes of an answer at most */
    OUT = 2048,
    STATUSES = 600,
    SUB = 64,          /* buckets of a power of two */
    BUCKETS = 40 * SUB /* to 2^45 ns */
};

struct options {
    int64_t port, rate, connections, threads, users, items, k, seed;
    int64_t mix[KINDS], mix_sum;
    double seconds, warm;
    bool is_max;
    const char *path, *tag;
};

struct conn {
    int fd;
    int kind; /* what it waits for, -1 = idle */
    int64_t due;
    size_t have, sent, size; /* bytes of the answer so far; of the request */
    bool is_counted;         /* after the warm-up */
    char *in;                /* (IN), owned */
    char out[OUT];
};

/* load_http.c: request n, the n-th of --seed, into c->out; c->kind. */
void request_make(struct conn *c, const struct options *o, int64_t n);
/* Bytes of the whole answer, 0 = not all here yet, -1 = not HTTP as this program knows it. */
int64_t answer_size(const struct conn *c, int *status, size_t *head);
/* Enough items; *is_empty: an item that nobody has had, which nothing is like. */
bool is_body_right(const struct options *o, int kind, const char *body, size_t size,
                   bool *is_empty);

struct tally {
    int64_t sent, answered, late; /* late: over a millisecond after it was due */
    int64_t status[STATUSES];
    int64_t wrong_body, empty;
    int64_t broken; /* the connection ended before the answer */
    int64_t bucket[BUCKETS];
    int64_t longest;
};

/* load_tally.c: an answer that came ns after it was due. */
void tally_answer(struct tally *t, int status, int64_t ns);
void tally_add(struct tally *to, const struct tally *t);
/* Answers that were not as asked for, and requests without one. */
int64_t tally_errors(const struct tally *t);
/* Members of a JSON object, to stdout. */
void tally_json(const struct tally *t);

#endif
