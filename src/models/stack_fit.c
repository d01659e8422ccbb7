/*
 * How a stack learns: out of fold.
 *
 * A part of the training events is held out, the parts are fitted on the rest (a model of their own
 * for the time being), and for askers sampled by a hash their candidates are made as in a request;
 * a candidate is a positive if it is a held-out positive of that asker. What the learner sees is
 * thus what it will see of items that nobody knows yet. Ratings: held-out values, the parts'
 * predictions.
 *
 * If there is nothing to learn from (too few events to hold any out, no positive among candidates),
 * all parts' log ranks weigh the same (ratings: their mean), and the log says so.
 *
 * Cost: the parts on the rest, all their scores of `users` askers; rows · features · 4 bytes.
 */
#include "core/par.h"
#include "core/rng.h"
#include "data/split.h"
#include "models/model_impl.h"
#include "models/stack.h"

#include <string.h>

/* What one asker gives. */
struct lesson {
    int64_t row; /* of the view */
    int32_t n;
    float *x, *y; /* owned */
};

struct fold {
    const struct model *m; /* the stack */
    struct model *parts;   /* fitted on the rest, owned */
    struct dataset *rest, *held;
    struct feedback *feedback;
    struct train_view tv;
    struct test_view view;
    bool has_tv, has_view;
    struct parts_scale scale[PARTS_MAX];
    struct lesson *lessons; /* (n) owned */
    int64_t n;
    int32_t d;
    bool is_rating;
};

static akin_status fold_open(struct fold *f, const struct train_view *tv, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct model *m = f->m;
    const struct stack_params *p = m->params;
    struct split_spec spec;
    json_t *rule = feedback_to_json(tv->feedback);
    json_t *params = param_dump(m->cls->params, m->cls->n_params, m->params);
    if (!rule || !params)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for its parts", m->cls->name);
    AKIN_TRY(split_inner(tv->ds, p->holdout, &spec, err));
    AKIN_TRY(dataset_split(tv->ds, &spec, &f->rest, &f->held, err));
    AKIN_TRY(feedback_from_json(m->ctx, rule, &f->rest->types, &f->feedback, err));
    AKIN_TRY(train_view_build(m->ctx, f->rest, f->feedback, NULL, &f->tv, err));
    f->has_tv = true;
    AKIN_TRY(model_create(m->ctx, m->cls, params, &f->parts, err));
    AKIN_TRY(model_fit_parts(f->parts, &f->tv, err));
    AKIN_TRY(parts_scale_fit(f->parts, &f->tv, p->sample, f->scale, err));
    AKIN_TRY(test_view_build(m->ctx, f->held, &f->parts->users, &f->parts->items,
                             f->parts->feedback, &f->view, err));
    f->has_view = true;
done:
    json_decref(rule);
    json_decref(params);
    return status;
}

static void fold_close(struct fold *f)
{
    akin_ctx *ctx = f->m->ctx;
    for (int64_t i = 0; f->lessons && i < f->n; i++) {
        mem_free(ctx, f->lessons[i].x);
        mem_free(ctx, f->lessons[i].y);
    }
    mem_free(ctx, f->lessons);
    if (f->has_view)
        test_view_free(&f->view);
    model_free(f->parts);
    if (f->has_tv)
        train_view_free(&f->tv);
    feedback_free(f->feedback);
    dataset_free(f->held);
    dataset_free(f->rest);
}

static int32_t history_size(const struct fold *f, int64_t row)
{
    int64_t given = f->view.hist_hi[row] - f->view.hist_lo[row];
    return given > 0 ? (int32_t)given : model_query_user(f->parts, f->view.user[row]).hist.n;
}

