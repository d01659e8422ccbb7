/*
 * The split of session-based recommendation: the newest sessions go to test whole, and each next
 * item is asked for from what came before it (as in the evaluations of Hidasi et al. 2016,
 * arXiv:1511.06939, and Ludewig and Jannach 2018, doi:10.1007/s11257-018-9209-6).
 *
 * A session is all that one id has: give the session's id in place of the user's. It is as new as
 * its last event; positions order sessions, too, since rows are numbered through.
 *
 * Cost: a sort of the sessions. Not done: cutting a user's events at pauses.
 */
#include "data/split_kinds.h"

#include <stdlib.h>
#include <string.h>

enum { POLL = 1 << 14 }; /* sessions between two looks at a cancel */

struct ended {
    int64_t time;
    int64_t user;
};

static int newest_first(const void *a, const void *b)
{
    const struct ended *x = a, *y = b;
    if (x->time != y->time)
        return x->time > y->time ? -1 : 1;
    return (x->user > y->user) - (x->user < y->user);
}

static void hold_out(const struct dataset *ds, int64_t user, int64_t given, struct split_marks *out)
{
    int64_t lo = ds->user_ptr[user], n = ds->user_ptr[user + 1] - lo;
    memset(out->is_test + lo, 1, (size_t)n);
    memset(out->role + lo, ROLE_HISTORY, (size_t)given);
    memset(out->role + lo + given, ROLE_NEXT, (size_t)(n - given));
}

akin_status split_mark_sessions(const struct dataset *ds, const struct split_spec *spec,
                                struct split_marks *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ended *list = NULL;
    int64_t n = 0, n_active = 0;
    MEM_NEW(ds->ctx, list, ds->users.n);
    for (int64_t u = 0; u < ds->users.n; u++) {
        int64_t end = ds->user_ptr[u + 1], n_user = end - ds->user_ptr[u];
        n_active += n_user > 0;
        if (n_user > spec->given)
            list[n++] = (struct ended){ds->time[end - 1], u};
        if (u % POLL == 0)
            AKIN_TRY(ctx_check(ds->ctx, err));
    }
    if (n > 1)
        qsort(list, (size_t)n, sizeof *list, newest_first);
    int64_t n_held = split_floor(spec->share, n_active);
    n_held = n_held < 1 ? 1 : n_held;
    for (int64_t i = 0; i < n && i < n_held; i++)
        hold_out(ds, list[i].user, spec->given, out);
done:
    mem_free(ds->ctx, list);
    return status;
}
