/* The tables of kern.c, one per file that is compiled with its own instruction set. */
#ifndef AKIN_KERN_ISA_H
#define AKIN_KERN_ISA_H

#include "kern/kern.h"

/* AKIN_KERN_REF_ONLY: a build for a machine that has none of the fast paths. */
#if defined(AKIN_KERN_REF_ONLY)
#elif defined(__x86_64__)
#define KERN_X86 1
#elif defined(__aarch64__)
#define KERN_ARM 1
#endif
#ifndef KERN_X86
#define KERN_X86 0
#endif
#ifndef KERN_ARM
#define KERN_ARM 0
#endif

extern const struct kern kern_ref;
#if KERN_X86
extern const struct kern kern_avx2;
extern const struct kern kern_avx512;
extern const struct kern kern_avx512_vnni; /* kern_avx512 with the byte dot instruction */
#endif
#if KERN_ARM
extern const struct kern kern_neon;
#endif

#endif