/* Rows of askers that are known by something, about `users` of them by a hash. */
static akin_status choose_lessons(struct fold *f, uint64_t seed, int64_t users, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_known = 0;
    for (int64_t r = 0; r < f->view.n_users; r++)
        n_known += history_size(f, r) > 0;
    double share = n_known > users ? (double)users / (double)n_known : 1;
    MEM_ZERO(f->m->ctx, f->lessons, n_known);
    for (int64_t r = 0; r < f->view.n_users; r++) {
        double draw = (double)(rng_u64(seed, RNG_PARTS_USERS, (uint64_t)r, 1) >> 11) * 0x1p-53;
        if (history_size(f, r) > 0 && draw < share)
            f->lessons[f->n++].row = r;
    }
done:
    return status;
}

static struct query query_of(const struct fold *f, int64_t row)
{
    const struct test_view *v = &f->view;
    int64_t lo = v->hist_lo[row], n = v->hist_hi[row] - lo;
    struct query q = model_query_user(f->parts, v->user[row]);
    if (n > 0) {
        q.user = -1;
        q.is_trained = false;
        q.hist = (struct history){(int32_t)n,
                                  v->hist_item + lo,
                                  v->hist_weight + lo,
                                  v->hist_value + lo,
                                  v->hist_time ? v->hist_time + lo : NULL,
                                  v->hist_type ? v->hist_type + lo : NULL};
    }
    return q;
}

static akin_status lesson_keep(struct fold *f, struct lesson *l, const float *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_NEW(f->m->ctx, l->x, (int64_t)l->n * f->d);
    MEM_ZERO(f->m->ctx, l->y, l->n);
    if (l->n > 0)
        memcpy(l->x, x, (size_t)l->n * (size_t)f->d * sizeof *x);
done:
    return status;
}

/* Candidates that she does not have; 1 for those that she came to have. */
static akin_status rank_lesson(struct fold *f, struct lesson *l, const struct query *q,
                               struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct test_view *v = &f->view;
    struct stack_rows rows;
    uint8_t *mark = arena_alloc(scratch, f->parts->items.n, 1, err);
    int32_t n = 0;
    if (!mark)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(stack_candidates(f->parts, f->m->params, f->scale, q, &rows, scratch, err));
    for (int64_t e = v->ptr[l->row]; e < v->ptr[l->row + 1]; e++) {
        if (v->item[e] >= 0 && v->relevant[e])
            mark[v->item[e]] = 1;
    }
    for (int32_t e = 0; e < q->hist.n; e++) {
        if (q->hist.item[e] >= 0)
            mark[q->hist.item[e]] = 2;
    }
    for (int32_t i = 0; i < rows.n; i++) {
        if (mark[rows.item[i]] == 2)
            continue;
        memmove(rows.x + (int64_t)n * f->d, rows.x + (int64_t)i * f->d,
                (size_t)f->d * sizeof *rows.x);
        rows.item[n++] = rows.item[i];
    }
    l->n = n;
    AKIN_TRY(lesson_keep(f, l, rows.x, err));
    for (int32_t i = 0; i < n; i++)
        l->y[i] = mark[rows.item[i]] == 1 ? 1.0f : 0.0f;
done:
    return status;
}

static akin_status rate_lesson(struct fold *f, struct lesson *l, const struct query *q,
                               struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct test_view *v = &f->view;
    int64_t lo = v->ptr[l->row], hi = v->ptr[l->row + 1];
    int32_t *ids = arena_alloc(scratch, hi - lo, sizeof *ids, err);
    float *x = ids ? arena_alloc(scratch, (hi - lo) * f->d, sizeof *x, err) : NULL;
    if (!x)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int64_t e = lo; e < hi; e++) {
        if (v->item[e] >= 0)
            ids[l->n++] = v->item[e];
    }
    const struct item_set set = {.ids = ids, .n = l->n};
    AKIN_TRY(stack_predictions(f->parts, f->scale, q, &set, x, scratch, err));
    AKIN_TRY(lesson_keep(f, l, x, err));
    int32_t n = 0;
    for (int64_t e = lo; e < hi; e++) {
        if (v->item[e] >= 0)
            l->y[n++] = v->value[e];
    }
