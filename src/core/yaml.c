/*
 * Bridge to libyaml: the events of one YAML document become a json_t tree.
 *
 * Plain scalars get the types of YAML 1.2's core schema (null, ~, true, false, 12, -0x1f, 1.5,
 * 2e3), with two cautions: a whole number that is not canonical ("007", "+1", or over 64 bits) and
 * the specials .inf and .nan stay text, so that nothing is lost. yes, no, on, off are text.
 * A plain scalar with ${NAME} becomes a number or boolean only where its text can be had back
 * exactly (a canonical integer, true, false); anything else, such as a password of digits and an
 * e, stays text.
 *
 * In flow forms a bare ${NAME} would be cut at its braces ({url: ${DB}} is no YAML), so before the
 * parse each is written with three noncharacters for `$`, `{`, `}`, which keeps columns right, and
 * they are taken back in each scalar.
 *
 * Cost: libyaml's, one tree. Depth is bounded, so recursion is. Anchors, aliases and tags are
 * refused: with them a small file can unfold into a huge tree, and no configuration here needs one.
 */
#include "core/env.h"
#include "core/file.h"
#include "core/json.h"
#include "core/text.h"

#include <inttypes.h>
#include <string.h>
#include <yaml.h>

#define YAML_MOST ((int64_t)16 << 20)
#define YAML_DEPTH 64
#define YAML_NAME 100 /* bytes of the file's name in messages */

struct reader {
    akin_ctx *ctx;
    const char *what;
    struct env env;
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    bool has_event;
    akin_error *err;
};

static akin_status fail_at(struct reader *r, const yaml_mark_t *mark, const char *message)
{
    size_t length = strlen(r->what);
    const char *shown = length > YAML_NAME ? r->what + length - YAML_NAME : r->what;
    return error_set(r->err, AKIN_E_INPUT, __FILE__, __LINE__, "%s:%zu:%zu: %s", shown,
                     mark->line + 1, mark->column + 1, message);
}

static akin_status fail_here(struct reader *r, const char *message)
{
    return fail_at(r, &r->event.start_mark, message);
}

static akin_status fail_memory(struct reader *r)
{
    return error_set(r->err, AKIN_E_MEMORY, __FILE__, __LINE__, "out of memory: reading %.100s",
                     r->what);
}

/* Moves to the next event. */
static akin_status next_event(struct reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = false;
    if (yaml_parser_parse(&r->parser, &r->event)) {
        r->has_event = true;
        return AKIN_OK;
    }
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return fail_memory(r);
    char message[128];
    snprintf(message, sizeof message, "%s%s%s", p->problem ? p->problem : "not YAML",
             p->context ? " " : "", p->context ? p->context : "");
    /* A reader error (bad UTF-8) has an offset only; the mark is where the scanner was. */
    return fail_at(r, p->error == YAML_READER_ERROR ? &p->mark : &p->problem_mark, message);
}

/* What plain text means in the core schema; NULL = text. */
static json_t *resolve_plain(const char *text, size_t size, bool exact)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const trues[] = {"true", "True", "TRUE"};
    static const char *const falses[] = {"false", "False", "FALSE"};
    int64_t whole;
    double real;
    for (size_t i = 0; !exact && i < sizeof nulls / sizeof nulls[0]; i++) {
        if (strcmp(text, nulls[i]) == 0)
            return json_null();
    }
    for (size_t i = 0; i < (exact ? 1 : 3); i++) {
        if (strcmp(text, trues[i]) == 0)
            return json_true();
        if (strcmp(text, falses[i]) == 0)
            return json_false();
    }
    if (text_is_canonical_int(text, size, &whole))
        return json_integer(whole);
    if (exact)
        return NULL;
    if (size > 2 && size <= 17 && text[0] == '0' && text[1] == 'x' &&
        strspn(text + 2, "0123456789abcdefABCDEF") == size - 2) {
        uint64_t value = 0;
        for (size_t i = 2; i < size; i++) {
            char c = text[i];
            unsigned digit = (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
            value = value << 4 | digit;
        }
        return json_integer((json_int_t)value);
    }
    /* Whole numbers got their chance above; a real has a point or an exponent. */
    if (strspn(text, "+-.0123456789eE") == size && strpbrk(text, ".eE") &&
        text_to_double(text, size, &real) && real - real == 0)
        return json_real(real);
    return NULL;
}

static akin_status check_plainness(struct reader *r, const yaml_char_t *anchor,
                                   const yaml_char_t *tag)
{
    if (anchor)
        return fail_here(r, "anchors (&name) are not supported");
    if (tag)
        return fail_here(r, "tags (!name) are not supported");
    return AKIN_OK;
}

