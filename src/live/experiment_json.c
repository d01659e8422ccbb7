/* Results of experiments as GET /v1/experiments gives them. Cost: a sum over the shards. */
#include "live/experiment.h"
#include "live/proportion.h"

static void interval_json(struct jw *jw, const char *key, struct interval i)
{
    jw_key(jw, key);
    jw_open(jw, '{');
    jw_key(jw, "value");
    jw_double(jw, i.value); /* null where there is nothing to divide by */
    jw_key(jw, "lo");
    jw_double(jw, i.lo);
    jw_key(jw, "hi");
    jw_double(jw, i.hi);
    jw_close(jw, '}');
}

static void pair_json(struct jw *jw, const char *key, int64_t value)
{
    jw_key(jw, key);
    jw_int(jw, value);
}

static void arm_json(struct jw *jw, const struct experiment *e, const struct experiment_counts *c,
                     int a)
{
    bool is_split = e->kind == EXPERIMENT_SPLIT;
    int64_t converted = c->converted[a], users = c->users[a];
    jw_open(jw, '{');
    jw_key(jw, "name");
    jw_string(jw, e->arm[a].name);
    jw_key(jw, "model");
    jw_string(jw, e->arm[a].model);
    jw_key(jw, "share");
    jw_double(jw, e->arm[a].share);
    pair_json(jw, is_split ? "events" : "credits", c->events[a]);
    if (is_split) {
        pair_json(jw, "users", users);
        pair_json(jw, "answers", c->answers[a]);
        pair_json(jw, "converted", converted);
        interval_json(jw, "rate", proportion_wilson(converted, users));
        if (a > 0)
            interval_json(jw, "difference",
                          proportion_difference(converted, users, c->converted[0], c->users[0]));
    }
    jw_close(jw, '}');
}

/* Of the users with credit for one arm more than for the other: how many prefer the second. */
static void preference_json(struct jw *jw, const struct experiment_counts *c)
{
    int64_t n = c->wins[0] + c->wins[1];
    struct interval share = proportion_wilson(c->wins[1], n);
    pair_json(jw, "users", c->users[0]);
    pair_json(jw, "answers", c->answers[0]);
    pair_json(jw, "converted", c->converted[0]);
    jw_key(jw, "preference");
    jw_open(jw, '{');
    pair_json(jw, "first", c->wins[0]);
    pair_json(jw, "second", c->wins[1]);
    pair_json(jw, "ties", c->ties);
    interval_json(jw, "share_of_second", share);
    jw_key(jw, "p");
    jw_double(jw, proportion_sign_test(c->wins[1], n));
    jw_close(jw, '}');
}

static void experiment_write(struct jw *jw, const struct experiment *e)
{
    struct experiment_counts c;
    experiment_counts(e, &c);
    jw_open(jw, '{');
    jw_key(jw, "name");
    jw_string(jw, e->name);
    jw_key(jw, "kind");
    jw_string(jw, e->kind == EXPERIMENT_SPLIT ? "split" : "interleave");
    jw_key(jw, "types");
    jw_open(jw, '[');
    for (int i = 0; i < e->n_types; i++)
        jw_string(jw, e->type[i]);
    jw_close(jw, ']');
    pair_json(jw, "window_seconds", e->window_seconds);
    pair_json(jw, "untracked", c.untracked);
    jw_key(jw, "arms");
    jw_open(jw, '[');
    for (int a = 0; a < e->n_arms; a++)
        arm_json(jw, e, &c, a);
    jw_close(jw, ']');
    if (e->kind == EXPERIMENT_INTERLEAVE)
        preference_json(jw, &c);
    jw_close(jw, '}');
}

akin_status experiments_json(struct experiments *x, struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jw jw;
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "experiments");
    jw_open(&jw, '[');
    for (int i = 0; i < experiments_count(x); i++)
        experiment_write(&jw, experiments_at(x, i));
    jw_close(&jw, ']');
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(out, err));
done:
    return status;
}
