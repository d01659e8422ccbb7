/* A small strict JSON scanner for one object in memory: no tree, nothing allocated. */
#ifndef AKIN_DATA_READER_JSON_H
#define AKIN_DATA_READER_JSON_H

#include <stdbool.h>
#include <stdint.h>

enum json_kind {
    JSON_KIND_TEXT,
    JSON_KIND_NUMBER,
    JSON_KIND_BOOL,
    JSON_KIND_NULL,
    JSON_KIND_LIST,
    JSON_KIND_OBJECT
};

/*
 * A key of the outermost object. Texts are unescaped; a list gives its scalars joined by '|' (what
 * is nested deeper is left out); a bool "true" or "false"; null and objects nothing. Bytes live
 * until the next scan with the same scratch.
 */
typedef void (*json_field_fn)(void *arg, const char *key, int64_t key_size, enum json_kind kind,
                              const char *value, int64_t size);
/*
 * scratch: at least size bytes. Returns false if text[0..size) is not one object (and blanks), or
 * nests deeper than 64; fn may have been called for a part then.
 */
bool json_scan_object(const char *text, int64_t size, char *scratch, json_field_fn fn, void *arg);

#endif
