/*
 * From the fractions of all rows to values, intervals, paired tests.
 *
 * Cost: one bootstrap (stats.c) of all metrics together; rows that count in no metric are left out
 * of it, so that users without relevant items do not widen or narrow anything.
 */
#include "eval/pass.h"

#include "eval/stats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WARM_USERS_MIN = 200 };

static bool is_root(const struct metric_spec *m)
{
    return m->id == METRIC_RMSE;
}

/* Does the row count in any metric of the slice? */
static bool row_counts(const struct eval_pass *p, int32_t slice, int64_t row)
{
    for (int32_t i = 0; i < p->opt->n_metrics; i++)
        if (pass_den(p, slice, i)[row] > 0.0)
            return true;
    return false;
}

/* Copies the rows that count to the front of x (n_metrics columns of num, then of den). */
static int64_t gather_rows(const struct eval_pass *p, int32_t slice, const uint8_t *mask,
                           uint8_t want, double *x)
{
    int64_t n = 0;
    int32_t n_metrics = p->opt->n_metrics;
    for (int64_t row = 0; row < p->n_rows; row++) {
        if ((mask && mask[row] != want) || !row_counts(p, slice, row))
            continue;
        for (int32_t i = 0; i < n_metrics; i++) {
            x[i * p->n_rows + n] = pass_num(p, slice, i)[row];
            x[(n_metrics + i) * p->n_rows + n] = pass_den(p, slice, i)[row];
        }
        n++;
    }
    return n;
}

akin_status pass_summary(struct eval_pass *p, int32_t slice, const uint8_t *mask, uint8_t want,
                         struct metric_value *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n_metrics = p->opt->n_metrics;
    double *x = NULL;
    struct stats_ratio *ratios = NULL;
    MEM_NEW(p->ctx, x, 2 * (int64_t)n_metrics * p->n_rows);
    MEM_ZERO(p->ctx, ratios, n_metrics);
    int64_t n = gather_rows(p, slice, mask, want, x);
    for (int32_t i = 0; i < n_metrics; i++)
        ratios[i] = (struct stats_ratio){.num = x + i * p->n_rows,
                                         .den = x + (n_metrics + i) * p->n_rows,
                                         .root = is_root(&p->opt->metrics[i])};
    AKIN_TRY(stats_intervals(p->ctx, n, ratios, n_metrics, p->opt->bootstrap, err));
    for (int32_t i = 0; i < n_metrics; i++) {
        int64_t count = 0;
        bool is_pair = metric_kind_of(&p->opt->metrics[i]) == METRIC_PAIR;
        for (int64_t r = 0; r < n; r++)
            count += is_pair ? (int64_t)ratios[i].den[r] : ratios[i].den[r] > 0.0;
        out[i] = (struct metric_value){ratios[i].value, ratios[i].lo, ratios[i].hi, count};
    }
done:
    mem_free(p->ctx, x);
    mem_free(p->ctx, ratios);
    return status;
}

static akin_status exposure_summary(struct eval_pass *p, struct metric_value *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *work = NULL, n_lists = 0;
    if (p->n_cuts == 0)
        return AKIN_OK;
    MEM_NEW(p->ctx, work, p->side.n_items);
    for (int64_t row = 0; row < p->n_rows; row++)
        n_lists += p->n_list[row] > 0;
    for (int32_t i = 0; i < p->opt->n_metrics; i++) {
        const struct metric_spec *m = &p->opt->metrics[i];
        if (m->id != METRIC_COVERAGE && m->id != METRIC_GINI && m->id != METRIC_ENTROPY)
            continue;
        int32_t c = 0;
        while (p->cuts[c] != m->k)
            c++;
        const int64_t *count = p->exposure + (int64_t)c * p->side.n_items;
        out[i] = (struct metric_value){exposure_metric(m, count, work, p->side.n_items),
                                       (double)NAN, (double)NAN, n_lists};
    }
done:
    mem_free(p->ctx, work);
    return status;
}

/* A mean over users has denominators of 0 and 1 only. */
static bool is_plain_mean(const struct eval_pass *p, int32_t metric)
{
    const double *den = pass_den(p, SLICE_ALL, metric);
    if (is_root(&p->opt->metrics[metric]))
        return false;
    for (int64_t row = 0; row < p->n_rows; row++)
        if (den[row] > 0.0 && (den[row] < 1.0 || den[row] > 1.0))
            return false;
    return true;
}

static akin_status keep_per_user(struct eval_pass *p, struct eval_result *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = p->n_rows;
    MEM_NEW(p->ctx, out->per_user, p->opt->n_metrics * n);
    MEM_ZERO(p->ctx, out->ratio, p->opt->n_metrics);
    for (int32_t i = 0; i < p->opt->n_metrics; i++) {
        const double *num = pass_num(p, SLICE_ALL, i), *den = pass_den(p, SLICE_ALL, i);
        bool root = is_root(&p->opt->metrics[i]);
        for (int64_t row = 0; row < n; row++) {
            double x = den[row] > 0.0 ? num[row] / den[row] : (double)NAN;
            out->per_user[i * n + row] = (float)(root ? sqrt(x) : x);
        }
        out->ratio[i].root = root;
        if (is_plain_mean(p, i))
            continue;
        MEM_NEW(p->ctx, out->ratio[i].num, n);
        MEM_NEW(p->ctx, out->ratio[i].den, n);
        memcpy(out->ratio[i].num, num, (size_t)n * sizeof *num);
        memcpy(out->ratio[i].den, den, (size_t)n * sizeof *den);
    }
done:
    return status;
}

