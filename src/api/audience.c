/* Who may come is settled first, as queries; rank/ puts them in order. */
#include "api/audience.h"

#include "api/csv.h"
#include "core/file.h"
#include "rank/likeness.h"

#include <string.h>

struct finder {
    struct asker *a;
    const struct audience_query *q;
    uint64_t *allowed;     /* bitmap over users, NULL = all; owned */
    uint64_t *seeds;       /* the same; owned */
    struct query *queries; /* (users) of those who may come; owned */
    int64_t n;
};

static bool bit_of(const uint64_t *bits, int32_t i)
{
    return (bits[i >> 6] >> (i & 63)) & 1;
}

static bool has_item(const struct history *h, int32_t item)
{
    for (int32_t e = 0; e < h->n; e++)
        if (h->item[e] == item)
            return true;
    return false;
}

static akin_status take_queries(struct finder *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct audience_query *q = f->q;
    const struct model *m = f->a->m;
    MEM_NEW(f->a->ctx, f->queries, m->users.n);
    for (int32_t u = 0; u < m->users.n; u++) {
        if ((f->allowed && !bit_of(f->allowed, u)) || (!q->with_seeds && bit_of(f->seeds, u)))
            continue;
        struct query query = model_query_user(m, u);
        if (q->item < 0 || q->with_seen || !has_item(&query.hist, q->item))
            f->queries[f->n++] = query;
        if (u % 65536 == 0)
            AKIN_TRY(ctx_check(f->a->ctx, err));
    }
done:
    return status;
}

/* The seeds in the order of users, each once, so that the order they were given in is nothing. */
static akin_status rank_like(struct finder *f, int32_t k, struct audience *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct likeness *x = NULL;
    struct query *seeds = NULL;
    const struct model *m = f->a->m;
    int32_t n = 0;
    MEM_NEW(f->a->ctx, seeds, f->q->n_seeds);
    for (int32_t u = 0; u < m->users.n; u++)
        if (bit_of(f->seeds, u))
            seeds[n++] = model_query_user(m, u);
    AKIN_TRY(likeness_create(f->a->ranker, seeds, n, &x, err));
    out->n_seeds = likeness_seeds(x);
    AKIN_TRY(likeness_rank(x, f->queries, f->n, k, out->list, &out->n, err));
done:
    likeness_free(x);
    mem_free(f->a->ctx, seeds);
    return status;
}

akin_status audience_find(struct asker *a, const struct audience_query *q, struct audience *out,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    struct finder f = {.a = a, .q = q};
    const struct model *m = a->m;
    int64_t n_allowed;
    *out = (struct audience){0};
    int32_t k = (int32_t)(q->k < m->users.n ? q->k : m->users.n);
    if (q->filter)
        AKIN_TRY(filter_users(a->ctx, q->filter, &m->user_table, &m->users, &f.allowed, &n_allowed,
                              err));
    MEM_ZERO(a->ctx, f.seeds, m->users.n / 64 + 1);
    for (int64_t i = 0; i < q->n_seeds; i++)
        f.seeds[q->seeds[i] >> 6] |= (uint64_t)1 << (q->seeds[i] & 63);
    AKIN_TRY(take_queries(&f, err));
    MEM_NEW(a->ctx, out->list, k + 1);
    out->n_eligible = (int32_t)f.n;
    if (q->item >= 0) {
        AKIN_TRY(rank_segment(a->ranker, f.queries, f.n, q->item, k, out->list, &out->n, err));
    } else if (q->n_seeds > 0) {
        AKIN_TRY(rank_like(&f, k, out, err));
    } else {
        out->n = k < (int32_t)f.n ? k : (int32_t)f.n;
        for (int32_t i = 0; i < out->n; i++)
            out->list[i] = (struct ranked){i, UNSCORED};
    }
    for (int32_t i = 0; i < out->n; i++)
        out->list[i].item = f.queries[out->list[i].item].user;
done:
    mem_free(a->ctx, f.allowed);
    mem_free(a->ctx, f.seeds);
    mem_free(a->ctx, f.queries);
    if (status != AKIN_OK)
        audience_free(a, out);
    return status;
}

void audience_free(const struct asker *a, struct audience *x)
{
    mem_free(a->ctx, x->list);
    *x = (struct audience){0};
}

/* ---- Files of users ---- */

/* A header "user_id" or "user_id,…"; *sep: what ends its first field. */
static bool is_header(const char *line, char *sep)
{
    static const char name[] = "user_id";
    *sep = csv_separator(line);
    return strncmp(line, name, sizeof name - 1) == 0 &&
           (line[sizeof name - 1] == '\0' || line[sizeof name - 1] == *sep);
}

akin_status audience_read(const struct asker *a, const char *path, int32_t **users, int64_t *n,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = a->ctx;
    char *text = NULL, sep = ',';
    int64_t size = 0, number = 0, cap = 0;
    bool is_csv = false;
    *users = NULL;
    *n = 0;
    AKIN_TRY(file_read(ctx, path, INT64_C(1) << 32, &text, &size, err));
    for (char *line = text, *next; line < text + size; line = next) {
        char *end = memchr(line, '\n', (size_t)(text + size - line));
        next = end ? end + 1 : text + size;
        size_t length = (size_t)((end ? end : next) - line);
        if (length && line[length - 1] == '\r')
            length--;
        line[length] = '\0'; /* file_read leaves room behind the last line */
        if (number++ == 0 && is_header(line, &sep)) {
            is_csv = true;
            continue;
        }
        char *id = line;
        if (is_csv)
            csv_next(line, sep, &id, &length);
        if (length == 0)
            continue;
        int32_t u = ids_find(&a->m->users, id, length);
        if (u < 0)
            AKIN_FAIL(AKIN_E_NOT_FOUND, "%s:%lld: user '%.*s' is not in the model", path,
                      (long long)number, length < 100 ? (int)length : 100, id);
        MEM_GROW(ctx, *users, cap, *n + 1);
        (*users)[(*n)++] = u;
        if (number % 65536 == 0)
            AKIN_TRY(ctx_check(ctx, err));
    }
done:
    mem_free(ctx, text);
    if (status != AKIN_OK) {
        mem_free(ctx, *users);
        *users = NULL;
    }
    return status;
}
