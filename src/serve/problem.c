/* Problem documents. */
#include "serve/problem.h"

#include <stdio.h>

int problem_status(akin_status status, bool names_file)
{
    switch (status) {
    case AKIN_OK:
        return 200;
    case AKIN_E_ARG:
    case AKIN_E_INPUT:
        return 400;
    case AKIN_E_NOT_FOUND:
        return 404;
    case AKIN_E_UNSUPPORTED:
        return 409; /* not as this server is set up */
    case AKIN_E_FORMAT:
    case AKIN_E_VERSION:
        return names_file ? 422 : 503; /* a file of the asker's, or of the server's */
    case AKIN_E_MEMORY:
    case AKIN_E_LIMIT:
    case AKIN_E_IO:
    case AKIN_E_CANCELLED:
        return 503;
    case AKIN_E_INTERNAL:
        break;
    }
    return 500;
}

const char *problem_title(int http_status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        if (titles[i].status == http_status)
            return titles[i].title;
    }
    return "Error";
}

void problem_write(struct buf *out, int http_status, const char *code, const char *detail,
                   const char *request_id)
{
    struct jw jw;
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "type");
    jw_string(&jw, "about:blank");
    jw_key(&jw, "title");
    jw_string(&jw, problem_title(http_status));
    jw_key(&jw, "status");
    jw_int(&jw, http_status);
    jw_key(&jw, "detail");
    jw_string(&jw, detail);
    if (code) {
        jw_key(&jw, "code");
        jw_string(&jw, code);
    }
    if (request_id && request_id[0]) {
        char instance[96];
        snprintf(instance, sizeof instance, "urn:akin:request:%s", request_id);
        jw_key(&jw, "instance");
        jw_string(&jw, instance);
    }
    jw_close(&jw, '}');
}