static void count_rows(const struct eval_pass *p, struct eval_result *out)
{
    int64_t n_known = 0;
    for (int64_t row = 0; row < p->n_rows; row++) {
        out->n_cold_users += p->warmth[row] == USER_COLD;
        if (p->is_out[row])
            continue;
        bool has_rel = p->n_rel[row] > 0;
        out->n_eval += has_rel;
        out->n_empty += !has_rel;
        out->n_no_list += p->max_k > 0 && p->n_list[row] == 0;
        out->n_short_lists += p->n_list[row] == 1;
        n_known += has_rel && p->warmth[row] != USER_COLD;
    }
    if (p->is_sampled)
        snprintf(out->warning, sizeof out->warning,
                 "sampled: ranked among the given candidates only; such values are inconsistent "
                 "with full ranking (Krichene & Rendle, KDD 2020)");
    else if (n_known < WARM_USERS_MIN)
        snprintf(out->warning, sizeof out->warning,
                 "too few to compare: %lld warm test users with a relevant item (%d wanted); "
                 "split by leave-last:5 (with times) or ratio:0.2",
                 (long long)n_known, WARM_USERS_MIN);
}

akin_status pass_finish(struct eval_pass *p, struct eval_result *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct eval_result r = {.n_metrics = p->opt->n_metrics,
                            .n_users = p->n_rows,
                            .n_pairs = p->n_pairs,
                            .n_cold_pairs = p->n_cold_pairs,
                            .n_cold_items = p->test->n_cold_items,
                            .is_sampled = p->is_sampled};
    MEM_NEW(p->ctx, r.metrics, r.n_metrics);
    AKIN_TRY(pass_summary(p, SLICE_ALL, NULL, 0, r.metrics, err));
    AKIN_TRY(exposure_summary(p, r.metrics, err));
    AKIN_TRY(keep_per_user(p, &r, err));
    count_rows(p, &r);
    if (p->opt->segments)
        AKIN_TRY(segments_json(p, &r.segments, err));
    r.reason = p->reason;
    p->reason = NULL;
    r.seconds = (double)(clock_ns() - p->start_ns) * 1e-9;
    *out = r;
    return AKIN_OK;
done:
    eval_result_free(p->ctx, &r);
    return status;
}

void eval_result_free(akin_ctx *ctx, struct eval_result *r)
{
    for (int32_t i = 0; r->ratio && i < r->n_metrics; i++) {
        mem_free(ctx, r->ratio[i].num);
        mem_free(ctx, r->ratio[i].den);
    }
    mem_free(ctx, r->ratio);
    mem_free(ctx, r->metrics);
    mem_free(ctx, r->per_user);
    mem_free(ctx, r->reason);
    json_decref(r->segments);
    *r = (struct eval_result){0};
}

/* Rows both have, as fractions (x: 4 columns of n_users) and as rounded differences. */
static int64_t gather_pairs(const struct eval_result *a, const struct eval_result *b,
                            int32_t metric, double *x, double *d)
{
    int64_t n = 0, total = a->n_users;
    const struct eval_ratio *ra = &a->ratio[metric], *rb = &b->ratio[metric];
    for (int64_t row = 0; row < total; row++) {
        double va = (double)a->per_user[metric * total + row];
        double vb = (double)b->per_user[metric * total + row];
        if (va != va || vb != vb)
            continue;
        x[n] = ra->num ? ra->num[row] : va;
        x[total + n] = ra->num ? ra->den[row] : 1.0;
        x[2 * total + n] = rb->num ? rb->num[row] : vb;
        x[3 * total + n] = rb->num ? rb->den[row] : 1.0;
        d[n++] = floor((va - vb) * 0x1p20 + 0.5) * 0x1p-20;
    }
    return n;
}

akin_status eval_compare(akin_ctx *ctx, const struct eval_result *a, const struct eval_result *b,
                         int32_t metric, int32_t bootstrap, struct paired_test *out,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    double *x = NULL, *d = NULL;
    struct paired_test t = {(double)NAN, (double)NAN, (double)NAN, (double)NAN, 0};
    if (a->n_users != b->n_users || metric < 0 || metric >= a->n_metrics || metric >= b->n_metrics)
        AKIN_FAIL(AKIN_E_ARG, "compare: results of %lld and %lld users are not of one test set",
                  (long long)a->n_users, (long long)b->n_users);
    MEM_NEW(ctx, x, 4 * a->n_users);
    MEM_NEW(ctx, d, a->n_users);
    t.n = gather_pairs(a, b, metric, x, d);
    if (t.n > 0) {
        bool root = a->ratio[metric].root;
        struct stats_ratio ra = {.num = x, .den = x + a->n_users, .root = root};
        struct stats_ratio rb = {
            .num = x + 2 * a->n_users, .den = x + 3 * a->n_users, .root = root};
        AKIN_TRY(stats_difference(ctx, t.n, &ra, &rb, bootstrap, &t.difference, &t.lo, &t.hi, err));
        t.p_wilcoxon = stats_wilcoxon(d, t.n);
    }
    *out = t;
done:
    mem_free(ctx, x);
    mem_free(ctx, d);
    return status;
}
