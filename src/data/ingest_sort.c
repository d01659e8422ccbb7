/*
 * Rows to events by (user, time, item, type), without duplicates.
 *
 * Three passes, each parallel and each with places that are computed before, so that the result
 * does not depend on threads: (1) slabs: final numbers, and how many rows go to each range of
 * users; (2) slabs: scatter into the ranges, which fit a core's cache; slabs are given back as they
 * are emptied; (3) ranges: counting sort by user, then each user's rows (ingest_user.c). A last
 * pass copies ranges into the columns of the dataset. Cost: O(rows), plus the log of a user's rows
 * where they are not yet in order. Memory: 32 bytes a row at the peak.
 */
#include "data/ingest_user.h"

#include "core/par.h"

#include <inttypes.h>
#include <string.h>

enum { RANGES_MAX = 1024, RANGE_ROWS = 16384 };

struct sort_scratch {
    struct event *a; /* (cap_a) a range's events by user, owned */
    int64_t cap_a;
    uint32_t *count; /* (users of a range + 1) owned */
    int64_t cap_count;
    struct user_scratch user;
};

struct sort_job {
    struct ingest *ing;
    const struct sort_plan *plan;
    struct event_order order;
    int64_t n_users;
    int shift; /* range = user >> shift */
    int64_t n_ranges;
    int64_t *at;                  /* (slabs, ranges): counts, then places */
    int64_t *range;               /* (ranges + 1) */
    int64_t *kept;                /* (ranges + 1) events before */
    struct row *rows;             /* (n_rows) by range */
    uint32_t *src;                /* (n_rows) beside, or NULL */
    int64_t *user_ptr;            /* (n_users + 1): counts at u + 1, then offsets */
    struct event_dups *dups;      /* (ranges) */
    struct sort_scratch *scratch; /* (workers) */
    int32_t *item;
    float *value;
    int64_t *time;
    uint8_t *type, *role;
    uint32_t *src_out;
};

static int64_t slab_hi(const struct ingest *ing, int64_t slab)
{
    int64_t hi = (slab + 1) << SLAB_BITS;
    return hi < ing->n_rows ? hi : ing->n_rows;
}

static akin_status number_block(void *arg, int64_t slab, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct sort_job *job = arg;
    struct ingest *ing = job->ing;
    int64_t *count = job->at + slab * job->n_ranges;
    int64_t lo = slab << SLAB_BITS, hi = slab_hi(ing, slab);
    for (int64_t s = 0; s < ing->n_seg; s++) {
        const struct segment *seg = &ing->seg[s];
        int64_t a = seg->lo > lo ? seg->lo : lo;
        int64_t b = seg->hi < hi ? seg->hi : hi;
        for (int64_t i = a; i < b; i++) {
            struct row *row = &ing->slab[slab][i - lo];
            row->user = seg->user_is_text ? job->plan->users->text[row->user]
                                          : idmap_int(job->plan->users, row->user);
            row->item = seg->item_is_text ? job->plan->items->text[row->item]
                                          : idmap_int(job->plan->items, row->item);
            count[row->user >> job->shift]++;
        }
    }
    return AKIN_OK;
}

static akin_status scatter_block(void *arg, int64_t slab, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct sort_job *job = arg;
    struct ingest *ing = job->ing;
    int64_t *at = job->at + slab * job->n_ranges;
    const struct row *rows = ing->slab[slab];
    int64_t lo = slab << SLAB_BITS;
    int64_t n = slab_hi(ing, slab) - lo;
    if (job->src) {
        for (int64_t i = 0; i < n; i++) {
            int64_t to = at[rows[i].user >> job->shift]++;
            job->rows[to] = rows[i];
            job->src[to] = (uint32_t)(lo + i);
        }
    } else {
        for (int64_t i = 0; i < n; i++)
            job->rows[at[rows[i].user >> job->shift]++] = rows[i];
    }
    mem_free(ing->ctx, ing->slab[slab]);
    ing->slab[slab] = NULL;
    progress_add(ing->ctx, n);
    return AKIN_OK;
}

