/*
 * The command line → JSON parameters, by the operation's own table: `_` is `-`, booleans need no
 * value and have a --no- form, lists append, maps take key=value. `--set key=value` behind a
 * `--model` of a list belongs to that model. An operation whose rows have letters takes those, and
 * whole names, by one dash.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool usage(const akin_op *op, const char *what, const char *thing)
{
    fprintf(stderr, "akin: error: %s: %s '%s' (see akin %s --help)\n", op->name, what, thing,
            op->name);
    return false;
}

/* "min-user-events" = "min_user_events"? compares n bytes of a with all of b. */
static bool same_name(const char *a, size_t n, const char *b)
{
    if (strlen(b) != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i] && !(a[i] == '-' && b[i] == '_'))
            return false;
    }
    return true;
}

static const akin_param *find_param(const akin_op *op, const char *name, size_t n)
{
    for (size_t g = 0; g < op->n_groups; g++) {
        for (const akin_param *p = op->groups[g].params; p->name; p++) {
            if (same_name(name, n, p->name))
                return p;
        }
    }
    return NULL;
}

static const akin_param *find_letter(const akin_op *op, char letter)
{
    for (size_t g = 0; g < op->n_groups; g++) {
        for (const akin_param *p = op->groups[g].params; p->name; p++) {
            if (letter && p->flags >> 24 == (unsigned char)letter)
                return p;
        }
    }
    return NULL;
}

/* Distance for "did you mean": insertions, deletions, changes. */
static size_t distance(const char *a, size_t n, const char *b)
{
    size_t m = strlen(b), row[64];
    if (n > 60 || m > 60)
        return 99;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t up = row[j];
            char c = a[i - 1] == '-' ? '_' : a[i - 1];
            size_t best = diagonal + (c != b[j - 1]);
            best = up + 1 < best ? up + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = up;
            row[j] = best;
        }
    }
    return row[m];
}

static bool unknown_flag(const akin_op *op, const char *name, size_t n)
{
    const char *best = NULL;
    size_t least = 4;
    for (size_t g = 0; g < op->n_groups; g++) {
        for (const akin_param *p = op->groups[g].params; p->name; p++) {
            size_t d = distance(name, n, p->name);
            if (d < least) {
                least = d;
                best = p->name;
            }
        }
    }
    fprintf(stderr, "akin: error: %s: unknown option '--%.*s'", op->name, (int)n, name);
    if (best) {
        fprintf(stderr, " (did you mean '--");
        for (const char *c = best; *c; c++)
            fputc(*c == '_' ? '-' : *c, stderr);
        fprintf(stderr, "'?)\n");
    } else {
        fprintf(stderr, " (see akin %s --help)\n", op->name);
    }
    return false;
}

/* key=value[,key=value…]; a comma not followed by another key= belongs to the value. */
/* Is text[0..n) a key? In "of=ials,ease:reg=3" what follows the comma is none. */
static bool is_key(const char *text, const char *end)
{
    for (; text < end; text++) {
        if (*text == ':' || *text == ';' || *text == '{' || *text == '"')
            return false;
    }
    return true;
}

static bool add_pairs(json_t *map, const char *text)
{
    while (*text) {
        const char *eq = strchr(text, '=');
        if (!eq || eq == text)
            return false;
        const char *end = eq + 1;
        for (;;) {
            const char *comma = strchr(end, ',');
            if (!comma) {
                end += strlen(end);
                break;
            }
            const char *next_eq = strchr(comma, '=');
            const char *next_comma = strchr(comma + 1, ',');
            end = comma;
            if (next_eq && (!next_comma || next_eq < next_comma) && is_key(comma, next_eq))
                break;
            end = comma + 1;
        }
        json_t *value = json_stringn(eq + 1, (size_t)(end - eq - 1));
        char *key = strndup(text, (size_t)(eq - text));
        bool ok = value && key && json_object_set_new(map, key, value) == 0;
        free(key);
        if (!ok)
            return false;
        text = *end == ',' ? end + 1 : end;
    }
    return true;
}

