/* Errors as RFC 9457 says, and which HTTP status a failure has. */
#ifndef AKIN_SERVE_PROBLEM_H
#define AKIN_SERVE_PROBLEM_H

#include "core/buf.h"

/* names_file: the request is about a file that it names. */
int problem_status(akin_status status, bool names_file);
const char *problem_title(int http_status);
/* {"type":"about:blank","title":…,"status":…,"detail":…,"code":…,"instance":request id}; code and
 * request_id may be NULL. */
void problem_write(struct buf *out, int http_status, const char *code, const char *detail,
                   const char *request_id);

#endif
