/* An answer on its way: what answer.c, answer_items.c, answer_json.c and interleave.c share. Inside
 * of live/ only. */
#ifndef AKIN_LIVE_ANSWER_H
#define AKIN_LIVE_ANSWER_H

#include "live/engine.h"

struct interleaved;

struct answer {
    struct live_slot *s;
    const struct live_query *q;
    const struct live_query *given; /* live_rank: whose items were given; else NULL */
    struct generation *g;
    struct ranker *ranker;
    struct live_asker asker;
    struct live_eligible e;
    const struct rule_params *rules;
    int32_t k;
    bool is_popular;     /* by the counts of its generation */
    bool is_fallback;    /* not by what the asker did */
    const char *why;     /* code of the fallback */
    struct ranked *list; /* catalogue numbers */
    int32_t n;
    struct ruled *ruled;
    int32_t n_ruled;
    struct reason *reasons; /* (n_ruled, LIVE_REASONS), with explain */
    int32_t *n_reasons;     /* (n_ruled) */
    struct experiment_pick pick;
    struct generation *other; /* interleave: the second arm's; a reference */
    struct interleaved *mix;  /* once the lists are drafted; NULL = one model answers */
    uint32_t shown[EXPERIMENT_SHOWN];
    int32_t n_shown;
};

/* The steps of an answer, in this order. */
akin_status answer_begin(struct answer *a, akin_error *err); /* fallback, who may come */

/* ---- answer_items.c ---- */

akin_status answer_rule_input(struct answer *a, struct rule_input *in, akin_error *err);
akin_status answer_list(struct answer *a, int32_t most, akin_error *err);
akin_status answer_rules(struct answer *a, struct rule_input *in, akin_error *err);

/* ---- answer_json.c ---- */

/* reasons and n_reasons. Not under catalog_enter: it may take a fold-in an item. */
akin_status answer_reasons(struct answer *a, akin_error *err);
/* Under catalog_enter. */
akin_status answer_json(struct answer *a, struct buf *out, akin_error *err);

/* ---- interleave.c ---- */

/* In place of answer_list: the lists of both arms, drafted. rest: the rules that are left for the
 * drafted list. */
akin_status interleave_list(struct answer *a, int32_t most, const struct rule_input *in,
                            struct rule_params *rest, akin_error *err);
void interleave_done(struct answer *a);
/* The arm an item of the answer plays for, -1 = none (a rule put it there). */
int interleave_team(const struct answer *a, int32_t item);
/* Whose item it is: the other arm's answer, or the answer itself. */
const struct answer *interleave_maker(const struct answer *a, int32_t item);
/* shown and n_shown, from the final list. */
void interleave_show(struct answer *a);
/* They ride behind the text of a cached answer, so that a hit credits like the first. */
void interleave_pack(const struct answer *a, struct buf *out);
void interleave_unpack(struct answer *a, struct buf *out);

/*
 * Team draft (Radlinski, Kurup and Joachims 2008, doi:10.1145/1458082.1458092): whichever team has
 * fewer items takes its best that is not there yet; level, a coin of (seed, day, round) decides.
 * When a list is used up the rest of the other follows without a team: 2 + its arm.
 * a, b: distinct items, best first; out, team: (most). Returns the length. Fails: E_MEMORY (-1).
 */
int32_t team_draft(const struct ranked *a, int32_t n_a, const struct ranked *b, int32_t n_b,
                   uint64_t seed, int64_t day, int32_t most, struct arena *scratch,
                   struct ranked *out, uint8_t *team, akin_error *err);

#endif