/* Sorts one range of users in place: struct event over struct row. */
static akin_status range_block(void *arg, int64_t range, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sort_job *job = arg;
    struct sort_scratch *s = &job->scratch[worker];
    int64_t lo = job->range[range], n = job->range[range + 1] - lo;
    int64_t first = range << job->shift;
    int64_t n_users = job->n_users - first;
    n_users = n_users < (int64_t)1 << job->shift ? n_users : (int64_t)1 << job->shift;
    if (n == 0)
        return AKIN_OK;
    MEM_GROW(job->ing->ctx, s->a, s->cap_a, n);
    MEM_GROW(job->ing->ctx, s->count, s->cap_count, ((int64_t)1 << job->shift) + 1);
    const struct row *rows = job->rows + lo;
    memset(s->count, 0, (size_t)(n_users + 1) * sizeof *s->count);
    for (int64_t i = 0; i < n; i++)
        s->count[rows[i].user - first + 1]++;
    uint32_t longest = 0;
    for (int64_t u = 0; u < n_users; u++) {
        longest = s->count[u + 1] > longest ? s->count[u + 1] : longest;
        s->count[u + 1] += s->count[u];
    }
    AKIN_TRY(user_scratch_room(job->ing->ctx, &s->user, longest, err));
    for (int64_t i = 0; i < n; i++) {
        uint32_t to = s->count[rows[i].user - first]++;
        s->a[to] = (struct event){rows[i].item, rows[i].time, rows[i].value,
                                  job->src ? job->src[lo + i] : 0};
    }
    struct event *out = (struct event *)(void *)(job->rows + lo);
    int64_t kept = 0;
    for (int64_t u = 0, begin = 0; u < n_users; u++) {
        int64_t end = s->count[u], m = end - begin;
        struct event *e = s->a + begin;
        m = user_events_sort(&job->order, &s->user, e, m, (uint32_t)(first + u), &job->dups[range]);
        memcpy(out + kept, e, (size_t)m * sizeof *e);
        kept += m;
        job->user_ptr[first + u + 1] = m;
        begin = end;
    }
    job->kept[range + 1] = kept;
done:
    return status;
}

static akin_status emit_block(void *arg, int64_t range, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct sort_job *job = arg;
    int64_t to = job->kept[range], n = job->kept[range + 1] - to;
    const struct event *e = (const struct event *)(const void *)(job->rows + job->range[range]);
    for (int64_t i = 0; i < n; i++)
        job->item[to + i] = (int32_t)e[i].item;
    for (int64_t i = 0; job->value && i < n; i++)
        job->value[to + i] = e[i].value;
    for (int64_t i = 0; job->time && i < n; i++)
        job->time[to + i] = e[i].time;
    for (int64_t i = 0; job->type && i < n; i++)
        job->type[to + i] = (uint8_t)event_type(&job->order, &e[i]);
    for (int64_t i = 0; job->role && i < n; i++)
        job->role[to + i] =
            (uint8_t)job->ing->ext[e[i].src >> SLAB_BITS][e[i].src & (SLAB_ROWS - 1)].role;
    for (int64_t i = 0; job->src_out && i < n; i++)
        job->src_out[to + i] = e[i].src;
    progress_add(job->ing->ctx, n);
    return AKIN_OK;
}

/* Ranges of users: as few rows as fit a cache, at most RANGES_MAX. */
static void ranges_choose(struct sort_job *job)
{
    int64_t want = job->ing->n_rows / RANGE_ROWS + 1;
    want = want < RANGES_MAX ? want : RANGES_MAX;
    while (job->shift < 31 && (job->n_users - 1) >> job->shift >= want)
        job->shift++;
    job->n_ranges = job->n_users > 0 ? ((job->n_users - 1) >> job->shift) + 1 : 0;
}

static void places_compute(struct sort_job *job)
{
    int64_t at = 0;
    for (int64_t r = 0; r < job->n_ranges; r++) {
        job->range[r] = at;
        for (int64_t s = 0; s < job->ing->n_slabs; s++) {
            int64_t n = job->at[s * job->n_ranges + r];
            job->at[s * job->n_ranges + r] = at;
            at += n;
        }
    }
    job->range[job->n_ranges] = at;
}

/* Duplicates of all ranges in user order: counted, sampled, or refused. */
static akin_status dups_report(struct sort_job *job, const struct dataset *ds, akin_error *err)
{
    for (int64_t r = 0; r < job->n_ranges; r++) {
        const struct event_dups *d = &job->dups[r];
        for (int i = 0; i < d->k; i++) {
            char text[DEFECT_TEXT];
            int32_t nu, ni;
            const char *user = ids_get(&ds->users, (int32_t)d->user[i], &nu);
            const char *item = ids_get(&ds->items, (int32_t)d->item[i], &ni);
            snprintf(text, sizeof text, "user %.*s, item %.*s", nu < 40 ? nu : 40, user,
                     ni < 40 ? ni : 40, item);
            if (job->plan->policy == DUP_ERROR)
                return error_set(err, AKIN_E_INPUT, __FILE__, __LINE__,
                                 "duplicate event: %s (duplicates=error; choose last, first, sum, "
                                 "max, mean or keep)",
                                 text);
            defects_add_n(&job->ing->defects, DEFECT_DUPLICATE, 1, text);
        }
        job->ing->defects.n[DEFECT_DUPLICATE] += d->n - d->k;
    }
    return AKIN_OK;
}