/* U+FDD0, U+FDD1, U+FDD2: never exchanged as text, but taken by libyaml. */
static const char marks[3][4] = {"\xEF\xB7\x90", "\xEF\xB7\x91", "\xEF\xB7\x92"};
static const char marked[] = "${}";

static bool is_name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Copies text to out with marks for the three signs of each ${NAME}. */
static void mark_names(const char *text, size_t size, struct buf *out)
{
    size_t start = 0;
    for (size_t i = 0; i + 1 < size; i++) {
        if (text[i] != '$' || text[i + 1] != '{' || (i > 0 && text[i - 1] == '$'))
            continue;
        size_t end = i + 2;
        while (end < size && is_name_char(text[end]))
            end++;
        if (end == size || text[end] != '}')
            continue;
        buf_add(out, text + start, i - start);
        buf_text(out, marks[0]);
        buf_text(out, marks[1]);
        buf_add(out, text + i + 2, end - i - 2);
        buf_text(out, marks[2]);
        start = end + 1;
        i = end;
    }
    buf_add(out, text + start, size - start);
}

static void unmark_names(const char *text, size_t size, struct buf *out)
{
    for (size_t i = 0; i < size; i++) {
        unsigned sign = 3;
        if (size - i >= 3 && memcmp(text + i, marks[0], 2) == 0)
            sign = (unsigned)(unsigned char)text[i + 2] - 0x90;
        if (sign < 3) {
            buf_char(out, marked[sign]);
            i += 2;
        } else {
            buf_char(out, text[i]);
        }
    }
}

/* The text of the current scalar with ${NAME} replaced, into out. */
static akin_status scalar_text(struct reader *r, struct buf *out, bool *changed)
{
    akin_status status = AKIN_OK;
    akin_error *err = r->err;
    const char *text = (const char *)r->event.data.scalar.value;
    size_t size = r->event.data.scalar.length;
    struct buf plain;
    char where[YAML_NAME + 48];
    buf_init(&plain, r->ctx);
    size_t length = strlen(r->what);
    snprintf(where, sizeof where, "%s:%zu:%zu",
             length > YAML_NAME ? r->what + length - YAML_NAME : r->what,
             r->event.start_mark.line + 1, r->event.start_mark.column + 1);
    AKIN_TRY(check_plainness(r, r->event.data.scalar.anchor, r->event.data.scalar.tag));
    unmark_names(text, size, &plain);
    AKIN_TRY(buf_check(&plain, err));
    AKIN_TRY(env_expand(&r->env, where, plain.data ? plain.data : "", (size_t)plain.size, out,
                        changed, err));
    buf_add(out, "", 0); /* so that data is not NULL */
    AKIN_TRY(buf_check(out, err));
    if (!text_is_utf8(out->data, (size_t)out->size)) {
        status = fail_here(r, "a value with a NUL character or bytes that are not UTF-8");
        goto done;
    }
done:
    buf_free(&plain);
    return status;
}

static akin_status read_scalar(struct reader *r, json_t **out)
{
    akin_status status = AKIN_OK;
    struct buf text;
    bool changed = false;
    json_t *json = NULL;
    buf_init(&text, r->ctx);
    AKIN_TRY(scalar_text(r, &text, &changed));
    if (r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        json = resolve_plain(text.data, (size_t)text.size, changed);
    if (!json)
        json = json_stringn(text.data, (size_t)text.size);
    if (!json) {
        status = fail_memory(r);
        goto done;
    }
    *out = json;
done:
    buf_free(&text);
    return status;
}

static akin_status read_node(struct reader *r, int depth, json_t **out);

static akin_status read_sequence(struct reader *r, int depth, json_t **out)
{
    akin_status status = AKIN_OK;
    json_t *array = json_array();
    if (!array) {
        status = fail_memory(r);
        goto done;
    }
    AKIN_TRY(
        check_plainness(r, r->event.data.sequence_start.anchor, r->event.data.sequence_start.tag));
    for (;;) {
        json_t *element = NULL;
        AKIN_TRY(next_event(r));
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        AKIN_TRY(read_node(r, depth + 1, &element));
        if (json_array_append_new(array, element) != 0) {
            status = fail_memory(r);
            goto done;
        }
    }
    *out = array;
    array = NULL;
done:
    json_decref(array);
    return status;
}

/* One key and its value; the current event is the key. */
static akin_status read_pair(struct reader *r, int depth, json_t *object)
{
    akin_status status = AKIN_OK;
    struct buf key;
    bool changed = false;
    json_t *value = NULL;
    buf_init(&key, r->ctx);
    if (r->event.type != YAML_SCALAR_EVENT) {
        status =
            fail_here(r, r->event.type == YAML_ALIAS_EVENT ? "aliases (*name) are not supported"
                                                           : "a key must be text");
        goto done;
    }
    AKIN_TRY(scalar_text(r, &key, &changed));
    if (json_object_get(object, key.data)) {
        char message[96];
        snprintf(message, sizeof message, "key '%.60s' is given twice", key.data);
        status = fail_here(r, message);
        goto done;
    }
    AKIN_TRY(next_event(r));
    AKIN_TRY(read_node(r, depth + 1, &value));
    if (json_object_set_new(object, key.data, value) != 0)
        status = fail_memory(r);
done:
    buf_free(&key);
    return status;
}

static akin_status read_mapping(struct reader *r, int depth, json_t **out)
{
    akin_status status = AKIN_OK;
    json_t *object = json_object();
    if (!object) {
        status = fail_memory(r);
        goto done;
    }
    AKIN_TRY(
        check_plainness(r, r->event.data.mapping_start.anchor, r->event.data.mapping_start.tag));
    for (;;) {
        AKIN_TRY(next_event(r));
        if (r->event.type == YAML_MAPPING_END_EVENT)
            break;
        AKIN_TRY(read_pair(r, depth, object));
    }
    *out = object;
    object = NULL;
done:
    json_decref(object);
    return status;
}

/* The node that the current event begins, up to its end. */
static akin_status read_node(struct reader *r, int depth, json_t **out)
{
    if (depth > YAML_DEPTH)
        return fail_here(r, "nested deeper than 64");
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, out);
    case YAML_SEQUENCE_START_EVENT:
        return read_sequence(r, depth, out);
    case YAML_MAPPING_START_EVENT:
        return read_mapping(r, depth, out);
    case YAML_ALIAS_EVENT:
        return fail_here(r, "aliases (*name) are not supported");
    default:
        return fail_here(r, "a value was expected");
    }
}

