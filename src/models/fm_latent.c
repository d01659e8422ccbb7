/*
 * Targets of fm's rows less what the parameters say, anew at each sweep so that float sums do not
 * drift; of classes also the weights of their rows.
 *
 * A class is seen through logistic noise. als: the bound of fm_logit. mcmc: the noise is normal of
 * a drawn variance λ = (2·Kolmogorov)², Holmes and Held 2006, doi:10.1214/06-BA105: z truncated
 * logistic around x̂ on its class's side of 0, then λ given z by rejection; the row has weight 1/λ
 * and target z. Draws are numbered by (event, sweep).
 * Cost: three dots an event; of drawn classes some 300 ns more.
 */
#include "core/par.h"
#include "kern/math.h"
#include "models/fm_fit.h"
#include "solve/draw.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

/* (0, 1), never an end */
static double open_double(struct rng *rng)
{
    return ((double)(rng_next(rng) >> 12) + .5) / 4503599627370496.0;
}

/* Is u below Σ (-1)^(n+1) n² exp(-(n² - 1) λ/2)? For λ > 4/3, where terms fall. */
static bool accept_right(double u, double lambda)
{
    double z = 1, x = kern_exp(-lambda / 2);
    for (double n = 2; n < 100; n += 2) {
        z -= n * n * kern_pow(x, n * n - 1);
        if (z > u)
            return true;
        z += (n + 1) * (n + 1) * kern_pow(x, (n + 1) * (n + 1) - 1);
        if (z < u)
            return false;
    }
    return z > u;
}

/* The same sum by its other series, for smaller λ. */
static bool accept_left(double u, double lambda)
{
    double height = .5 * kern_log(2) + 2.5 * kern_log(PI) - 2.5 * kern_log(lambda) -
                    PI * PI / (2 * lambda) + lambda / 2;
    double log_u = kern_log(u), z = 1, x = kern_exp(-PI * PI / (2 * lambda)),
           part = lambda / PI / PI;
    for (double n = 1; n < 100; n += 2) {
        z -= part * kern_pow(x, n * n - 1);
        if (z > 0 && height + kern_log(z) > log_u)
            return true;
        z += (n + 2) * (n + 2) * kern_pow(x, (n + 2) * (n + 2) - 1);
        if (!(z > 0) || height + kern_log(z) < log_u)
            return false;
    }
    return false;
}

/* Generalised inverse normal, thinned. */
double fm_draw_lambda(struct rng *rng, double r)
{
    enum { TRIES = 1000 };
    double lambda = r;
    for (int i = 0; i < TRIES; i++) {
        double y = draw_normal(rng);
        y *= y;
        y = 1 + (y - sqrt(y * (4 * r + y))) / (2 * r);
        lambda = open_double(rng) <= 1 / (1 + y) ? r / y : r * y;
        double u = open_double(rng);
        if (lambda > 4.0 / 3 ? accept_right(u, lambda) : accept_left(u, lambda))
            break;
    }
    return lambda;
}

static void draw_latent(struct fm_fit *f, int64_t e, double x)
{
    bool is_positive = f->target[e] > 0;
    struct rng rng = rng_make(f->seed, RNG_GIBBS, fm_index(FM_DRAW_LATENT, 0, (uint64_t)e));
    rng.counter = fm_counter(f->sweep);
    /* the share of the noise that falls on the right side, and a point of it */
    double side = 1 / (1 + kern_exp(is_positive ? -x : x)), tail = open_double(&rng) * side;
    double off = kern_log((1 - tail) / tail), r = fabs(off);
    f->left[e] = (float)(is_positive ? off : -off);
    f->weight[e] = (float)(1 / fm_draw_lambda(&rng, r > 1e-3 ? r : 1e-3));
}

static double said_of(const struct fm_fit *f, int64_t e)
{
    const struct kern *kern = f->ctx->kern;
    const float *of[FM_SIDES];
    float x = 0;
    int n = 0;
    for (int s = 0; s < FM_SIDES; s++)
        if (f->side[s].row)
            of[n++] = f->side[s].sum + (int64_t)f->side[s].row[e] * f->k1;
    for (int a = 0; a < n; a++) {
        x += of[a][f->k];
        for (int b = 0; b < a; b++)
            x += kern->dot(of[a], of[b], f->k);
    }
    return (double)x;
}

static akin_status residuals_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct fm_fit *f = arg;
    int64_t hi = par_hi(block, FM_EVENTS, f->n);
    double loss = 0;
    (void)worker;
    (void)err;
    for (int64_t e = par_lo(block, FM_EVENTS); e < hi; e++) {
        double x = said_of(f, e);
        if (f->p->task == FM_REGRESSION)
            f->left[e] = (float)((double)f->target[e] - x);
        else if (f->p->solver == FM_ALS)
            fm_logit(f->self->known.base + x, f->target[e] > 0, &f->weight[e], &f->left[e]);
        else
            draw_latent(f, e, f->self->known.base + x);
        double weight = f->weight ? (double)f->weight[e] : 1;
        loss += weight * (double)f->left[e] * (double)f->left[e];
    }
    f->sums[block] = loss;
    return AKIN_OK;
}

akin_status fm_residuals(struct fm_fit *f, double *loss, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = par_blocks(f->n, FM_EVENTS);
    AKIN_TRY(par_for(f->ctx, n, residuals_block, f, err));
    *loss = 0;
    for (int64_t b = 0; b < n; b++)
        *loss += f->sums[b];
done:
    return status;
}
