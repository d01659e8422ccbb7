/*
 * The contract every model keeps, as one suite over any list of classes: the registry's
 * (test_contract.c) or a toy's (test_toy_model.c). A new model is tested by being registered.
 */
#ifndef TESTS_CONTRACT_CONTRACT_H
#define TESTS_CONTRACT_CONTRACT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "kern/kern.h"
#include "models/model.h"
#include "rank/rank.h"
#include "toy_data.h"

struct contract_case {
    const struct model_class *cls;
    const char *params; /* JSON text, NULL = all defaults */
    bool is_registered; /* model_load finds it */
};

/* Runs everything for each case; returns the number of failed tests (main's exit status). */
int contract_run(const struct contract_case *cases, size_t n);

/* ---- Shared by the parts of the suite ---- */

static const uint64_t contract_seed = 20260103;

/* A context with data and view, and a fitted model if asked for. Ends with world_free. */
struct world {
    akin_ctx *ctx;
    struct dataset *ds;
    struct feedback *feedback;
    struct train_view tv;
    bool has_view;
    int32_t withheld[TOY_USERS]; /* by toy number */
    struct model *m;
    struct ranker *ranker;
    struct scorer scorer;
};

/* isa NULL = best; order: seed of the events' order; is_small: 12 users and 8 items, for sweeps. */
void world_make(struct world *w, int64_t threads, const char *isa, uint64_t order, bool is_small);
void world_fit(struct world *w, const struct contract_case *c);
void world_rank(struct world *w); /* ranker over w->m */
void world_free(struct world *w); /* all memory must come back */

akin_status contract_create(akin_ctx *ctx, const struct contract_case *c, struct model **out,
                            akin_error *err);
akin_status contract_load(akin_ctx *ctx, const char *path, const struct contract_case *c,
                          struct model **out, akin_error *err);
uint64_t contract_fingerprint(const struct model *m);
/* Lists of all users, k each; freed by the caller. Asserts success. */
struct ranked *contract_lists(struct world *w, int32_t k, int32_t **counts);
/* A path under the system's temporary folder, unique to this process. */
void contract_path(char *path, size_t size, const char *name);
const struct contract_case *contract_case_of(void **state);

/* The test has `akin_error *err` in sight. */
#define contract_ok(call)                                                                          \
    do {                                                                                           \
        err->message[0] = 0;                                                                       \
        if ((call) != AKIN_OK)                                                                     \
            fail_msg("%s: %s", #call, err->message);                                               \
    } while (0)

/* The tests, each on a case. contract_lists.c: */
void contract_withheld_first(void **state);
void contract_counts(void **state);
void contract_excluded(void **state);
void contract_cold(void **state);
void contract_now(void **state);
void contract_batch(void **state);
void contract_fold_in(void **state);
void contract_explain(void **state);
void contract_similar(void **state);
/* contract_life.c: */
void contract_class(void **state);
void contract_bounds(void **state);
void contract_same_bits(void **state);
void contract_epochs(void **state);
void contract_order(void **state);
void contract_cancel(void **state);
void contract_memory(void **state);
void contract_nothing(void **state);
/* contract_file.c: */
void contract_file(void **state);
void contract_damage(void **state);

#endif