static akin_status outputs_alloc(struct sort_job *job, int64_t n, bool has_src, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = job->ing->ctx;
    MEM_NEW(ctx, job->item, n);
    if (job->plan->has_value)
        MEM_NEW(ctx, job->value, n);
    if (job->plan->has_time)
        MEM_NEW(ctx, job->time, n);
    if (job->plan->has_type)
        MEM_NEW(ctx, job->type, n);
    if (job->ing->has_role)
        MEM_NEW(ctx, job->role, n);
    if (has_src)
        MEM_NEW(ctx, job->src_out, n);
done:
    return status;
}

static void job_free(struct sort_job *job)
{
    akin_ctx *ctx = job->ing->ctx;
    for (int w = 0; job->scratch && w < par_workers(ctx); w++) {
        mem_free(ctx, job->scratch[w].a);
        mem_free(ctx, job->scratch[w].count);
        user_scratch_free(ctx, &job->scratch[w].user);
    }
    mem_free(ctx, job->scratch);
    mem_free(ctx, job->at);
    mem_free(ctx, job->range);
    mem_free(ctx, job->kept);
    mem_free(ctx, job->rows);
    mem_free(ctx, job->src);
    mem_free(ctx, job->user_ptr);
    mem_free(ctx, job->dups);
    mem_free(ctx, job->item);
    mem_free(ctx, job->value);
    mem_free(ctx, job->time);
    mem_free(ctx, job->type);
    mem_free(ctx, job->role);
    mem_free(ctx, job->src_out);
}

static akin_status job_alloc(struct sort_job *job, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ingest *ing = job->ing;
    akin_ctx *ctx = ing->ctx;
    MEM_ZERO(ctx, job->scratch, par_workers(ctx));
    MEM_ZERO(ctx, job->at, ing->n_slabs * job->n_ranges);
    MEM_ZERO(ctx, job->range, job->n_ranges + 1);
    MEM_ZERO(ctx, job->kept, job->n_ranges + 1);
    MEM_ZERO(ctx, job->dups, job->n_ranges);
    MEM_ZERO(ctx, job->user_ptr, job->n_users + 1);
done:
    return status;
}

static void dataset_take(struct sort_job *job, struct dataset *ds, uint32_t **src)
{
    ds->n_events = job->kept[job->n_ranges];
    ds->user_ptr = job->user_ptr;
    ds->item = job->item;
    ds->value = job->value;
    ds->time = job->time;
    ds->type = job->type;
    ds->role = job->role;
    ds->is_owned = true;
    *src = job->src_out;
    job->user_ptr = NULL;
    job->item = NULL;
    job->value = NULL;
    job->time = NULL;
    job->type = job->role = NULL;
    job->src_out = NULL;
}

akin_status ingest_sort(struct ingest *ing, const struct sort_plan *plan, struct dataset *ds,
                        uint32_t **src, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = ing->ctx;
    struct sort_job job = {.ing = ing, .plan = plan, .n_users = ds->users.n};
    ranges_choose(&job);
    AKIN_TRY(job_alloc(&job, err));
    AKIN_TRY(par_for(ctx, ing->n_slabs, number_block, &job, err));
    places_compute(&job);
    MEM_NEW(ctx, job.rows, ing->n_rows);
    if (ing->has_ext || ing->n_extra > 0)
        MEM_NEW(ctx, job.src, ing->n_rows);
    job.order = (struct event_order){plan, ing->ext, job.src != NULL};
    AKIN_TRY(par_for(ctx, ing->n_slabs, scatter_block, &job, err));
    AKIN_TRY(par_for(ctx, job.n_ranges, range_block, &job, err));
    for (int64_t r = 0; r < job.n_ranges; r++)
        job.kept[r + 1] += job.kept[r];
    for (int64_t u = 0; u < job.n_users; u++)
        job.user_ptr[u + 1] += job.user_ptr[u];
    AKIN_TRY(dups_report(&job, ds, err));
    AKIN_TRY(outputs_alloc(&job, job.kept[job.n_ranges], ing->n_extra > 0, err));
    AKIN_TRY(par_for(ctx, job.n_ranges, emit_block, &job, err));
    dataset_take(&job, ds, src);
done:
    job_free(&job);
    return status;
}
