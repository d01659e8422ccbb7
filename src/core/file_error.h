/* Errors of the system about a path; for the files of this room and for store/. */
#ifndef AKIN_CORE_FILE_ERROR_H
#define AKIN_CORE_FILE_ERROR_H

#include "core/error.h"

#include <errno.h>

/*
 * "cannot WHAT 'PATH': reason of number". E_NOT_FOUND if path or a directory of it is missing,
 * E_MEMORY for ENOMEM, else E_IO.
 */
akin_status file_fail(akin_error *err, const char *what, const char *path, int number,
                      const char *file, int line);

/* Within the house pattern, right after the call that set errno. */
#define FILE_FAIL(what, path)                                                                      \
    do {                                                                                           \
        status = file_fail(err, (what), (path), errno, __FILE__, __LINE__);                        \
        goto done;                                                                                 \
    } while (0)

#endif
