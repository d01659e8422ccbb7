/*
 * Cholesky of body.h: factor and solve, in the chains that kern.h fixes.
 *
 * Left-looking by panels of 16 columns: (1) the terms t of earlier panels, as a product in register
 * tiles, for one or two panels at once; (2) the 16×16 block on the diagonal; (3) the rows below, W
 * at a time with rows in lanes, so that all of a column divides at once. Each element meets t in
 * ascending order in all three. Cost: k³/6 multiply-adds; about 10 µs at k = 128 with AVX-512. Not
 * for k in the thousands, where each panel reads all of L again: solve/ tiles those.
 */
enum { CHOL_TERMS = 256, CHOL_PANELS = TILE_PANELS };

/*
 * Step 1 for columns [j, j + cols): A[i][j + c] -= sum over t in [lo, hi) of L[i][t]·L[j + c][t],
 * all rows i >= j. The minus sign goes into the packed copy.
 */
static void chol_update(int64_t k, float *A, int64_t lda, int64_t j, int64_t cols, int64_t lo,
                        int64_t hi)
{
    _Alignas(64) float packed[CHOL_TERMS * CHOL_PANELS * KERN_PANEL];
    int panels = (int)((cols + KERN_PANEL - 1) / KERN_PANEL);
    for (int64_t t = lo; t < hi; t += CHOL_TERMS) {
        int64_t terms = hi - t < CHOL_TERMS ? hi - t : CHOL_TERMS;
        pack_panels(A + j * lda + t, lda, cols, terms, packed, 1);
        int rows;
        for (int64_t i = j; i < k; i += rows) {
            rows = tile_rows(k - i, SYRK_ROWS);
            struct tile args = {.k = terms,
                                .A = A + i * lda + t,
                                .a_row = lda,
                                .a_step = 1,
                                .B = packed,
                                .b_panel = terms * KERN_PANEL,
                                .C = A + i * lda + j,
                                .ldc = lda,
                                .n_cols = cols,
                                .accumulate = 1};
            tile_run(rows, panels, &args);
        }
    }
}

/* rows (<= W) rows of 16 columns at A, as 16 registers with rows in lanes; zeros past the end. */
INLINE void load_columns(const float *A, int64_t lda, int rows, int cols, vf *out)
{
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
        int left = cols - v * W;
#pragma GCC unroll 16
        for (int r = 0; r < W; r++) {
            if (r >= rows || left <= 0)
                out[v * W + r] = vf_set(0.0f);
            else
                out[v * W + r] =
                    left >= W ? vf_load(A + r * lda + v * W) : vf_load_n(A + r * lda + v * W, left);
        }
        vf_transpose(out + v * W);
    }
}

INLINE void store_columns(float *A, int64_t lda, int rows, int cols, vf *in)
{
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
        int left = cols - v * W;
        vf_transpose(in + v * W);
#pragma GCC unroll 16
        for (int r = 0; r < W; r++) {
            if (r >= rows || left <= 0)
                continue;
            if (left >= W)
                vf_store(A + r * lda + v * W, in[v * W + r]);
            else
                vf_store_n(A + r * lda + v * W, in[v * W + r], left);
        }
    }
}

/*
 * Step 2: factors the block (cols, cols) at A; D[c][r] receives column c with rows r in lanes.
 * Missing columns are those of the unit matrix. Returns the local pivot that failed + 1, or 0.
 */
static int chol_diagonal(float *A, int64_t lda, int cols, float (*D)[KERN_PANEL])
{
    vf m[KERN_PANEL];
    for (int v = 0; v < V; v++) {
        int rows = cols - v * W;
        load_columns(A + v * W * lda, lda, rows, cols, m);
        for (int c = 0; c < KERN_PANEL; c++)
            vf_store(D[c] + v * W, m[c]);
    }
    for (int c = cols; c < KERN_PANEL; c++)
        D[c][c] = 1.0f;
    float pivot = D[0][0];
    for (int c = 0; c < cols; c++) {
        if (!(pivot > 0.0f))
            return c + 1;
        float root = sqrtf(pivot);
        if (c + 1 < cols) { /* the next pivot by itself: it need not wait for the vectors */
            float l = D[c][c + 1] / root;
            pivot = fmaf(-l, l, D[c + 1][c + 1]);
        }
        vf column[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) {
            column[v] = vf_div(vf_load(D[c] + v * W), vf_set(root));
            vf_store(D[c] + v * W, column[v]);
        }
        D[c][c] = root;
        for (int next = c + 1; next < cols; next++) {
            vf factor = vf_set(D[c][next]);
#pragma GCC unroll 4
            for (int v = 0; v < V; v++)
                vf_store(D[next] + v * W, vf_fnma(column[v], factor, vf_load(D[next] + v * W)));
        }
    }
    for (int v = 0; v < V; v++) {
        for (int c = 0; c < KERN_PANEL; c++)
            m[c] = vf_load(D[c] + v * W);
        store_columns(A + v * W * lda, lda, cols - v * W, cols, m);
    }
    return 0;
}

