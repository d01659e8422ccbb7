/* What a kind of sink is to sink.c. For src/store/sink*.c only. */
#ifndef AKIN_STORE_SINK_IMPL_H
#define AKIN_STORE_SINK_IMPL_H

#include "store/sink.h"

enum { SINK_LABEL = 320 };

struct sink_class {
    const char *scheme;
    const char *form; /* of the address, for messages: "file:PATH.csv" */
    size_t self_size; /* zeroed; s->self */
    /* rest: behind "scheme:". Sets s->format and s->label. After a failure abort is called. */
    akin_status (*open)(struct sink *s, const char *rest, akin_error *err);
    akin_status (*write)(struct sink *s, const char *text, int64_t size, akin_error *err);
    akin_status (*close)(struct sink *s, akin_error *err); /* abort is called after it, too */
    void (*abort)(struct sink *s); /* frees what self owns; self itself is sink.c's */
};

struct sink {
    akin_ctx *ctx;
    const struct sink_class *cls;
    struct arena arena;          /* owns the texts of options */
    struct sink_options options; /* zeros replaced */
    enum sink_format format;
    const char *path; /* of the file that is written, or NULL */
    char label[SINK_LABEL];
    struct sink_report report;
    void *self; /* owned */
};

extern const struct sink_class sink_file, sink_webhook;

#endif
