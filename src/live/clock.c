/*
 * The engine's clock: the day's, but it never goes back.
 *
 * It is the steady clock plus the largest distance to the day's clock that was seen. So what came
 * later has the later time, and what expired stays expired, when somebody sets the machine's clock
 * back; a start takes the machine's clock as it is. What deletes by age (keeper.c) asks the
 * machine's: behind, it deletes less.
 */
#include "core/text.h"
#include "live/engine.h"

#include <stdio.h>

enum { SECOND = 1000000000, SLACK = 2, TOMORROW = 86400 };

/* By how many seconds the day's clock is behind the engine's; *now: the engine's. */
static int64_t clock_behind(struct live *l, int64_t *now)
{
    int64_t steady = clock_ns(), day = clock_unix() * SECOND - steady;
    int64_t most = atomic_load(&l->clock_offset);
    while (day > most && !atomic_compare_exchange_weak(&l->clock_offset, &most, day))
        ;
    most = day > most ? day : most;
    *now = (steady + most) / SECOND;
    return (most - day) / SECOND;
}

int64_t live_time(struct live *l)
{
    int64_t now, behind = clock_behind(l, &now);
    if (behind >= SLACK && !atomic_exchange(&l->is_clock_told, true))
        log_write(l->ctx, AKIN_LOG_WARN,
                  "serve: the machine's clock went back %lld s; times go on as before",
                  (long long)behind);
    return now;
}

int64_t live_clock_behind(struct live *l)
{
    int64_t now, behind = clock_behind(l, &now);
    return behind >= SLACK ? behind : 0;
}

bool live_clock_fault(struct live *l, char *why, size_t size)
{
    char when[32];
    int64_t behind = live_clock_behind(l), newest = atomic_load(&l->newest_event);
    if (behind > 0) {
        snprintf(why, size,
                 "the machine's clock went back %lld s: times go on as before; once it is right, "
                 "restart",
                 (long long)behind);
        return true;
    }
    if (newest > live_time(l) + TOMORROW) {
        text_from_unix(newest, when, sizeof when);
        snprintf(why, size, "the store has an event of %s: is the machine's clock behind?", when);
        return true;
    }
    return false;
}
