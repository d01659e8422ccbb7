/*
 * The product of body.h with gathered rows, XᵀW(t - X·v), in one pass over the rows: each is read
 * for its dot and again, from the nearest cache, for its share of the sum.
 *
 * W rows at a time: their lanes are folded together after a transposition, which is the fold of
 * `dot` (8+8, 4+4, …) with a row in each lane; the sums' chains run over rows, columns side by
 * side.
 */
enum {
    DOT_ROWS = W == 16 ? 8 : 4, /* chains side by side hide the latency of fma */
    SUM_COLUMNS = 4 * W
};

/* The 16 lanes of each x_r·v, halved until one register is left. */
INLINE void dot_rows(int64_t k, const float *const *x, const float *v, vf *out)
{
    vf acc[DOT_ROWS][V];
#pragma GCC unroll 8
    for (int r = 0; r < DOT_ROWS; r++)
#pragma GCC unroll 4
        for (int s = 0; s < V; s++)
            acc[r][s] = vf_set(0.0f);
    int64_t i = 0;
    for (; i + KERN_PANEL <= k; i += KERN_PANEL)
#pragma GCC unroll 4
        for (int s = 0; s < V; s++) {
            vf b = vf_load(v + i + s * W);
#pragma GCC unroll 8
            for (int r = 0; r < DOT_ROWS; r++)
                acc[r][s] = vf_fma(vf_load(x[r] + i + s * W), b, acc[r][s]);
        }
#pragma GCC unroll 4
    for (int s = 0; s < V; s++) {
        int64_t left = k - i - s * W;
        int m = left < W ? (int)left : W;
        if (m <= 0)
            continue;
        vf b = vf_load_n(v + i + s * W, m);
#pragma GCC unroll 8
        for (int r = 0; r < DOT_ROWS; r++) { /* an idle lane keeps even its sign of zero */
            vf sum = vf_fma(vf_load_n(x[r] + i + s * W, m), b, acc[r][s]);
            acc[r][s] = vf_first(m, sum, acc[r][s]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < DOT_ROWS; r++) {
#pragma GCC unroll 2
        for (int half = V / 2; half >= 1; half /= 2)
#pragma GCC unroll 2
            for (int s = 0; s < half; s++)
                acc[r][s] = vf_add(acc[r][s], acc[r][s + half]);
        out[r] = acc[r][0];
    }
}

/* y[i..i + 4W): the chains over `rows` rows. */
INLINE void sum_rows(int rows, const float *const *x, const float *s, int64_t i, float *y)
{
    vf acc[4];
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++)
        acc[c] = vf_load(y + i + c * W);
    for (int r = 0; r < rows; r++) {
        vf a = vf_set(s[r]);
#pragma GCC unroll 4
        for (int c = 0; c < 4; c++)
            acc[c] = vf_fma(a, vf_load(x[r] + i + c * W), acc[c]);
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++)
        vf_store(y + i + c * W, acc[c]);
}

/* The first `rows` of W rows; the pointers of the others may be any row's. */
INLINE void residual_group(int rows, int64_t k, const float *const *x, const float *w,
                           const float *t, const float *v, float *y)
{
    vf m[W];
    float s[W];
#pragma GCC unroll 4
    for (int r = 0; r < W; r += DOT_ROWS)
        dot_rows(k, x + (r < rows ? r : 0), v, m + r);
    vf_transpose(m);
#pragma GCC unroll 4
    for (int half = W / 2; half >= 1; half /= 2)
#pragma GCC unroll 8
        for (int j = 0; j < half; j++)
            m[j] = vf_add(m[j], m[j + half]);
    vf e = vf_sub(t ? vf_load_n(t, rows) : vf_set(0.0f), m[0]);
    vf_store(s, w ? vf_mul(vf_load_n(w, rows), e) : e);
    int64_t i = 0;
    for (; i + SUM_COLUMNS <= k; i += SUM_COLUMNS)
        sum_rows(rows, x, s, i, y);
    for (; i < k; i += W) {
        int n = k - i < W ? (int)(k - i) : W;
        vf acc = vf_load_n(y + i, n);
        for (int r = 0; r < rows; r++)
            acc = vf_fma(vf_set(s[r]), vf_load_n(x[r] + i, n), acc);
        vf_store_n(y + i, acc, n);
    }
}

static void residual(int64_t k, int64_t n, const float *X, int64_t ldx, const int32_t *rows,
                     const float *w, const float *t, const float *v, float *y)
{
    const float *x[W];
    for (int64_t lo = 0; lo < n; lo += W) {
        int m = n - lo < W ? (int)(n - lo) : W;
        for (int r = 0; r < W; r++)
            x[r] = X + (int64_t)rows[lo + (r < m ? r : 0)] * ldx;
        if (m == W)
            residual_group(W, k, x, w ? w + lo : NULL, t ? t + lo : NULL, v, y);
        else
            residual_group(m, k, x, w ? w + lo : NULL, t ? t + lo : NULL, v, y);
    }
}
