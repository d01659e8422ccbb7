/* Results for people: itemsets and rules, those that are shown and what was counted. */
#include "cli/cli.h"

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void print_set(FILE *out, const json_t *row, const char *ids, const char *titles)
{
    size_t i;
    json_t *item;
    const json_t *names = json_object_get(row, titles);
    json_array_foreach(names ? (json_t *)(uintptr_t)names : json_object_get(row, ids), i, item)
        fprintf(out, "%s%s", i ? ", " : "", json_string_value(item));
}

static void print_written(FILE *out, const json_t *r)
{
    const char *path = json_string_value(json_object_get(r, "output"));
    if (path)
        fprintf(out, "wrote %.0f rows to %s\n", number_of(r, "rows"), path);
}

void render_itemsets(FILE *out, const json_t *r)
{
    size_t i;
    json_t *row;
    fprintf(out, "%.0f itemsets lie in %.0f of %.0f baskets or more, the longest has %.0f items\n",
            number_of(r, "n_itemsets"), number_of(r, "min_count"), number_of(r, "n_baskets"),
            number_of(r, "longest"));
    json_array_foreach(json_object_get(r, "by_length"), i, row)
        fprintf(out, "  of %2zu  %.0f\n", i + 1, json_number_value(row));
    json_array_foreach(json_object_get(r, "itemsets"), i, row) {
        fprintf(out, "%s%10.0f %7.3f %%  ", i ? "" : "\n", number_of(row, "count"),
                100 * number_of(row, "support"));
        print_set(out, row, "items", "titles");
        fputc('\n', out);
    }
    print_written(out, r);
}

void render_rules(FILE *out, const json_t *r)
{
    size_t i;
    json_t *row;
    fprintf(out, "%.0f rules from %.0f itemsets of %.0f baskets\n", number_of(r, "n_rules"),
            number_of(r, "n_itemsets"), number_of(r, "n_baskets"));
    json_array_foreach(json_object_get(r, "rules"), i, row) {
        if (i == 0)
            fprintf(out, "\n%10s %10s %8s\n", "baskets", "confidence", "lift");
        fprintf(out, "%10.0f %9.1f%% %8.2f  ", number_of(row, "count"),
                100 * number_of(row, "confidence"), number_of(row, "lift"));
        print_set(out, row, "antecedents", "antecedent_titles");
        fputs("  →  ", out);
        print_set(out, row, "consequents", "consequent_titles");
        fputc('\n', out);
    }
    print_written(out, r);
}
