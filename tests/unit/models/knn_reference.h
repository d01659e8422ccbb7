/* Similarities written out densely, for the tests of itemknn and userknn. */
#ifndef AKIN_TESTS_KNN_REFERENCE_H
#define AKIN_TESTS_KNN_REFERENCE_H

#include "unit/models/knn_util.h"

struct setting {
    const char *similarity;
    double damping, shrinkage, alpha;
    bool is_binary;
};

static inline double x_log_x(double x)
{
    return x > 0 ? x * log(x) : 0;
}

static inline double ref_llr(double n, double a, double b, double total)
{
    if (n * total <= a * b)
        return 0;
    double h = x_log_x(n) + x_log_x(a - n) + x_log_x(b - n) + x_log_x(total - a - b + n);
    double row = x_log_x(a) + x_log_x(total - a);
    double col = x_log_x(b) + x_log_x(total - b);
    return 2 * (h - row - col + x_log_x(total));
}

static inline double user_mean(const struct dense *d, int u)
{
    double sum = 0, n = 0;
    for (int i = 0; i < d->n_items; i++)
        if (!isnan(d->r[u * d->n_items + i])) {
            sum += d->r[u * d->n_items + i];
            n++;
        }
    return n > 0 ? sum / n : 0;
}

/* Pearson and adjusted cosine over users of both. */
static inline double ref_ratings(const struct dense *d, const struct setting *s, int j, int i)
{
    bool is_pearson = strcmp(s->similarity, "pearson") == 0;
    double n = 0, damp = 0, a = 0, b = 0, ab = 0, aa = 0, bb = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int u = 0; u < d->n_users; u++) {
            double x = d->r[u * d->n_items + j], y = d->r[u * d->n_items + i];
            if (isnan(x) || isnan(y))
                continue;
            if (pass == 0) {
                n++;
                a += x;
                b += y;
                damp += pow(d->rated[u], -s->damping);
                continue;
            }
            double mean = user_mean(d, u);
            x -= is_pearson ? a / n : mean;
            y -= is_pearson ? b / n : mean;
            ab += x * y;
            aa += x * x;
            bb += y * y;
        }
    if (!(aa > 1e-9) || !(bb > 1e-9))
        return 0;
    return ab / sqrt(aa * bb) * (damp / n) * (n / (n + s->shrinkage));
}

/* s(j → i) from the definitions; tf-idf and BM25 are left to NumPy. */
static inline double ref_sim(const struct dense *d, const struct setting *s, int j, int i)
{
    double n = 0, nj = 0, ni = 0, dot = 0, damp = 0, jj = 0, ii = 0;
    if (strcmp(s->similarity, "pearson") == 0 || strcmp(s->similarity, "adjusted_cosine") == 0)
        return ref_ratings(d, s, j, i);
    for (int u = 0; u < d->n_users; u++) {
        double x = d->w[u * d->n_items + j], y = d->w[u * d->n_items + i];
        if (s->is_binary) {
            x = x > 0;
            y = y > 0;
        }
        double du = x > 0 || y > 0 ? pow(d->deg[u], -s->damping) : 0;
        nj += x > 0;
        ni += y > 0;
        jj += x * x;
        ii += y * y;
        dot += du * x * y;
        n += x > 0 && y > 0;
        damp += x > 0 && y > 0 ? du : 0;
    }
    if (!(n > 0))
        return 0;
    double less = n / (n + s->shrinkage);
    if (strcmp(s->similarity, "jaccard") == 0)
        return n / (ni + nj - n) * (damp / n) * less;
    if (strcmp(s->similarity, "llr") == 0)
        return ref_llr(n, ni, nj, d->n_users) * (damp / n) * less;
    double alpha = strcmp(s->similarity, "asymmetric_cosine") == 0 ? s->alpha : .5;
    return dot / (pow(jj, alpha) * pow(ii, 1 - alpha)) * less;
}

/* Users for items and items for users. */
static inline struct dense dense_turned(const struct dense *d)
{
    struct dense t = {.n_users = d->n_items, .n_items = d->n_users};
    size_t size = (size_t)(d->n_users * d->n_items);
    t.w = calloc(size, sizeof *t.w);
    t.r = calloc(size, sizeof *t.r);
    t.deg = calloc((size_t)t.n_users, sizeof *t.deg);
    t.rated = calloc((size_t)t.n_users, sizeof *t.rated);
    assert_true(t.w && t.r && t.deg && t.rated);
    for (int u = 0; u < d->n_users; u++)
        for (int i = 0; i < d->n_items; i++) {
            t.w[i * t.n_items + u] = d->w[u * d->n_items + i];
            t.r[i * t.n_items + u] = d->r[u * d->n_items + i];
            t.deg[i] += d->w[u * d->n_items + i] > 0;
            t.rated[i] += !isnan(d->r[u * d->n_items + i]);
        }
    return t;
}

struct means {
    double mu, user, item[64];
};

/* μ, b_u of user u and b_i. */
static inline struct means ref_means(const struct dense *d, int u, double damping)
{
    struct means m = {0};
    int n = d->n_items;
    double n_all = 0, n_own = 0;
    for (int e = 0; e < d->n_users * n; e++)
        if (!isnan(d->r[e])) {
            m.mu += d->r[e];
            n_all++;
        }
    m.mu /= n_all;
    for (int i = 0; i < n; i++) {
        double users = 0;
        for (int v = 0; v < d->n_users; v++)
            if (!isnan(d->r[v * n + i])) {
                m.item[i] += d->r[v * n + i] - m.mu;
                users++;
            }
        m.item[i] /= users + damping;
        if (!isnan(d->r[u * n + i])) {
            m.user += d->r[u * n + i] - m.mu - m.item[i];
            n_own++;
        }
    }
    m.user /= n_own + damping;
    return m;
}

#endif