/* The only document; an empty stream is null. */
static akin_status read_stream(struct reader *r, json_t **out)
{
    akin_status status = AKIN_OK;
    json_t *json = NULL;
    AKIN_TRY(next_event(r)); /* stream start */
    AKIN_TRY(next_event(r));
    if (r->event.type == YAML_STREAM_END_EVENT) {
        *out = json_null();
        goto done;
    }
    AKIN_TRY(next_event(r)); /* past the document's start */
    AKIN_TRY(read_node(r, 0, &json));
    AKIN_TRY(next_event(r)); /* document end */
    AKIN_TRY(next_event(r));
    if (r->event.type != YAML_STREAM_END_EVENT) {
        status = fail_here(r, "a second document; one is all a file may hold");
        goto done;
    }
    *out = json;
    json = NULL;
done:
    json_decref(json);
    return status;
}

/* A text with our marks in it would be misread; no real one has them. */
static akin_status check_marks(const char *what, const char *text, size_t size, akin_error *err)
{
    int line = 1;
    for (size_t i = 0; i + 2 < size; i++) {
        line += text[i] == '\n';
        if (memcmp(text + i, marks[0], 2) == 0 && (unsigned char)text[i + 2] - 0x90u < 3)
            return error_set(err, AKIN_E_INPUT, __FILE__, __LINE__,
                             "%.100s:%d: noncharacter U+FDD0..U+FDD2", what, line);
    }
    return AKIN_OK;
}

/* env_path: the file whose neighbour .env is read; NULL = none. */
static akin_status parse(akin_ctx *ctx, const char *what, const char *env_path, const char *text,
                         size_t size, json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct reader r = {.ctx = ctx, .what = what, .err = err};
    struct buf input;
    env_init(&r.env, ctx);
    buf_init(&input, ctx);
    if (size > (size_t)YAML_MOST)
        return error_set(err, AKIN_E_LIMIT, __FILE__, __LINE__,
                         "%.100s: %zu bytes of YAML (at most %" PRId64 ")", what, size, YAML_MOST);
    if (!yaml_parser_initialize(&r.parser))
        return fail_memory(&r);
    if (text)
        AKIN_TRY(check_marks(what, text, size, err));
    mark_names(text ? text : "", text ? size : 0, &input);
    AKIN_TRY(buf_check(&input, err));
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)input.data, (size_t)input.size);
    if (env_path)
        AKIN_TRY(env_load(&r.env, env_path, err));
    AKIN_TRY(read_stream(&r, out));
done:
    if (r.has_event)
        yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    buf_free(&input);
    env_free(&r.env);
    return status;
}

akin_status yaml_parse(akin_ctx *ctx, const char *what, const char *text, size_t size, json_t **out,
                       akin_error *err)
{
    return parse(ctx, what, NULL, text, size, out, err);
}

akin_status yaml_read_file(akin_ctx *ctx, const char *path, json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    char *text = NULL;
    int64_t size = 0;
    AKIN_TRY(file_read(ctx, path, YAML_MOST, &text, &size, err));
    AKIN_TRY(parse(ctx, path, path, text, (size_t)size, out, err));
done:
    mem_free(ctx, text);
    return status;
}
