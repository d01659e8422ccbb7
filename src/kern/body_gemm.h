/*
 * The products of body.h: gemm, syrk, and the register tile under them and under chol.
 *
 * Cost: m·n·k and k·(k+16)/2·n multiply-adds, at a rate near the machine's peak (bench/kern.c). A
 * tile of C stays in registers while the sum runs, in order, over t; long sums are cut into blocks
 * with C kept in memory between, which changes no bit. Packing into panels: Goto and van de Geijn
 * 2008, doi:10.1145/1356052.1356053. No threads here: callers cut the work.
 */
enum {
    SUM_BLOCK = 256,      /* terms of a sum before the next tile: panels stay in the L1 cache */
    ROW_BLOCK = 192,      /* rows of A that stay in the L2 cache */
    SYRK_SCRATCH = 32768, /* floats on the stack: two copies of a chunk of rows */
    SYRK_CHUNK = 64,      /* most rows of a chunk */
    SYRK_AHEAD = 6        /* rows fetched ahead of the copy */
};

/* C (rows, 16·panels; ldc) = [C +] sum over t of A[i·a_row + t·a_step] · b(t, j); panel q of b at
 * B + q·b_panel, (k, 16). Columns of C from n_cols on are not touched. */
struct tile {
    int64_t k;
    const float *A;
    int64_t a_row, a_step;
    const float *B;
    int64_t b_panel;
    float *C;
    int64_t ldc, n_cols;
    int accumulate;
};