/* The map that a --set goes to: the last model of a list of models, or the parameter itself. */
static json_t *map_target(const akin_op *op, const akin_param *p, json_t *params)
{
    const akin_param *model = find_param(op, "model", 5);
    json_t *models = json_object_get(params, "model");
    if (strcmp(p->name, "set") == 0 && model && model->type == AKIN_PARAM_LIST &&
        json_array_size(models) > 0) {
        size_t last = json_array_size(models) - 1;
        json_t *spec = json_array_get(models, last);
        if (json_is_string(spec)) {
            spec = json_pack("{s:s}", "type", json_string_value(spec));
            json_array_set_new(models, last, spec);
        }
        return spec;
    }
    json_t *map = json_object_get(params, p->name);
    if (!map) {
        map = json_object();
        json_object_set_new(params, p->name, map);
    }
    return map;
}

/* `a,b` appends both, except that a positional is taken whole. */
static void add_to_list(json_t *params, const akin_param *p, const char *value, bool is_whole)
{
    json_t *list = json_object_get(params, p->name);
    if (!list) {
        list = json_array();
        json_object_set_new(params, p->name, list);
    }
    while (!is_whole) {
        const char *comma = strchr(value, ',');
        if (!comma)
            break;
        json_array_append_new(list, json_stringn(value, (size_t)(comma - value)));
        value = comma + 1;
    }
    json_array_append_new(list, json_string(value));
}

static bool set_value(const akin_op *op, const akin_param *p, const char *value, json_t *params,
                      bool is_positional)
{
    switch (p->type) {
    case AKIN_PARAM_LIST:
        add_to_list(params, p, value, is_positional);
        return true;
    case AKIN_PARAM_MAP:
        if (!add_pairs(map_target(op, p, params), value))
            return usage(op, "expected key=value, got", value);
        return true;
    case AKIN_PARAM_BOOL:
    case AKIN_PARAM_INT:
    case AKIN_PARAM_REAL:
    case AKIN_PARAM_TEXT:
    case AKIN_PARAM_CHOICE:
    case AKIN_PARAM_SIZE:
        if (json_object_get(params, p->name))
            return usage(op, "given twice:", p->name);
        if (json_object_set_new(params, p->name, json_string(value)) != 0)
            return usage(op, "not UTF-8:", p->name);
        return true;
    }
    return false;
}

static bool positional(const akin_op *op, const char *value, json_t *params)
{
    for (size_t g = 0; g < op->n_groups; g++) {
        for (const akin_param *p = op->groups[g].params; p->name; p++) {
            if (!(p->flags & AKIN_PARAM_POSITIONAL))
                continue;
            if (p->type == AKIN_PARAM_LIST || !json_object_get(params, p->name))
                return set_value(op, p, value, params, true);
        }
    }
    return usage(op, "unexpected argument", value);
}

bool args_size(const char *text, int64_t *out)
{
    static const struct {
        const char *suffix;
        double factor;
    } units[] = {
        {"", 1},          {"B", 1},          {"kB", 1e3},        {"KB", 1e3},   {"MB", 1e6},
        {"GB", 1e9},      {"TB", 1e12},      {"K", 1024},        {"KiB", 1024}, {"M", 1048576},
        {"MiB", 1048576}, {"G", 1073741824}, {"GiB", 1073741824}};
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || errno || !(value >= 0) || value > 1e15)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].suffix) == 0) {
            double size = value * units[i].factor;
            if (!(size < 0x1p63)) /* out of range: the cast differs between CPUs */
                return false;
            *out = (int64_t)size;
            return true;
        }
    }
    return false;
}

static bool parse_whole(const char *text, int64_t lo, int64_t hi, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || value < lo || value > hi)
        return false;
    *out = value;
    return true;
}

/* Options of every command. 0 = not one, 1 = taken, -1 = error. */
static int global_flag(const akin_op *op, const char *name, size_t n, const char *value,
                       struct globals *g, bool *used_value)
{
    *used_value = false;
    if (same_name(name, n, "json"))
        g->json = true;
    else if (same_name(name, n, "quiet"))
        g->quiet = true;
    else if (same_name(name, n, "verbose"))
        g->verbose = true;
    else if (same_name(name, n, "help"))
        g->help = true;
    else if (same_name(name, n, "threads") || same_name(name, n, "seed") ||
             same_name(name, n, "memory") || same_name(name, n, "isa") ||
             same_name(name, n, "parent")) {
        int64_t seed = 0;
        bool ok = value != NULL;
        *used_value = true;
        if (ok && name[0] == 't')
            ok = parse_whole(value, 0, 1024, &g->ctx.threads);
        else if (ok && name[0] == 's') {
            ok = parse_whole(value, 0, INT64_MAX, &seed);
            g->ctx.seed = (uint64_t)seed;
        } else if (ok && name[0] == 'p')
            ok = parse_whole(value, 1, INT32_MAX, &g->parent);
        else if (ok && name[0] == 'm')
            ok = args_size(value, &g->ctx.memory_limit);
        else if (ok)
            g->ctx.isa = value;
        if (!ok) {
            usage(op, "bad value of --", value ? value : name);
            return -1;
        }
    } else {
        return 0;
    }
    return 1;
}

