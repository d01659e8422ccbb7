/* Made by tests/golden/make_proportion.py; do not edit. */

#include <stdint.h>

/* clang-format off */
static const struct { int64_t k, n; double lo, hi; } golden_wilson[] = {
    {0, 10, 0x0.0p+0, 0x1.1c318eebe9e7ap-2},
    {1, 10, 0x1.24e245a7a8980p-6, 0x1.9dd9812f0d631p-2},
    {5, 10, 0x1.e48aeb11b0308p-3, 0x1.86dd453b93f3ep-1},
    {10, 10, 0x1.71e7388a0b0c2p-1, 0x1.0000000000000p+0},
    {15, 148, 0x1.ff11c33663f5ap-5, 0x1.48ad88f503cc6p-3},
    {81, 263, 0x1.056a5a8faf8c5p-2, 0x1.76ffa4b27e135p-2},
    {0, 1, 0x0.0p+0, 0x1.963f2b137a225p-1},
    {1, 1, 0x1.a70353b21776ep-3, 0x1.0000000000000p+0},
    {3, 100000, 0x1.5659074f67a9cp-17, 0x1.71f8abf43559ep-14},
    {49750, 99500, 0x1.fcd19971389b5p-2, 0x1.0197334763b25p-1},
    {123456, 1000000, 0x1.f70a72322d31cp-4, 0x1.fc5295af5bd24p-4},
};
static const struct { int64_t k, n, k0, n0; double lo, hi; } golden_difference[] = {
    {56, 70, 48, 80, 0x1.ad84c467fa22cp-5, 0x1.55e2b688780c4p-2},
    {9, 10, 3, 10, 0x1.5d3b0494302eap-3, 0x1.9e379a946c173p-1},
    {10, 10, 0, 20, 0x1.5bb12a4163b82p-1, 0x1.0000000000000p+0},
    {10, 10, 0, 10, 0x1.370b77303a031p-1, 0x1.0000000000000p+0},
    {0, 10, 0, 20, -0x1.49fbfca33290ep-3, 0x1.1c318eebe9e7ap-2},
    {6, 7, 2, 7, 0x1.dd00d08803320p-5, 0x1.9cccc0a32825cp-1},
    {5, 56, 0, 29, -0x1.386b656044dcep-5, 0x1.8a5ce79033393p-3},
    {1200, 20000, 1100, 20100, 0x1.7a3107619e678p-11, 0x1.4220b94321afap-7},
};
static const struct { int64_t k, n; double p; } golden_sign[] = {
    {0, 0, 0x1.0000000000000p+0},
    {0, 1, 0x1.0000000000000p+0},
    {1, 1, 0x1.0000000000000p+0},
    {5, 10, 0x1.0000000000000p+0},
    {8, 10, 0x1.c000000000000p-4},
    {0, 20, 0x1.0000000000000p-19},
    {61, 100, 0x1.205c2b97ed1cep-5},
    {60, 101, 0x1.2a0340518042dp-4},
    {5100, 10000, 0x1.7da0eebeb56d8p-5},
    {4800, 10001, 0x1.0957417f90060p-14},
    {503000, 1000000, 0x1.10d63f7962417p-29},
    {600, 1000, 0x1.2bff70401fb44p-32},
};
static const struct { const char *experiment, *user; double point; } golden_point[] = {
    {"homepage", "1", 0x1.af2a6e338a2b2p-2},
    {"homepage", "42", 0x1.8e9491a5152e6p-1},
    {"homepage", "user-7", 0x1.c4813357a3880p-8},
    {"homepage", "Åsa", 0x1.ae5c4ac856480p-3},
    {"homepage", "a longer id that is hashed by another branch of XXH3, over 128 bytes of it, so that every size of input is seen once or twice in here, and then some more", 0x1.0f064f416a930p-4},
    {"blend-2026", "1", 0x1.f62408549647ap-2},
    {"blend-2026", "42", 0x1.498327aa00aacp-1},
    {"blend-2026", "user-7", 0x1.ddcc8f53f3478p-4},
    {"blend-2026", "Åsa", 0x1.f86a91900f3a8p-2},
    {"blend-2026", "a longer id that is hashed by another branch of XXH3, over 128 bytes of it, so that every size of input is seen once or twice in here, and then some more", 0x1.28df9134f02f8p-1},
    {"x", "1", 0x1.984903a3369f8p-3},
    {"x", "42", 0x1.7ed8f81927910p-1},
    {"x", "user-7", 0x1.c8ac659e8d30ap-2},
    {"x", "Åsa", 0x1.5ab7a154c3df2p-1},
    {"x", "a longer id that is hashed by another branch of XXH3, over 128 bytes of it, so that every size of input is seen once or twice in here, and then some more", 0x1.230b80ff39230p-5},
};
/* clang-format on */