/* rows and panels are constants at each call, so that acc is registers. */
INLINE void tile_body(const int rows, const int panels, const struct tile *args)
{
    const struct tile a = *args;
    const int regs = panels * V;
    const int whole = a.n_cols >= (int64_t)panels * KERN_PANEL;
    vf acc[12][16];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 16
        for (int v = 0; v < regs; v++) {
            int64_t left = a.n_cols - v * W;
            if (!a.accumulate || left <= 0)
                acc[i][v] = vf_set(0.0f);
            else if (whole || left >= W)
                acc[i][v] = vf_load(a.C + i * a.ldc + v * W);
            else
                acc[i][v] = vf_load_n(a.C + i * a.ldc + v * W, (int)left);
        }
    const float *A = a.A, *B = a.B;
    for (int64_t t = 0; t < a.k; t++, A += a.a_step, B += KERN_PANEL) {
        vf b[16];
#pragma GCC unroll 16
        for (int v = 0; v < regs; v++)
            b[v] = vf_load(B + v / V * a.b_panel + v % V * W);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            vf x = vf_set(A[i * a.a_row]);
#pragma GCC unroll 16
            for (int v = 0; v < regs; v++)
                acc[i][v] = vf_fma(x, b[v], acc[i][v]);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 16
        for (int v = 0; v < regs; v++) {
            int64_t left = a.n_cols - v * W;
            if (whole || left >= W)
                vf_store(a.C + i * a.ldc + v * W, acc[i][v]);
            else if (left > 0)
                vf_store_n(a.C + i * a.ldc + v * W, acc[i][v], (int)left);
        }
}

#define TILE_CASE(rows, panels)                                                                    \
    case (panels)*16 + (rows):                                                                     \
        if ((rows) * (panels)*V <= TILE_MAX)                                                       \
            tile_body((rows), (panels), args);                                                     \
        break

static void tile_run(int rows, int panels, const struct tile *args)
{
    switch (panels * 16 + rows) {
        TILE_CASE(12, 2);
        TILE_CASE(8, 2);
        TILE_CASE(4, 2);
        TILE_CASE(2, 2);
        TILE_CASE(1, 2);
        TILE_CASE(12, 1);
        TILE_CASE(8, 1);
        TILE_CASE(6, 1);
        TILE_CASE(4, 1);
        TILE_CASE(2, 1);
        TILE_CASE(1, 1);
        TILE_CASE(8, 3);
        TILE_CASE(4, 3);
        TILE_CASE(2, 3);
        TILE_CASE(1, 3);
        TILE_CASE(2, 4);
        TILE_CASE(1, 4);
        TILE_CASE(1, 8);
    default:
        break;
    }
}

/* The next tile's height where left rows remain: one of the cases above. */
static int tile_rows(int64_t left, int most)
{
    if (left >= most)
        return most;
    int rows = 8;
    while (rows > left || rows > most)
        rows /= 2;
    return rows;
}

/* One or two rows alone would wait on the latency of fma: they take more panels at once. */
static int gemm_panels(int64_t m)
{
    return m == 1 ? ROW_PANELS : m == 2 ? ROW_PANELS / 2 : TILE_PANELS;
}

/* Rows [lo, hi) of gemm over the terms [t, t + terms). */
static void gemm_block(int64_t lo, int64_t hi, int64_t n, int64_t k, int64_t t, int64_t terms,
                       const float *A, int64_t lda, const float *packed, float *C, int64_t ldc,
                       int accumulate)
{
    int wide = gemm_panels(hi - lo);
    int panels;
    for (int64_t j = 0; j < n; j += (int64_t)panels * KERN_PANEL) {
        panels = wide;
        while (panels > 1 && (int64_t)(panels - 1) * KERN_PANEL >= n - j)
            panels /= 2;
        int rows;
        for (int64_t i = lo; i < hi; i += rows) {
            rows = tile_rows(hi - i, TILE_ROWS);
            struct tile args = {.k = terms,
                                .A = A + i * lda + t,
                                .a_row = lda,
                                .a_step = 1,
                                .B = packed + j * k + t * KERN_PANEL,
                                .b_panel = k * KERN_PANEL,
                                .C = C + i * ldc + j,
                                .ldc = ldc,
                                .n_cols = n - j,
                                .accumulate = accumulate};
            tile_run(rows, panels, &args);
        }
    }
}

static void gemm(int64_t m, int64_t n, int64_t k, const float *A, int64_t lda, const float *packed,
                 float *C, int64_t ldc, int accumulate)
{
    int64_t t = 0;
    do { /* once even for k = 0: C is then 0 or kept */
        int64_t terms = k - t < SUM_BLOCK ? k - t : SUM_BLOCK;
        for (int64_t i = 0; i < m; i += ROW_BLOCK)
            gemm_block(i, m - i < ROW_BLOCK ? m : i + ROW_BLOCK, n, k, t, terms, A, lda, packed, C,
                       ldc, accumulate || t > 0);
        t += SUM_BLOCK;
    } while (t < k);
}

/* A chunk of gathered rows as panels: panel p is (rows, 16) at p·stride; zeros past column k. */
struct chunk {
    float *x;       /* the rows */
    float *wx;      /* the rows times their weight; = x without weights */
    int64_t n;      /* rows */
    int64_t stride; /* floats from panel to panel */
};

/* One row, and the row times its weight, spread over the panels. */
INLINE void chunk_copy(const float *x, int64_t k, float weight, int64_t stride, float *to,
                       float *wto)
{
    vf w = vf_set(weight);
    int scaled = to != wto;
    for (; k >= KERN_PANEL; k -= KERN_PANEL, x += KERN_PANEL, to += stride, wto += stride) {
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) {
            vf value = vf_load(x + v * W);
            vf_store(to + v * W, value);
            if (scaled)
                vf_store(wto + v * W, vf_mul(w, value));
        }
    }
    for (; k > 0; k -= W, x += W, to += W, wto += W) {
        vf value = vf_load_n(x, k < W ? (int)k : W);
        vf_store(to, value);
        if (scaled)
            vf_store(wto, vf_mul(w, value));
    }
}

