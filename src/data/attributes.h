/*
 * What is known of one item, by the names of columns: of a table, of the catalogue at run time, of
 * a request. One reader of attributes serves them all.
 */
#ifndef AKIN_DATA_ATTRIBUTES_H
#define AKIN_DATA_ATTRIBUTES_H

#include "data/item_tags.h"

struct attributes {
    const void *arg;
    /* NaN = missing. */
    double (*number)(const void *arg, const char *column);
    /* n-th text of a cell of texts or categories, false past the end; valid until the next call. */
    bool (*text)(const void *arg, const char *column, int64_t n, const char **text, int32_t *size);
    /* The same of what was said in events on the item (reviews). NULL = none. */
    bool (*said)(const void *arg, const char *column, int64_t n, const char **text, int32_t *size);
    /* n-th tag and how many gave it. NULL = none. */
    bool (*tag)(const void *arg, int64_t n, const char **text, int32_t *size, int32_t *count);
};

/* Where the items of a dataset have theirs from; all borrowed. */
struct item_source {
    const struct table *items;    /* no columns = none */
    const struct item_tags *tags; /* ptr NULL = none */
    const struct table *events;   /* NULL = what was said does not count */
    const int64_t *event_ptr;     /* (items + 1) into event; with events */
    const int64_t *event;         /* rows of events, of an item ascending */
};
/* An item of it: the arg of item_attributes. */
struct item_at {
    const struct item_source *source;
    int32_t item;
};
/* Borrows `at`, which must live as long. */
struct attributes item_attributes(const struct item_at *at);

#endif
