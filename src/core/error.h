/* Errors: one status, one optional caller-owned record, one `done:` label per function. */
#ifndef AKIN_CORE_ERROR_H
#define AKIN_CORE_ERROR_H

#include "akin/akin.h"

/*
 * Fills err (may be NULL) and returns code, so that `return error_set(...)` works.
 * The message names the thing, the value and the limit: "ials: factors=0 (must be 1..4096)".
 */
akin_status error_set(akin_error *err, akin_status code, const char *file, int line,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));

/*
 * House pattern. A fallible function has `akin_error *err` as its last argument, starts with
 * `akin_status status = AKIN_OK;` and ends with `done:` … `return status;`.
 */
#define AKIN_TRY(call)                                                                             \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != AKIN_OK)                                                                     \
            goto done;                                                                             \
    } while (0)

#define AKIN_FAIL(code, ...)                                                                       \
    do {                                                                                           \
        status = error_set(err, (code), __FILE__, __LINE__, __VA_ARGS__);                          \
        goto done;                                                                                 \
    } while (0)

#endif
