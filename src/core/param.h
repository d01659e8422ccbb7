/*
 * Parameters from tables of akin_param rows.
 *
 * A room declares `struct x_params` (every field 8 bytes: int64_t, double, const char *, json_t *)
 * and a table of rows with offsetof; param_parse fills it from a JSON object, checks bounds, and
 * refuses unknown keys by naming the nearest. Nothing is clamped or ignored in silence.
 */
#ifndef AKIN_CORE_PARAM_H
#define AKIN_CORE_PARAM_H

#include "core/error.h"
#include "core/mem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define PARAM_COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
/* clang-format off: one row each */
/* Ends a table that is also published in an akin_param_group; not counted by its owner. */
#define PARAM_END                                                                                  \
    {                                                                                              \
        NULL, AKIN_PARAM_BOOL, 0, 0, NULL, 0, 0, NULL, NULL, NULL                                  \
    }

/* Rows, short to write. st: the params struct, f: its field, which is also the key. */
#define PARAM_INT(st, f, def, lo, hi, unit, flags, help)                                           \
    {                                                                                              \
        #f, AKIN_PARAM_INT, (flags), offsetof(st, f), (def), (lo), (hi), NULL, (unit), (help)      \
    }
#define PARAM_REAL(st, f, def, lo, hi, unit, flags, help)                                          \
    {                                                                                              \
        #f, AKIN_PARAM_REAL, (flags), offsetof(st, f), (def), (lo), (hi), NULL, (unit), (help)     \
    }
#define PARAM_BOOL(st, f, def, flags, help)                                                        \
    {                                                                                              \
        #f, AKIN_PARAM_BOOL, (flags), offsetof(st, f), (def), 0, 1, NULL, "", (help)               \
    }
#define PARAM_TEXT(st, f, def, flags, help)                                                        \
    {                                                                                              \
        #f, AKIN_PARAM_TEXT, (flags), offsetof(st, f), (def), 0, 0, NULL, "", (help)               \
    }
#define PARAM_CHOICE(st, f, def, choices, flags, help)                                             \
    {                                                                                              \
        #f, AKIN_PARAM_CHOICE, (flags), offsetof(st, f), (def), 0, 0, (choices), "", (help)        \
    }
#define PARAM_SIZE(st, f, def, lo, hi, flags, help)                                                \
    {                                                                                              \
        #f, AKIN_PARAM_SIZE, (flags), offsetof(st, f), (def), (lo), (hi), NULL, "bytes", (help)    \
    }
#define PARAM_LIST(st, f, def, flags, help)                                                        \
    {                                                                                              \
        #f, AKIN_PARAM_LIST, (flags), offsetof(st, f), (def), 0, 0, NULL, "", (help)               \
    }
#define PARAM_MAP(st, f, flags, help)                                                              \
    {                                                                                              \
        #f, AKIN_PARAM_MAP, (flags), offsetof(st, f), NULL, 0, 0, NULL, "", (help)                 \
    }
/* clang-format on */

/*
 * Fills out (its rows' fields are zeroed first) from object (borrowed, NULL = all defaults).
 *   owner   prefix of messages: "ials"
 *   arena   owns texts, and a reference to each list and map: object need not outlive the call,
 *           out is valid until arena_reset or arena_free
 * Values may be given in their JSON type or as text as typed on a command line ("64", "1e6",
 * "true", "2GB"). null = not given. TEXT and CHOICE also take an integer or a boolean as written.
 *   LIST    array; one scalar = a list of one; text: JSON ("[1,2]") or "a,b,c" = a list of texts
 *   MAP     object; text: JSON ("{...}") or "key=value,key=value" = texts
 * A list or map not given and without a default is NULL.
 * Fails: E_ARG: unknown key (nearest named), wrong type, out of bounds, required one missing.
 * Values of secret rows are not quoted in messages.
 */
akin_status param_parse(const char *owner, const akin_param *rows, size_t n_rows,
                        const json_t *object, struct arena *arena, void *out, akin_error *err);

/* The effective values as a new JSON object (secrets left out); NULL on lack of memory. */
json_t *param_dump(const akin_param *rows, size_t n_rows, const void *values);

const akin_param *param_find(const akin_param *rows, size_t n_rows, const char *name);
/* The row whose name is nearest (edit distance), or NULL if none is near. */
const char *param_nearest(const akin_param *rows, size_t n_rows, const char *name);
/* The text of choice `index` of "a|b|c" into out (size bytes). */
void param_choice_text(const char *choices, int64_t index, char *out, size_t size);
/* "512MiB", "1.5 GB", "1000" → bytes; kB, MB, GB, TB are powers of 1000, KiB … of 1024; a bare K or
 * M is ambiguous and refused. False if it is none or over int64. */
bool param_parse_size(const char *text, int64_t *out);
/* The same for text[0..size). */
bool param_parse_size_n(const char *text, size_t size, int64_t *out);
/* Index of text in choices "a|b|c", -1 if it is none of them. */
int64_t param_choice_index(const char *choices, const char *text);
/* LIST and MAP from text as above: a new reference, or NULL (bad text or lack of memory). */
json_t *param_list_from_text(const char *text);
json_t *param_map_from_text(const char *text);

#endif
