/*
 * Choice of the kernels: which tables are built in, and which of them this CPU can run.
 *
 * Cost: some flag tests. Nothing is cached: the answer is the same each time and selection happens
 * once per context. Only the instructions that a file is compiled for are asked for; VNNI is a
 * variant of the AVX-512 table, not a name of its own, because the bits are the same.
 */
#include "kern/kern.h"

#include "kern/isa.h"

#include <stdio.h>
#include <string.h>

#if KERN_ARM
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

static const struct kern *find_ref(void)
{
    return &kern_ref;
}

#if KERN_X86
static const struct kern *find_avx2(void)
{
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi2"))
        return &kern_avx2;
    return NULL;
}

static const struct kern *find_avx512(void)
{
    if (!find_avx2() || !__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
        return NULL;
    return __builtin_cpu_supports("avx512vnni") ? &kern_avx512_vnni : &kern_avx512;
}
#endif

#if KERN_ARM
static const struct kern *find_neon(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_ASIMD) != 0 ? &kern_neon : NULL;
}
#endif

/* The best last. */
static const struct {
    const char *name;
    const struct kern *(*find)(void);
} table[] = {
    {"ref", find_ref},
#if KERN_X86
    {"avx2", find_avx2},
    {"avx512", find_avx512},
#endif
#if KERN_ARM
    {"neon", find_neon},
#endif
};

enum { N_TABLES = sizeof table / sizeof *table };

const char *kern_names(size_t index)
{
    return index < N_TABLES ? table[index].name : NULL;
}

const struct kern *kern_find(const char *isa)
{
    for (size_t i = 0; i < N_TABLES; i++)
        if (strcmp(table[i].name, isa) == 0)
            return table[i].find();
    return NULL;
}

akin_status kern_select(akin_ctx *ctx, const char *isa, akin_error *err)
{
    const struct kern *found = NULL;
    char here[64] = "";
    size_t size = 0;
    for (size_t i = 0; i < N_TABLES; i++) {
        const struct kern *kern = table[i].find();
        if (!kern)
            continue;
        if (!isa || strcmp(table[i].name, isa) == 0)
            found = kern;
        int added =
            snprintf(here + size, sizeof here - size, "%s%s", size ? ", " : "", table[i].name);
        if (added > 0 && (size_t)added < sizeof here - size)
            size += (size_t)added;
    }
    if (!found)
        return error_set(err, AKIN_E_ARG, __FILE__, __LINE__,
                         "isa=%.40s is not available here (this CPU and build have: %s)", isa,
                         here);
    ctx->kern = found;
    return AKIN_OK;
}
