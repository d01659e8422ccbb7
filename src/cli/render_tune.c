/* Results for people: the best setting of a search, what mattered, what failed. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void print_values(FILE *out, const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        fprintf(out, "  %-20s %s\n", key, text ? text : "?");
        free(text);
    }
}

static void print_importance(FILE *out, const json_t *result, const char *model)
{
    size_t i, j;
    json_t *family, *row;
    json_array_foreach(json_object_get(result, "models"), i, family) {
        const json_t *rows = json_object_get(family, "importance");
        if (strcmp(text_of(family, "model"), model) != 0 || json_array_size(rows) == 0)
            continue;
        fprintf(out, "share of the variance of %s that each parameter explains by itself\n",
                text_of(json_array_get(json_object_get(result, "metrics"), 0), "name"));
        json_array_foreach((json_t *)(uintptr_t)rows, j, row) {
            fprintf(out, "  %-20s %3.0f %%\n", text_of(row, "name"), 100 * number_of(row, "share"));
        }
    }
}

void render_tune(FILE *out, const json_t *r)
{
    const json_t *best = json_object_get(r, "best");
    fprintf(out, "%.0f settings tried", number_of(r, "settings"));
    if (number_of(r, "resumed") > 0)
        fprintf(out, ", %.0f results taken from the log", number_of(r, "resumed"));
    if (number_of(r, "failed") > 0)
        fprintf(out, ", %.0f failed", number_of(r, "failed"));
    fprintf(out, "\nbest: %s, trial %.0f, on validation %s\n", text_of(best, "model"),
            number_of(best, "trial"), text_of(r, "validation"));
    print_values(out, json_object_get(best, "metrics"));
    fprintf(out, "with\n");
    print_values(out, json_object_get(best, "params"));
    print_importance(out, r, text_of(best, "model"));
    if (*text_of(r, "output"))
        fprintf(out, "wrote %s (akin train --config takes it)\n", text_of(r, "output"));
    if (*text_of(r, "report"))
        fprintf(out, "wrote %s\n", text_of(r, "report"));
}
