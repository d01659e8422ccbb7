/* Made by tests/golden/make_svdpp.py. */
#ifndef AKIN_TESTS_SVDPP_GOLDEN_H
#define AKIN_TESTS_SVDPP_GOLDEN_H

#include <stdint.h>

/* clang-format off */
enum { GOLDEN_ITEMS = 8, GOLDEN_FACTORS = 3, GOLDEN_N = 5 };
static const double golden_reg = 0.08, golden_mean = 3.4;
static const float golden_q[] = {0.667f, 0.977f, -0.038f, 0.129f, 0.935f, 0.165f, 0.756f, -0.601f, -0.288f, -0.831f, 0.829f, -0.376f, -0.302f, 0.376f, 0.331f, -0.988f, 0.314f, 0.242f, -0.8f, -0.669f, -0.15f, -0.163f, 0.997f, 0.292f};
static const float golden_b[] = {-0.649f, -0.498f, -0.318f, 0.37f, -0.389f, 0.107f, 0.258f, -0.015f};
static const float golden_y[] = {0.167f, 0.312f, 0.306f, -0.245f, 0.15f, -0.21f, -0.016f, 0.199f, -0.07f, -0.226f, -0.163f, 0.211f, 0.581f, 0.076f, 0.084f, 0.066f, 0.027f, 0.482f, 0.406f, 0.186f, 0.091f, -0.593f, 0.518f, 0.259f};
static const int32_t golden_item[] = {1, 2, 4, 5, 7};
static const float golden_rating[] = {4.5f, 2, 3.5f, 5, 1};
static const double golden_score[] = {1.99661451913, 2.667266454, 2.33750267017, 4.39260501522, 3.23033799573, 4.36176419351, 4.37675009598, 3.4275985941};
/* clang-format on */

#endif
