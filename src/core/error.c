/*
 * Errors: filling the caller's record, and the tables behind akin_status.
 *
 * Cost: one vsnprintf into a fixed buffer, no allocation, so that running out of memory can be
 * reported. Messages often quote bytes of the user's data; they are made valid, printable UTF-8.
 */
#include "core/error.h"

#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

akin_status error_set(akin_error *err, akin_status code, const char *file, int line,
                      const char *format, ...)
{
    if (!err)
        return code;
    /* Formatted aside: the arguments may point into err->message (an error that is wrapped). */
    char message[sizeof err->message];
    va_list args;
    va_start(args, format);
    if (vsnprintf(message, sizeof message, format, args) < 0)
        text_copy(message, sizeof message, akin_status_text(code));
    va_end(args);
    text_clean(message);

    const char *slash = strrchr(file, '/');
    memset(err, 0, sizeof *err);
    err->code = (int32_t)code;
    err->line = (int32_t)line;
    text_copy(err->file, sizeof err->file, slash ? slash + 1 : file);
    text_copy(err->message, sizeof err->message, message);
    return code;
}

static const struct {
    const char *name;
    int exit_status;
    const char *text;
} status_rows[] = {
#define STATUS_ROW(name, exit_status, text) {#name, exit_status, text},
    AKIN_STATUS_MAP(STATUS_ROW)
#undef STATUS_ROW
};

static size_t status_index(akin_status status)
{
    size_t n = sizeof status_rows / sizeof status_rows[0];
    size_t index = (size_t)status;
    return index < n ? index : (size_t)AKIN_E_INTERNAL;
}

const char *akin_status_name(akin_status status)
{
    return status_rows[status_index(status)].name;
}

const char *akin_status_text(akin_status status)
{
    return status_rows[status_index(status)].text;
}

int akin_status_exit(akin_status status)
{
    return status_rows[status_index(status)].exit_status;
}

const char *akin_version(void)
{
    return AKIN_VERSION;
}
