/*
 * Steps of stochastic gradient descent on pairs of rows. A step waits for its dot, whose chain and
 * fold take some 40 cycles; steps on different rows overlap in the CPU, so callers put few of one
 * row in sequence (solve/grid.c).
 */
enum { SGD_AHEAD = 6 }; /* steps between the prefetch of rows and their use */

/* The fold of `dot`. */
INLINE float sgd_fold(vf *acc)
{
#pragma GCC unroll 2
    for (int half = V / 2; half >= 1; half /= 2)
#pragma GCC unroll 2
        for (int s = 0; s < half; s++)
            acc[s] = vf_add(acc[s], acc[s + half]);
    return vf_fold(acc[0]);
}

INLINE void sgd_fetch(const float *row, int64_t k)
{
    for (int64_t i = 0; i < k; i += KERN_PANEL)
        __builtin_prefetch(row + i, 1);
}

INLINE vf sgd_up(vf x, vf floor)
{
    return vf_select(vf_less(x, floor), floor, x);
}

INLINE float sgd_rating(const struct kern_sgd *s, int64_t k, const int has_floor, float *p,
                        float *q, float target)
{
    vf acc[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++)
        acc[v] = vf_set(0.0f);
    for (int64_t i = 0; i < k; i += KERN_PANEL)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            acc[v] = vf_fma(vf_load(p + i + v * W), vf_load(q + i + v * W), acc[v]);
    float e = target - sgd_fold(acc);
    vf step = vf_set(e);
    for (int64_t i = 0; i < k; i += W) {
        vf x = vf_load(p + i), y = vf_load(q + i);
        vf a = vf_mul(step, vf_load(s->rate_p + i)), b = vf_mul(step, vf_load(s->rate_q + i));
        vf u = vf_fma(a, y, vf_mul(vf_load(s->keep_p + i), x));
        vf w = vf_fma(b, x, vf_mul(vf_load(s->keep_q + i), y));
        vf_store(p + i, has_floor ? sgd_up(u, vf_load(s->floor + i)) : u);
        vf_store(q + i, has_floor ? sgd_up(w, vf_load(s->floor + i)) : w);
    }
    return e;
}

INLINE double sgd_ratings_of(const struct kern_sgd *s, int64_t k, const int has_floor, int64_t n,
                             const struct kern_sample *sample)
{
    double loss = 0.0;
    for (int64_t r = 0; r < n; r++) {
        const struct kern_sample *next = sample + (r + SGD_AHEAD < n ? r + SGD_AHEAD : n - 1);
        sgd_fetch(s->P + next->p * k, k);
        sgd_fetch(s->Q + next->q * k, k);
        float e = sgd_rating(s, k, has_floor, s->P + sample[r].p * k, s->Q + sample[r].q * k,
                             sample[r].u.target);
        loss += (double)e * (double)e;
    }
    return loss;
}

static double sgd_ratings(const struct kern_sgd *s, int64_t n, const struct kern_sample *sample)
{
    if (s->floor)
        return sgd_ratings_of(s, s->k, 1, n, sample);
    return sgd_ratings_of(s, s->k, 0, n, sample);
}

INLINE float sgd_pair(const struct kern_sgd *s, int64_t k, float *p, float *q, float *o)
{
    vf acc[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++)
        acc[v] = vf_set(0.0f);
    for (int64_t i = 0; i < k; i += KERN_PANEL)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) {
            vf d = vf_sub(vf_load(q + i + v * W), vf_load(o + i + v * W));
            acc[v] = vf_fma(vf_load(p + i + v * W), d, acc[v]);
        }
    vf one = vf_set(1.0f);
    vf z = vf_div(one, vf_add(one, exp_vector(vf_set(sgd_fold(acc)))));
    for (int64_t i = 0; i < k; i += W) {
        vf x = vf_load(p + i), y = vf_load(q + i), w = vf_load(o + i);
        vf keep = vf_load(s->keep_q + i), b = vf_mul(z, vf_load(s->rate_q + i));
        vf a = vf_mul(z, vf_load(s->rate_p + i));
        vf_store(p + i, vf_fma(a, vf_sub(y, w), vf_mul(vf_load(s->keep_p + i), x)));
        vf_store(q + i, vf_fma(b, x, vf_mul(keep, y)));
        vf_store(o + i, vf_fnma(b, x, vf_mul(keep, w)));
    }
    return vf_get(z, 0);
}

static double sgd_pairs(const struct kern_sgd *s, int64_t n, const struct kern_sample *sample)
{
    int64_t k = s->k;
    double loss = 0.0;
    for (int64_t r = 0; r < n; r++) {
        const struct kern_sample *next = sample + (r + SGD_AHEAD < n ? r + SGD_AHEAD : n - 1);
        sgd_fetch(s->P + next->p * k, k);
        sgd_fetch(s->Q + next->q * k, k);
        sgd_fetch(s->Q + next->u.other * k, k);
        float z = sgd_pair(s, k, s->P + sample[r].p * k, s->Q + sample[r].q * k,
                           s->Q + sample[r].u.other * k);
        loss += (double)z;
    }
    return loss;
}
