/*
 * Splits: parsing, the two datasets, and what their cards say. The kinds are in split_kinds.c.
 *
 * Cost: the marks (see split.h), then two subsets of the data.
 */
#include "data/split.h"

#include "core/json.h"
#include "core/text.h"
#include "data/split_kinds.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef akin_status (*mark_fn)(const struct dataset *ds, const struct split_spec *spec,
                               struct split_marks *out, akin_error *err);

enum { NEEDS_TIMES = 1, IS_RANDOM = 2, HAS_ROLES = 4 };

static const struct kind_row {
    const char *name;
    bool has_share; /* else a count */
    int64_t lo, hi; /* of the count */
    unsigned flags;
    mark_fn mark;
} kinds[] = {
    [SPLIT_TIME] = {"time", true, 0, 0, NEEDS_TIMES, split_mark_time},
    [SPLIT_RATIO] = {"ratio", true, 0, 0, IS_RANDOM, split_mark_ratio},
    [SPLIT_LEAVE_LAST] = {"leave-last", false, 1, 1000000, NEEDS_TIMES, split_mark_leave_last},
    [SPLIT_USERS] = {"users", true, 0, 0, IS_RANDOM | HAS_ROLES, split_mark_users},
    [SPLIT_SESSIONS] = {"sessions", true, 0, 0, NEEDS_TIMES | HAS_ROLES, split_mark_sessions},
    [SPLIT_KFOLD] = {"kfold", false, 2, 1000, IS_RANDOM, split_mark_kfold},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

static akin_status spec_check(const struct split_spec *spec, akin_error *err)
{
    akin_status status = AKIN_OK;
    if ((int)spec->kind < 0 || (int)spec->kind >= N_KINDS)
        AKIN_FAIL(AKIN_E_ARG, "split: unknown kind %d", (int)spec->kind);
    const struct kind_row *row = &kinds[spec->kind];
    if (row->has_share && !(spec->share > 0 && spec->share < 1))
        AKIN_FAIL(AKIN_E_ARG, "split %s: share=%g (must be above 0 and below 1)", row->name,
                  spec->share);
    if (!row->has_share && (spec->n < row->lo || spec->n > row->hi))
        AKIN_FAIL(AKIN_E_ARG, "split %s: n=%" PRId64 " (must be %" PRId64 "..%" PRId64 ")",
                  row->name, spec->n, row->lo, row->hi);
    if (spec->kind == SPLIT_KFOLD && (spec->fold < 0 || spec->fold >= spec->n))
        AKIN_FAIL(AKIN_E_ARG, "split kfold: fold=%" PRId64 " (must be 0..%" PRId64 ")", spec->fold,
                  spec->n - 1);
    if (spec->kind == SPLIT_SESSIONS && (spec->given < 1 || spec->given > SPLIT_GIVEN_MAX))
        AKIN_FAIL(AKIN_E_ARG, "split sessions: given=%" PRId64 " (must be 1..%d)", spec->given,
                  SPLIT_GIVEN_MAX);
done:
    return status;
}

akin_status split_parse(const char *text, struct split_spec *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *colon = strchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : strlen(text);
    struct split_spec spec = {.given = 1};
    const struct kind_row *row = NULL;
    for (int i = 0; i < N_KINDS; i++) {
        if (strlen(kinds[i].name) == size && memcmp(kinds[i].name, text, size) == 0) {
            row = &kinds[i];
            spec.kind = (enum split_kind)i;
        }
    }
    if (!row)
        AKIN_FAIL(AKIN_E_ARG,
                  "split: '%.60s' is unknown (known: time:0.2, ratio:0.2, leave-last:1, users:0.1, "
                  "sessions:0.1, kfold:5)",
                  text);
    if (!colon || (row->has_share ? !text_to_double(colon + 1, strlen(colon + 1), &spec.share)
                                  : !text_to_int(colon + 1, strlen(colon + 1), &spec.n)))
        AKIN_FAIL(AKIN_E_ARG, "split: '%.60s' needs a %s, as in %s:%s", text,
                  row->has_share ? "share" : "whole number", row->name,
                  row->has_share ? "0.2" : "5");
    AKIN_TRY(spec_check(&spec, err));
    *out = spec;
done:
    return status;
}

void split_text(const struct split_spec *spec, char *out, size_t size)
{
    const struct kind_row *row = &kinds[spec->kind];
    size_t head = strlen(row->name) + 1;
    if (!row->has_share)
        snprintf(out, size, "%s:%" PRId64, row->name, spec->n);
    for (int digits = 10; row->has_share && digits <= 17; digits++) {
        double back;
        snprintf(out, size, "%s:%.*g", row->name, digits, spec->share);
        if (text_to_double(out + head, strlen(out) - head, &back) && !(back < spec->share) &&
            !(back > spec->share))
            break;
    }
}

akin_status split_inner(const struct dataset *ds, const char *text, struct split_spec *out,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!text)
        text = json_text(json_object_get(ds->card, "split"), "by", NULL);
    if (!text)
        text = ds->time_kind == TIME_NONE ? "ratio:0.1" : "time:0.1";
    AKIN_TRY(split_parse(text, out, err));
    if (out->kind == SPLIT_KFOLD)
        *out = (struct split_spec){.kind = SPLIT_RATIO, .share = 1.0 / (double)out->n};
done:
    return status;
}

int64_t split_floor(double share, int64_t n)
{
    return (int64_t)floor(share * (double)n + 1e-7);
}

static json_t *side_json(const struct dataset *ds)
{
    return json_pack("{s:I, s:I, s:I}", "events", (json_int_t)ds->n_events, "users",
                     (json_int_t)ds->users.n, "items", (json_int_t)ds->items.n);
}