/* --name, --name=value, --name value, --no-name. Returns how many words were used, 0 = error. */
static int long_flag(const akin_op *op, char **argv, int left, struct globals *g, json_t *params)
{
    const char *name = argv[0] + 2;
    size_t n = strcspn(name, "=");
    const char *value = name[n] == '=' ? name + n + 1 : NULL;
    const char *next = value ? value : left > 1 ? argv[1] : NULL;
    const akin_param *p = find_param(op, name, n);
    bool used = false;
    if (!p) {
        int is_global = global_flag(op, name, n, next, g, &used);
        if (is_global != 0)
            return is_global < 0 ? 0 : used && !value ? 2 : 1;
    }
    if (!p && n > 3 && strncmp(name, "no-", 3) == 0) {
        p = find_param(op, name + 3, n - 3);
        if (p && (p->type == AKIN_PARAM_BOOL || p->type == AKIN_PARAM_CHOICE))
            return set_value(op, p, p->type == AKIN_PARAM_BOOL ? "false" : "no", params, false);
    }
    if (!p)
        return unknown_flag(op, name, n) ? 1 : 0;
    if (p->type == AKIN_PARAM_BOOL && !value)
        return set_value(op, p, "true", params, false) ? 1 : 0;
    if (!next)
        return usage(op, "a value must follow", argv[0]) ? 1 : 0;
    if (!set_value(op, p, next, params, false))
        return 0;
    return value ? 1 : 2;
}

/* -d, -d value, or -alpha of an operation that has letters. Words used, 0 = error, -1 = none such.
 */
static int letter_flag(const akin_op *op, char **argv, int left, json_t *params)
{
    const char *name = argv[0] + 1;
    const akin_param *p = name[1] ? NULL : find_letter(op, name[0]);
    bool has_letters = op->n_groups > 0 && op->groups[0].params->flags >> 24 != 0;
    if (!p && name[1] && has_letters)
        p = find_param(op, name, strlen(name));
    if (!p)
        return -1;
    if (p->type == AKIN_PARAM_BOOL)
        return set_value(op, p, "true", params, false) ? 1 : 0;
    if (left < 2)
        return usage(op, "a value must follow", argv[0]) ? 1 : 0;
    return set_value(op, p, argv[1], params, false) ? 2 : 0;
}

bool args_parse(const akin_op *op, int argc, char **argv, struct globals *g, json_t *params)
{
    bool only_positional = false;
    for (int i = 0; i < argc;) {
        char *word = argv[i];
        int used = 1, letter = -1;
        if (word[0] == '-' && word[1] && word[1] != '-' && !only_positional)
            letter = letter_flag(op, argv + i, argc - i, params);
        if (letter >= 0) {
            used = letter;
        } else if (only_positional || word[0] != '-' || word[1] == '\0') {
            used = positional(op, word, params) ? 1 : 0;
        } else if (strcmp(word, "--") == 0) {
            only_positional = true;
        } else if (strcmp(word, "-h") == 0) {
            g->help = true;
        } else if (strcmp(word, "-o") == 0 || strcmp(word, "-k") == 0) {
            const char *name = word[1] == 'o' ? "output" : "k";
            const akin_param *p = find_param(op, name, strlen(name));
            if (!p)
                return usage(op, "unknown option", word);
            if (i + 1 >= argc)
                return usage(op, "a value must follow", word);
            used = set_value(op, p, argv[i + 1], params, false) ? 2 : 0;
        } else if (word[1] == '-') {
            used = long_flag(op, argv + i, argc - i, g, params);
        } else {
            return usage(op, "unknown option", word);
        }
        if (used == 0)
            return false;
        i += used;
    }
    return true;
}
