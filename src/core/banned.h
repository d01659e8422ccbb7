/* Functions that do not compile in akin (see STYLE in CONTRIBUTING.md); force-included. */
#ifndef AKIN_CORE_BANNED_H
#define AKIN_CORE_BANNED_H
#if defined(__GNUC__) && !defined(__cplusplus)
#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#undef alloca
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gmtime localtime rand srand atoi atol     \
    atof alloca
#endif
#endif