static void chunk_gather(struct chunk *chunk, int64_t k, const float *X, int64_t ldx,
                         const int32_t *rows, const float *w, int64_t lo, int64_t n_rows)
{
    for (int64_t r = 0; r < chunk->n; r++) {
        const float *x = X + (rows ? rows[lo + r] : lo + r) * ldx;
        if (rows && lo + r + SYRK_AHEAD < n_rows) {
            const float *next = X + rows[lo + r + SYRK_AHEAD] * ldx;
            for (int64_t j = 0; j < k; j += 16)
                __builtin_prefetch(next + j);
        }
        chunk_copy(x, k, w ? w[lo + r] : 1.0f, chunk->stride, chunk->x + r * KERN_PANEL,
                   chunk->wx + r * KERN_PANEL);
    }
}

/* Adds a chunk to A: for each 16 rows of A the panels up to the diagonal. */
static void chunk_add(const struct chunk *chunk, int64_t k, float *A, int64_t lda)
{
    for (int64_t i = 0; i < k; i += KERN_PANEL) {
        int64_t last = i / KERN_PANEL + 1;
        int panels;
        for (int64_t q = 0; q < last; q += panels) {
            int64_t left = last - q;
            panels = left >= SYRK_PANELS && left != 4 ? SYRK_PANELS : left >= 2 ? SYRK_TWO : 1;
            int64_t end = k - i < KERN_PANEL ? k : i + KERN_PANEL;
            int rows;
            for (int64_t row = i; row < end; row += rows) {
                rows = tile_rows(end - row, SYRK_ROWS);
                struct tile args = {.k = chunk->n,
                                    .A = chunk->wx + (last - 1) * chunk->stride + (row - i),
                                    .a_row = 1,
                                    .a_step = KERN_PANEL,
                                    .B = chunk->x + q * chunk->stride,
                                    .b_panel = chunk->stride,
                                    .C = A + row * lda + q * KERN_PANEL,
                                    .ldc = lda,
                                    .n_cols = k - q * KERN_PANEL,
                                    .accumulate = 1};
                tile_run(rows, panels, &args);
            }
        }
    }
}

/* Rows too long for the scratch: one at a time, no copy. */
static void syrk_long(int64_t k, int64_t n, const float *X, int64_t ldx, const int32_t *rows,
                      const float *w, float *A, int64_t lda)
{
    for (int64_t r = 0; r < n; r++) {
        const float *x = X + (rows ? rows[r] : r) * ldx;
        for (int64_t i = 0; i < k; i++)
            axpy(w ? w[r] * x[i] : x[i], x, A + i * lda, i + 1);
    }
}

static void syrk(int64_t k, int64_t n, const float *X, int64_t ldx, const int32_t *rows,
                 const float *w, float *A, int64_t lda)
{
    _Alignas(64) float scratch[SYRK_SCRATCH];
    int64_t n_panels = (k + KERN_PANEL - 1) / KERN_PANEL;
    if (k <= 0 || n <= 0)
        return;
    /* an odd number of rows from panel to panel: their starts fall into different cache sets */
    int64_t room = (SYRK_SCRATCH / (2 * n_panels * KERN_PANEL) - 1) / 2 * 2;
    if (room < 2) {
        syrk_long(k, n, X, ldx, rows, w, A, lda);
        return;
    }
    room = room < SYRK_CHUNK ? room : SYRK_CHUNK;
    struct chunk chunk = {.x = scratch, .stride = (room + 1) * KERN_PANEL};
    chunk.wx = w ? scratch + n_panels * chunk.stride : scratch;
    if (k % KERN_PANEL != 0) /* lanes past k are computed and dropped, but shall not be garbage */
        for (int64_t at = 0; at < chunk.stride; at += W) {
            vf_store(chunk.x + (n_panels - 1) * chunk.stride + at, vf_set(0.0f));
            vf_store(chunk.wx + (n_panels - 1) * chunk.stride + at, vf_set(0.0f));
        }
    for (int64_t lo = 0; lo < n; lo += room) {
        chunk.n = n - lo < room ? n - lo : room;
        chunk_gather(&chunk, k, X, ldx, rows, w, lo, n);
        chunk_add(&chunk, k, A, lda);
    }
}