done:
    return status;
}

static akin_status lesson_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fold *f = arg;
    struct lesson *l = &f->lessons[block];
    const struct query q = query_of(f, l->row);
    struct arena scratch;
    (void)worker;
    arena_init(&scratch, f->m->ctx);
    AKIN_TRY(f->is_rating ? rate_lesson(f, l, &q, &scratch, err)
                          : rank_lesson(f, l, &q, &scratch, err));
done:
    arena_free(&scratch);
    return status;
}

/* The lessons as one table; *n_good: positives in it, of ratings: values. */
static akin_status learn(struct fold *f, double *w, int64_t *n_good, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = f->m->ctx;
    const struct stack_params *p = f->m->params;
    int64_t n = 0, at = 0, *ptr = NULL;
    float *x = NULL, *y = NULL;
    for (int64_t i = 0; i < f->n; i++)
        n += f->lessons[i].n;
    MEM_NEW(ctx, ptr, f->n + 1);
    MEM_NEW(ctx, x, n * f->d);
    MEM_NEW(ctx, y, n);
    *n_good = 0;
    for (int64_t i = 0; i < f->n; i++) {
        struct lesson *l = &f->lessons[i];
        ptr[i] = at;
        for (int32_t j = 0; j < l->n; j++)
            *n_good += f->is_rating || l->y[j] > 0;
        if (l->n > 0) {
            memcpy(x + at * f->d, l->x, (size_t)l->n * (size_t)f->d * sizeof *x);
            memcpy(y + at, l->y, (size_t)l->n * sizeof *y);
        }
        at += l->n;
        mem_free(ctx, l->x);
        mem_free(ctx, l->y);
        l->x = l->y = NULL;
    }
    ptr[f->n] = at;
    const struct meta_rows rows = {f->n, f->d, ptr, x, y};
    if (*n_good > 0)
        AKIN_TRY(meta_fit(ctx, &rows, f->is_rating ? META_RIDGE : (enum meta_learner)p->learner,
                          p->reg, w, err));
    log_write(ctx, AKIN_LOG_INFO,
              "%s: learnt from %lld askers, %lld candidates, %lld held-out "
              "events among them",
              f->m->cls->name, (long long)f->n, (long long)n, (long long)*n_good);
done:
    mem_free(ctx, ptr);
    mem_free(ctx, x);
    mem_free(ctx, y);
    return status;
}

/* Without a lesson all parts weigh the same. */
static void weigh_alike(const struct fold *f, double *w)
{
    memset(w, 0, ((size_t)f->d + 1) * sizeof *w);
    for (int32_t p = 0; p < f->m->n_parts; p++) {
        if (f->is_rating)
            w[p] = 1 / (double)f->m->n_parts;
        else
            w[p * STACK_PART + STACK_LOG_RANK] = 1;
    }
    log_write(f->m->ctx, AKIN_LOG_WARN, "%s: nothing to learn from was held out; parts weigh alike",
              f->m->cls->name);
}

akin_status stack_learn(struct model *m, const struct train_view *tv, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct stack *self = m->self;
    const struct stack_params *p = m->params;
    struct fold f = {.m = m, .is_rating = self->is_rating};
    akin_error inner = {0};
    int64_t n_good = 0;
    f.d = f.is_rating ? m->n_parts : stack_width(m);
    status = fold_open(&f, tv, &inner);
    if (status == AKIN_OK) {
        AKIN_TRY(choose_lessons(&f, tv->seed, p->users, err));
        AKIN_TRY(par_for(m->ctx, f.n, lesson_block, &f, err));
        AKIN_TRY(learn(&f, self->w, &n_good, err));
    } else if (status != AKIN_E_INPUT) {
        AKIN_FAIL(status, "%s", inner.message);
    }
    status = AKIN_OK;
    if (n_good == 0)
        weigh_alike(&f, self->w);
done:
    fold_close(&f);
    return status;
}