/* Step 3: rows (<= W) rows of 16 columns at A, solved against the diagonal block. */
static void chol_rows(float *A, int64_t lda, int rows, float (*D)[KERN_PANEL])
{
    vf m[KERN_PANEL];
    load_columns(A, lda, rows, KERN_PANEL, m);
#pragma GCC unroll 16
    for (int c = 0; c < KERN_PANEL; c++) {
        m[c] = vf_div(m[c], vf_set(D[c][c]));
#pragma GCC unroll 16
        for (int next = c + 1; next < KERN_PANEL; next++)
            m[next] = vf_fnma(m[c], vf_set(D[c][next]), m[next]);
    }
    store_columns(A, lda, rows, KERN_PANEL, m);
}

static int chol(int64_t k, float *A, int64_t lda)
{
    _Alignas(64) float D[KERN_PANEL][KERN_PANEL];
    for (int64_t j = 0; j < k; j += KERN_PANEL) {
        int cols = k - j < KERN_PANEL ? (int)(k - j) : KERN_PANEL;
        const int64_t wide = CHOL_PANELS * KERN_PANEL;
        int64_t lo = j / wide * wide;
        if (lo == j) /* all earlier terms, for the columns of CHOL_PANELS panels at once, … */
            chol_update(k, A, lda, j, k - j < wide ? k - j : wide, 0, j);
        else /* … then those of the panels between */
            chol_update(k, A, lda, j, cols, lo, j);
        int failed = chol_diagonal(A + j * lda + j, lda, cols, D);
        if (failed)
            return (int)j + failed;
        for (int64_t i = j + KERN_PANEL; i < k; i += W)
            chol_rows(A + i * lda + j, lda, k - i < W ? (int)(k - i) : W, D);
    }
    return 0;
}

/* L (rows, W) block as W registers with rows in lanes. */
INLINE void load_block(const float *L, int64_t lda, int rows, int cols, vf *m)
{
#pragma GCC unroll 16
    for (int r = 0; r < W; r++) {
        if (r >= rows)
            m[r] = vf_set(0.0f);
        else
            m[r] = cols == W ? vf_load(L + r * lda) : vf_load_n(L + r * lda, cols);
    }
    vf_transpose(m);
}

/* L·y = b: block column by block column, so that each b[i] meets t ascending. */
static void solve_forward(int64_t k, const float *L, int64_t lda, float *b)
{
    for (int64_t j = 0; j < k; j += W) {
        int size = k - j < W ? (int)(k - j) : W;
        vf m[W];
        load_block(L + j * lda + j, lda, size, size, m);
        vf x = vf_load_n(b + j, size);
        float q = b[j] / L[j * lda + j];
#pragma GCC unroll 16
        for (int c = 0; c < W; c++) {
            if (c >= size)
                break;
            b[j + c] = q;
            if (c + 1 < size) { /* the next one by itself: it need not wait for the vector */
                const float *row = L + (j + c + 1) * lda + j;
                float next = vf_get(x, c + 1);
                x = vf_fnma(m[c], vf_set(q), x);
                q = fmaf(-row[c], q, next) / row[c + 1];
            }
        }
        for (int64_t i = j + W; i < k; i += W) {
            int rows = k - i < W ? (int)(k - i) : W;
            load_block(L + i * lda + j, lda, rows, W, m);
            vf sum = vf_load_n(b + i, rows);
#pragma GCC unroll 16
            for (int c = 0; c < W; c++)
                sum = vf_fnma(m[c], vf_set(b[j + c]), sum);
            vf_store_n(b + i, sum, rows);
        }
    }
}

/* Lᵀ·x = y: block row by block row from the end, t descending; rows of L are contiguous. */
static void solve_backward(int64_t k, const float *L, int64_t lda, float *b)
{
    for (int64_t j = (k - 1) / W * W; j >= 0; j -= W) {
        int size = k - j < W ? (int)(k - j) : W;
        const float *rows = L + j * lda;
        vf x = vf_load_n(b + j, size);
        float q = b[j + size - 1] / rows[(size - 1) * lda + j + size - 1];
        for (int c = size - 1; c >= 0; c--) {
            b[j + c] = q;
            if (c > 0) {
                const float *row = rows + c * lda + j;
                float next = vf_get(x, c - 1);
                x = vf_fnma(size == W ? vf_load(row) : vf_load_n(row, size), vf_set(q), x);
                q = fmaf(-row[c - 1], q, next) / row[c - 1 - lda];
            }
        }
        for (int64_t i = 0; i < j; i += W) {
            vf sum = vf_load(b + i);
            for (int c = size - 1; c >= 0; c--)
                sum = vf_fnma(vf_load(rows + c * lda + i), vf_set(b[j + c]), sum);
            vf_store(b + i, sum);
        }
    }
}

static void chol_solve(int64_t k, const float *L, int64_t lda, float *b)
{
    if (k <= 0)
        return;
    solve_forward(k, L, lda, b);
    solve_backward(k, L, lda, b);
}
