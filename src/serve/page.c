/* Files of the page in memory, each compressed once at the start. Cost at start: tens of ms. */
#include "serve/page.h"

#include "core/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct page {
    akin_ctx *ctx;
    int64_t n;
    struct page_file *files; /* (n) owned */
};

static const char *type_of(const char *path)
{
    static const struct {
        const char *end, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".mjs", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".json", "application/json"},
                 {".webmanifest", "application/manifest+json"},
                 {".svg", "image/svg+xml"},
                 {".png", "image/png"},
                 {".ico", "image/x-icon"},
                 {".woff2", "font/woff2"},
                 {".txt", "text/plain; charset=utf-8"}};
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t m = strlen(types[i].end);
        if (n > m && strcmp(path + n - m, types[i].end) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static void fill_file(akin_ctx *ctx, const struct web_file *from, struct page_file *to)
{
    to->path = strcmp(from->path, "/index.html") == 0 ? "/" : from->path;
    to->type = type_of(from->path);
    to->data[ENCODING_NONE] = from->data;
    to->size[ENCODING_NONE] = from->size;
    snprintf(to->etag, sizeof to->etag, "W/\"%016" PRIx64 "\"",
             hash_bytes(from->data, from->size, 0));
    for (int e = ENCODING_GZIP; e <= ENCODING_ZSTD; e++) {
        buf_init(&to->packed[e], ctx);
        if (from->size < 1024 ||
            !encode((enum encoding)e, 1, from->data, from->size, &to->packed[e]))
            continue;
        to->data[e] = to->packed[e].data;
        to->size[e] = (size_t)to->packed[e].size;
    }
}

akin_status page_create(akin_ctx *ctx, const struct web_file *files, struct page **out,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    struct page *p = NULL;
    MEM_ZERO(ctx, p, 1);
    p->ctx = ctx;
    while (files[p->n].path)
        p->n++;
    MEM_ZERO(ctx, p->files, p->n);
    for (int64_t i = 0; i < p->n; i++)
        fill_file(ctx, &files[i], &p->files[i]);
    *out = p;
    p = NULL;
done:
    if (p)
        mem_free(ctx, p);
    return status;
}

void page_free(struct page *p)
{
    if (!p)
        return;
    for (int64_t i = 0; i < p->n; i++) {
        for (int e = ENCODING_GZIP; e <= ENCODING_ZSTD; e++)
            buf_free(&p->files[i].packed[e]);
    }
    mem_free(p->ctx, p->files);
    mem_free(p->ctx, p);
}

const struct page_file *page_find(const struct page *p, const char *path)
{
    for (int64_t i = 0; p && i < p->n; i++) {
        if (strcmp(p->files[i].path, path) == 0 ||
            (path[0] == '/' && path[1] == '\0' && strcmp(p->files[i].path, "/") == 0))
            return &p->files[i];
    }
    return NULL;
}
