/* Defects of the input: each class counted, its first rows kept as samples with their line. */
#ifndef AKIN_DATA_CLEAN_H
#define AKIN_DATA_CLEAN_H

#include "core/ctx.h"

#include <jansson.h>

/* Name in reports, what it means. Order = order in reports; a row counts in the first that fits. */
#define DEFECT_MAP(X)                                                                              \
    X(MALFORMED, "malformed", "a row that does not parse: field count, quotes, syntax")            \
    X(LINE_TOO_LONG, "line_too_long", "a row longer than max_line")                                \
    X(MISSING_ID, "missing_id", "no user or item id, or one over 4096 bytes")                      \
    X(BAD_UTF8, "bad_utf8", "an id or text that is not UTF-8, or holds a NUL")                     \
    X(BAD_VALUE, "bad_value", "a value that is no finite number")                                  \
    X(OUT_OF_RANGE, "out_of_range", "a value outside value_range")                                 \
    X(BAD_TIME, "bad_time", "a time that does not parse")                                          \
    X(NEGATIVE_TIME, "negative_time", "a time before 1970")                                        \
    X(FUTURE_TIME, "future_time", "a time after max_time")                                         \
    X(EVENT_TYPE_FILTERED, "event_type_filtered", "an event type that event_types does not list")  \
    X(DUPLICATE, "duplicate",                                                                      \
      "a further event of the same user, item and type, or a table row "                           \
      "of the same id")                                                                            \
    X(UNKNOWN_ITEM, "unknown_item", "a reference to an item that is not in the catalogue")         \
    X(BOT, "bot", "events of a user over max_user_events or max_user_rate")                        \
    X(USER_KCORE, "user_kcore", "events of a user with fewer than min_user_events")                \
    X(ITEM_KCORE, "item_kcore", "events of an item with fewer than min_item_events")

enum defect {
#define DEFECT_ENUM(id, name, help) DEFECT_##id,
    DEFECT_MAP(DEFECT_ENUM)
#undef DEFECT_ENUM
        DEFECT_COUNT
};

enum { DEFECT_SAMPLES = 5, DEFECT_TEXT = 120 };

struct defect_sample {
    int64_t line;           /* 1-based; 0 = none (found after rows were merged) */
    int32_t source;         /* index, -1 = none */
    char text[DEFECT_TEXT]; /* clean UTF-8 excerpt */
};

struct defects {
    int64_t n[DEFECT_COUNT];
    int64_t crlf; /* lines that end in CR LF: a note, no defect */
    struct defect_sample sample[DEFECT_COUNT][DEFECT_SAMPLES];
};

/* Counts one; keeps text[0..size) as a sample if there is room. */
void defects_add(struct defects *d, enum defect what, int32_t source, int64_t line,
                 const char *text, int64_t size);
/* Counts n at once, for defects of whole groups; the sample names the group. */
void defects_add_n(struct defects *d, enum defect what, int64_t n, const char *text);
/* Appends `from` (which comes later in the input); its lines are moved by line_base. */
void defects_merge(struct defects *d, const struct defects *from, int64_t line_base);
int64_t defects_total(const struct defects *d);
const char *defect_name(enum defect what);

/* {class: n} of the classes that occurred; [{class, source, line, text}]. NULL on lack of memory.
 */
json_t *defects_counts(const struct defects *d);
json_t *defects_samples(const struct defects *d, const char *const *sources, int n_sources);
/* strict: E_INPUT for the first sample in class order of lowest line; OK if there is none. */
akin_status defects_refuse(const struct defects *d, const char *const *sources, int n_sources,
                           akin_error *err);

#endif
