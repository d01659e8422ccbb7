/* A search without trainings: plans are asked for trials, a surface answers. */
#ifndef AKIN_TESTS_PLAN_BED_H
#define AKIN_TESTS_PLAN_BED_H

#include "tune/study.h"
#include "unit/eval/eval_fixture.h"

#include <math.h>

struct bed_params {
    double a, b;
    int64_t factors;
    int64_t kind;
    int64_t fixed;
};
static const akin_param bed_rows[] = {
    PARAM_REAL(struct bed_params, a, "5", -5, 10, "", AKIN_PARAM_TUNE, "a line"),
    PARAM_REAL(struct bed_params, b, "0.1", 0, 1e6, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "a logarithm"),
    PARAM_INT(struct bed_params, factors, "16", 1, 4096, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
              "whole numbers"),
    PARAM_CHOICE(struct bed_params, kind, "red", "blue|red|green|grey", AKIN_PARAM_TUNE, "a word"),
    PARAM_INT(struct bed_params, fixed, "3", 1, 9, "", 0, "not tuned by itself"),
};
static const struct model_class bed_class = {.name = "bed",
                                             .summary = "a surface",
                                             .params = bed_rows,
                                             .n_params = PARAM_COUNT(bed_rows),
                                             .params_size = sizeof(struct bed_params),
                                             .fit = toy_fit,
                                             .scorer = {.score = toy_score_all}};

struct plan_bed {
    akin_ctx *ctx;
    struct tune_options opt;
    struct tune_study s;
};

static inline struct dataset *bed_data(akin_ctx *ctx)
{
    static struct row rows[] = {{"u1", "i1", 1, 10, 0},
                                {"u1", "i2", 1, 20, 0},
                                {"u2", "i1", 1, 30, 0},
                                {"u2", "i3", 1, 40, 0}};
    return fix_dataset(ctx, rows, 4, FIX_TIMES, NULL);
}

/* ranges: JSON text or NULL. */
static inline void bed_open(struct plan_bed *b, uint64_t seed, enum tune_search search,
                            int64_t trials, const char *ranges)
{
    akin_error err;
    json_t *space = ranges ? json_loads(ranges, 0, NULL) : NULL;
    json_t *metrics = json_pack("[s]", "ndcg@10");
    memset(b, 0, sizeof *b);
    b->ctx = eval_ctx(1);
    b->ctx->seed = seed;
    b->opt = (struct tune_options){
        .n_models = 1, .search = search, .trials = trials, .rungs = 3, .eta = 3, .sample = 1};
    b->s = (struct tune_study){.ctx = b->ctx, .opt = &b->opt, .n_families = 1, .n_rounds = 1};
    arena_init(&b->s.arena, b->ctx);
    assert_int_equal(goal_parse(metrics, NULL, &b->s.goal, &err), AKIN_OK);
    b->s.families = mem_zalloc(b->ctx, 1, sizeof *b->s.families, &err);
    b->s.families[0].cls = &bed_class;
    b->s.families[0].is_alive = true;
    assert_int_equal(
        space_build(&b->s.arena, &bed_class, space, NULL, &b->s.families[0].space, &err), AKIN_OK);
    b->s.full.train = bed_data(b->ctx);
    b->s.full.valid = bed_data(b->ctx);
    json_decref(space);
    json_decref(metrics);
}

static inline void bed_close(struct plan_bed *b)
{
    dataset_free(b->s.full.train);
    dataset_free(b->s.full.valid);
    mem_free(b->ctx, b->s.families);
    mem_free(b->ctx, b->s.trials);
    arena_free(&b->s.arena);
    assert_int_equal(mem_used(b->ctx->mem), 0);
    ctx_free(b->ctx);
}

/* What a surface says of a setting at a share of the training; NaN = the trial fails. */
typedef double (*surface_fn)(const json_t *params, double share);

/* Plans to the end. best (trials): the best so far after each setting. */
static inline void bed_search(struct plan_bed *b, surface_fn surface, double *best)
{
    akin_error err;
    double so_far = -INFINITY;
    for (int64_t first = 0;; first = b->s.n_trials) {
        assert_int_equal(plan_next(&b->s, &err), AKIN_OK);
        if (b->s.n_trials == first)
            return;
        for (int64_t i = first; i < b->s.n_trials; i++) {
            struct tune_trial *t = b->s.trials[i];
            t->values[0] = surface(t->params, t->share);
            t->state = isnan(t->values[0]) ? TRIAL_FAILED : TRIAL_DONE;
            so_far = t->values[0] > so_far ? t->values[0] : so_far;
            if (best && t->rung == 0)
                best[t->number] = so_far;
        }
    }
}

#endif
