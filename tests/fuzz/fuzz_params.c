/*
 * Fuzz: parameters. The first byte chooses a table (models, then the groups of the operations); the
 * rest is a JSON object or, with the high bit of that byte, lines of key=value as a command line
 * gives them. What is taken is taken again from its own dump, and dumps the same.
 */
#include "fuzz_base.h"

#include "api/op.h"
#include "core/json.h"
#include "models/model.h"

enum { TABLES = 128 };

struct rows {
    const char *owner;
    const akin_param *rows;
    size_t n;
    size_t size; /* bytes of the struct that they fill */
};

struct tables {
    struct rows at[TABLES];
    unsigned n;
};

static void add_rows(struct tables *t, const char *owner, const akin_param *rows, size_t n)
{
    struct rows *r = &t->at[t->n];
    if (t->n == TABLES || n == 0)
        return;
    *r = (struct rows){owner, rows, n, 0};
    for (size_t i = 0; i < n; i++)
        if (rows[i].offset + 8 > r->size)
            r->size = rows[i].offset + 8;
    t->n++;
}

static const struct tables *tables(void)
{
    static struct tables all;
    const struct model_class *cls;
    const akin_op *op;
    if (all.n > 0)
        return &all;
    for (size_t i = 0; (cls = model_class_at(i)) != NULL; i++)
        add_rows(&all, cls->name, cls->params, cls->n_params);
    for (size_t i = 0; (op = akin_op_at(i)) != NULL; i++) {
        for (size_t g = 0; g < op->n_groups; g++) {
            size_t n = 0;
            while (op->groups[g].params[n].name)
                n++;
            add_rows(&all, op->name, op->groups[g].params, n);
        }
    }
    return &all;
}

/* "key=value" lines as an object of texts; a line without '=' is a key with "". */
static json_t *object_of_lines(char *text)
{
    json_t *object = json_object();
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        char *value = strchr(line, '=');
        if (value)
            *value++ = '\0';
        json_t *string = json_string(value ? value : "");
        if (string) /* else no UTF-8 */
            json_object_set_new(object, line, string);
    }
    return object;
}

static void parse_twice(akin_ctx *ctx, const struct rows *t, const json_t *object)
{
    struct arena arena;
    akin_error err = {0};
    uint64_t *values = calloc(1, (t->size + 7) / 8 * 8);
    arena_init(&arena, ctx);
    if (!values)
        abort();
    akin_status status = param_parse(t->owner, t->rows, t->n, object, &arena, values, &err);
    fuzz_refused(status, &err);
    if (status == AKIN_OK) {
        json_t *dump = param_dump(t->rows, t->n, values);
        if (!dump)
            abort();
        if (param_parse(t->owner, t->rows, t->n, dump, &arena, values, &err) != AKIN_OK)
            fuzz_fail("its own dump is refused", &err);
        json_t *again = param_dump(t->rows, t->n, values);
        if (!json_equal(dump, again))
            fuzz_fail("another dump", NULL);
        json_decref(dump);
        json_decref(again);
    }
    arena_free(&arena);
    free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    akin_ctx *ctx = fuzz_ctx();
    const struct tables *all = tables();
    json_t *object = NULL;
    int64_t bytes;
    if (size < 1)
        return 0;
    const struct rows *t = &all->at[(data[0] & 127) % all->n];
    char *text = fuzz_text(data + 1, size - 1);
    if (param_parse_size(text, &bytes) && bytes < 0)
        fuzz_fail("a size below 0", NULL);
    if (data[0] & 128)
        object = object_of_lines(text);
    else if (json_parse("fuzz", text, size - 1, &object, NULL) != AKIN_OK)
        object = NULL;
    if (json_is_object(object))
        parse_twice(ctx, t, object);
    json_decref(object);
    free(text);
    fuzz_clean(ctx, 0);
    return 0;
}
