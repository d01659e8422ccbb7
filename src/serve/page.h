/* The page: the files of web/, embedded at build time. */
#ifndef AKIN_SERVE_PAGE_H
#define AKIN_SERVE_PAGE_H

#include "core/ctx.h"
#include "serve/encode.h"

struct web_file {
    const char *path; /* "/app.js" */
    const unsigned char *data;
    size_t size;
};
/* Made by the build from web/; ends with a row whose path is NULL. */
extern const struct web_file web_files[];

struct page_file {
    const char *path; /* "/" for index.html */
    const char *type;
    const void *data[3]; /* by enum encoding; NULL = not smaller than plain */
    size_t size[3];
    char etag[24];
    struct buf packed[3]; /* owned */
};

struct page;
akin_status page_create(akin_ctx *ctx, const struct web_file *files, struct page **out,
                        akin_error *err);
void page_free(struct page *p);
/* NULL: no such file. */
const struct page_file *page_find(const struct page *p, const char *path);

#endif