/* Sets card.split of one side. */
static akin_status card_side(struct dataset *side, const char *part, json_t *facts,
                             const json_t *earlier, akin_error *err)
{
    json_t *split = json_copy(facts);
    bool ok = split && json_object_set_new(split, "part", json_string(part)) == 0;
    if (ok && earlier)
        ok = json_object_set_new(split, "of", json_deep_copy(earlier)) == 0;
    if (ok && !side->card)
        ok = (side->card = json_object()) != NULL;
    if (ok && json_object_set(side->card, "split", split) != 0)
        ok = false;
    json_decref(split);
    return ok ? AKIN_OK
              : error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "split: no room for the card");
}

static akin_status cards_set(const struct dataset *ds, const struct split_spec *spec,
                             const struct split_marks *marks, struct dataset *train,
                             struct dataset *test, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kind_row *row = &kinds[spec->kind];
    const json_t *earlier = json_object_get(ds->card, "split");
    char by[48], at[32];
    split_text(spec, by, sizeof by);
    json_t *facts = json_pack("{s:s, s:s, s:o, s:o}", "by", by, "kind", row->name, "train",
                              side_json(train), "test", side_json(test));
    bool ok = facts != NULL;
    if (ok && row->has_share)
        ok = json_object_set_new(facts, "share", json_real(spec->share)) == 0;
    else if (ok)
        ok = json_object_set_new(facts, "n", json_integer((json_int_t)spec->n)) == 0;
    if (ok && spec->kind == SPLIT_KFOLD)
        ok = json_object_set_new(facts, "fold", json_integer((json_int_t)spec->fold)) == 0;
    if (ok && spec->kind == SPLIT_SESSIONS)
        ok = json_object_set_new(facts, "given", json_integer((json_int_t)spec->given)) == 0;
    if (ok && spec->kind == SPLIT_TIME) {
        text_from_unix(marks->cut_time, at, sizeof at);
        ok = json_object_set_new(facts, "time", json_integer((json_int_t)marks->cut_time)) == 0 &&
             (ds->time_kind != TIME_UNIX ||
              json_object_set_new(facts, "time_text", json_string(at)) == 0);
    } else if (ok && (row->flags & IS_RANDOM)) {
        /* As text: JSON numbers end at 2^63 - 1, and at 2^53 in many readers. */
        char seed[24];
        snprintf(seed, sizeof seed, "%" PRIu64, ds->ctx->seed);
        ok = json_object_set_new(facts, "seed", json_string(seed)) == 0;
    }
    if (!ok)
        AKIN_FAIL(AKIN_E_MEMORY, "split: no room for the card");
    AKIN_TRY(card_side(train, "train", facts, earlier, err));
    AKIN_TRY(card_side(test, "test", facts, earlier, err));
done:
    json_decref(facts);
    return status;
}

/* An empty side is refused: what was asked for cannot be evaluated. */
static akin_status sides_check(const struct dataset *ds, const struct split_spec *spec,
                               const uint8_t *is_test, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_test = 0;
    char by[48];
    split_text(spec, by, sizeof by);
    for (int64_t e = 0; e < ds->n_events; e++)
        n_test += is_test[e];
    if (n_test > 0 && n_test < ds->n_events)
        goto done;
    const char *side = n_test == 0 ? "test" : "train";
    if (ds->n_events == 0)
        AKIN_FAIL(AKIN_E_INPUT, "split %s: the data has no events", by);
    if (spec->kind == SPLIT_TIME)
        AKIN_FAIL(AKIN_E_INPUT,
                  "split %s: %s would be empty: too many of the %" PRId64
                  " events have the newest time; use ratio:0.2 or a larger share",
                  by, side, ds->n_events);
    AKIN_FAIL(AKIN_E_INPUT,
              "split %s: %s would be empty: users have too few of the %" PRId64
              " events; use kfold:5 or other numbers",
              by, side, ds->n_events);
done:
    return status;
}

akin_status dataset_split(const struct dataset *ds, const struct split_spec *spec,
                          struct dataset **train, struct dataset **test, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = ds->ctx;
    struct split_marks marks = {0};
    struct dataset *side[2] = {NULL, NULL};
    AKIN_TRY(spec_check(spec, err));
    if (ds->time_kind == TIME_NONE && (kinds[spec->kind].flags & NEEDS_TIMES))
        AKIN_FAIL(AKIN_E_INPUT,
                  "split %s: the events have no times; use ratio:0.2, users:0.1 or kfold:5",
                  kinds[spec->kind].name);
    MEM_ZERO(ctx, marks.is_test, ds->n_events);
    if (kinds[spec->kind].flags & HAS_ROLES)
        MEM_ZERO(ctx, marks.role, ds->n_events);
    AKIN_TRY(kinds[spec->kind].mark(ds, spec, &marks, err));
    AKIN_TRY(sides_check(ds, spec, marks.is_test, err));
    AKIN_TRY(dataset_subset(ds, marks.is_test, marks.role, false, &side[1], err));
    for (int64_t e = 0; e < ds->n_events; e++)
        marks.is_test[e] ^= 1;
    AKIN_TRY(dataset_subset(ds, marks.is_test, NULL, true, &side[0], err));
    AKIN_TRY(cards_set(ds, spec, &marks, side[0], side[1], err));
    *train = side[0];
    *test = side[1];
    side[0] = side[1] = NULL;
done:
    dataset_free(side[0]);
    dataset_free(side[1]);
    mem_free(ctx, marks.is_test);
    mem_free(ctx, marks.role);
    return status;
}
