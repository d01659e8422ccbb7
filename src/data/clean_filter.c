/*
 * Bots and k-core. A bot is a user with more than max_user_events events, or more than
 * max_user_rate an hour over the span from first to last (at least an hour). The k-core drops
 * users, then items, below their least counts and starts again until a round drops nothing; the
 * result is the unique largest set in which all counts hold, whatever the order.
 */
#include "data/clean_filter.h"

#include <inttypes.h>
#include <stdio.h>

struct filter {
    const struct dataset *ds;
    uint8_t *keep;
    int64_t *item_count;
    struct defects *defects;
};

static void group_note(struct filter *f, enum defect what, bool is_user, int32_t i, int64_t n)
{
    char text[DEFECT_TEXT];
    int32_t size;
    const char *id = ids_get(is_user ? &f->ds->users : &f->ds->items, i, &size);
    snprintf(text, sizeof text, "%s %.*s: %" PRId64 " events", is_user ? "user" : "item",
             size < 60 ? size : 60, id, n);
    defects_add_n(f->defects, what, n, text);
}

static void user_drop(struct filter *f, int32_t user)
{
    for (int64_t e = f->ds->user_ptr[user]; e < f->ds->user_ptr[user + 1]; e++) {
        f->item_count[f->ds->item[e]] -= f->keep[e];
        f->keep[e] = 0;
    }
}

static int64_t user_count(const struct filter *f, int32_t user)
{
    int64_t n = 0;
    for (int64_t e = f->ds->user_ptr[user]; e < f->ds->user_ptr[user + 1]; e++)
        n += f->keep[e];
    return n;
}

static bool bots_drop(struct filter *f, const struct prepare_params *p)
{
    const struct dataset *ds = f->ds;
    bool any = false;
    for (int32_t u = 0; u < ds->users.n; u++) {
        int64_t lo = ds->user_ptr[u], n = ds->user_ptr[u + 1] - lo;
        bool is_bot = p->max_user_events > 0 && n > p->max_user_events;
        if (!is_bot && n > 0 && p->max_user_rate > 0 && ds->time_kind == TIME_UNIX) {
            double span = (double)(ds->time[lo + n - 1] - ds->time[lo]);
            is_bot = (double)n * 3600 > p->max_user_rate * (span > 3600 ? span : 3600);
        }
        if (is_bot) {
            group_note(f, DEFECT_BOT, true, u, n);
            user_drop(f, u);
            any = true;
        }
    }
    return any;
}

static bool core_round(struct filter *f, const struct prepare_params *p)
{
    const struct dataset *ds = f->ds;
    bool any = false;
    for (int32_t u = 0; p->min_user_events > 1 && u < ds->users.n; u++) {
        int64_t n = user_count(f, u);
        if (n > 0 && n < p->min_user_events) {
            group_note(f, DEFECT_USER_KCORE, true, u, n);
            user_drop(f, u);
            any = true;
        }
    }
    if (p->min_item_events <= 1)
        return false; /* users below do not make others fall below */
    bool items = false;
    for (int32_t i = 0; i < ds->items.n; i++) {
        if (f->item_count[i] > 0 && f->item_count[i] < p->min_item_events) {
            group_note(f, DEFECT_ITEM_KCORE, false, i, f->item_count[i]);
            f->item_count[i] = -1; /* its events go below */
            items = true;
        }
    }
    for (int64_t e = 0; items && e < ds->n_events; e++)
        if (f->keep[e] && f->item_count[ds->item[e]] < 0)
            f->keep[e] = 0;
    for (int32_t i = 0; items && i < ds->items.n; i++)
        if (f->item_count[i] < 0)
            f->item_count[i] = 0;
    return any || items;
}

akin_status clean_filter(akin_ctx *ctx, const struct prepare_params *p, struct dataset **ds,
                         struct defects *defects, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct filter f = {*ds, NULL, NULL, defects};
    struct dataset *less = NULL;
    int64_t before = defects_total(defects);
    if (p->max_user_events == 0 && !(p->max_user_rate > 0) && p->min_user_events <= 1 &&
        p->min_item_events <= 1)
        return AKIN_OK;
    MEM_NEW(ctx, f.keep, (*ds)->n_events);
    MEM_ZERO(ctx, f.item_count, (*ds)->items.n);
    for (int64_t e = 0; e < (*ds)->n_events; e++) {
        f.keep[e] = 1;
        f.item_count[(*ds)->item[e]]++;
    }
    bots_drop(&f, p);
    while (core_round(&f, p))
        AKIN_TRY(ctx_check(ctx, err));
    if (defects_total(defects) > before) {
        AKIN_TRY(dataset_subset(*ds, f.keep, (*ds)->role, true, &less, err));
        dataset_free(*ds);
        *ds = less;
    }
done:
    mem_free(ctx, f.keep);
    mem_free(ctx, f.item_count);
    return status;
}
