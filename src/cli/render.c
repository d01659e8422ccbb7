/* Results for people: tables for the commands whose results have rows, key: value for the rest. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* Terminal columns of UTF-8 text, near enough: code points. */
static int width_of(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void pad(FILE *out, const char *text, int width)
{
    fprintf(out, "%s%*s", text, width > width_of(text) ? width - width_of(text) : 0, "");
}

/* ---- anything ---- */

static void render_value(FILE *out, const json_t *value)
{
    if (json_is_string(value)) {
        fputs(json_string_value(value), out);
        return;
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    fputs(text ? text : "?", out);
    free(text);
}

static void render_object(FILE *out, const json_t *object, int indent)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        fprintf(out, "%*s", indent, "");
        pad(out, key, 18);
        if (json_is_object(value) && json_object_size(value) > 0) {
            fputc('\n', out);
            render_object(out, value, indent + 2);
        } else {
            fputc(' ', out);
            render_value(out, value);
            fputc('\n', out);
        }
    }
}

/* ---- inspect ---- */

static void render_inspect(FILE *out, const json_t *result)
{
    size_t i;
    json_t *row;
    json_t *rest = json_copy((json_t *)(uintptr_t)result);
    json_object_del(rest, "sections");
    render_object(out, rest, 0);
    json_decref(rest);
    fprintf(out, "\n%-28s %14s  %-16s\n", "section", "bytes", "xxh3");
    json_array_foreach(json_object_get(result, "sections"), i, row)
        fprintf(out, "%-28s %14.0f  %-16s%s\n", text_of(row, "name"), number_of(row, "bytes"),
                text_of(row, "hash"),
                json_is_true(json_object_get(row, "required")) ? "" : "  optional");
}

/* ---- evaluate ---- */

static void metric_cell(FILE *out, const json_t *metric, int width)
{
    char cell[64];
    const json_t *value = json_object_get(metric, "value");
    if (!json_is_number(value))
        snprintf(cell, sizeof cell, "-");
    else if (json_is_number(json_object_get(metric, "lo")))
        snprintf(cell, sizeof cell, "%.4f ±%.4f", json_number_value(value),
                 (number_of(metric, "hi") - number_of(metric, "lo")) / 2);
    else
        snprintf(cell, sizeof cell, "%.4f", json_number_value(value));
    pad(out, cell, width);
}

static void render_tests(FILE *out, const json_t *tests)
{
    size_t i;
    json_t *row;
    if (json_array_size(tests) > 0)
        fprintf(out, "\npaired tests (difference, 95 %% interval, Wilcoxon p)\n");
    json_array_foreach((json_t *)(uintptr_t)tests, i, row) {
        fprintf(out, "  %s - %s, %s: %+.4f", text_of(row, "a"), text_of(row, "b"),
                text_of(row, "metric"), number_of(row, "difference"));
        if (json_object_get(row, "lo"))
            fprintf(out, " [%+.4f, %+.4f]", number_of(row, "lo"), number_of(row, "hi"));
        fprintf(out, " p=%.2g\n", number_of(row, "p_wilcoxon"));
    }
}

static void render_notes(FILE *out, const json_t *results)
{
    size_t i;
    json_t *row, *metric;
    const json_t *first = json_array_get(results, 0);
    const char *key;
    fprintf(out, "\nusers evaluated %.0f", number_of(first, "n_eval"));
    if (number_of(first, "n_cold_users") > 0)
        fprintf(out, ", of them not in train %.0f", number_of(first, "n_cold_users"));
    if (number_of(first, "n_cold_items") > 0)
        fprintf(out, "; test items not in train %.0f", number_of(first, "n_cold_items"));
    fprintf(out, "\ndefinitions");
    json_object_foreach(json_object_get(first, "metrics"), key, metric) {
        fprintf(out, " %s", text_of(metric, "definition"));
    }
    fputc('\n', out);
    json_array_foreach((json_t *)(uintptr_t)results, i, row) {
        if (json_object_get(row, "warning"))
            fprintf(out, "warning: %s: %s\n", text_of(row, "model"), text_of(row, "warning"));
    }
}

static void render_evaluate(FILE *out, const json_t *result)
{
    const json_t *results = json_object_get(result, "results");
    const json_t *first = json_array_get(results, 0);
    size_t i;
    json_t *row, *metric;
    const char *key;
    int name_width = 12;
    json_array_foreach((json_t *)(uintptr_t)results, i, row) {
        int w = width_of(text_of(row, "model"));
        name_width = w > name_width ? w : name_width;
    }
    pad(out, "model", name_width + 2);
    json_object_foreach(json_object_get(first, "metrics"), key, metric) {
        pad(out, key, 18);
    }
    fprintf(out, "%9s %9s %9s\n", "train s", "eval s", "peak MB");
    json_array_foreach((json_t *)(uintptr_t)results, i, row) {
        pad(out, text_of(row, "model"), name_width + 2);
        json_object_foreach(json_object_get(row, "metrics"), key, metric) {
            metric_cell(out, metric, 18);
        }
        fprintf(out, "%9.2f %9.2f %9.0f\n", number_of(row, "train_seconds"),
                number_of(row, "evaluate_seconds"), number_of(row, "peak_bytes") / 1e6);
    }
    render_tests(out, json_object_get(result, "tests"));
    render_notes(out, results);
}

/* ---- the others with rows ---- */

static void render_prepare(FILE *out, const json_t *r)
{
    const char *key;
    json_t *value;
    fprintf(out, "kept %.0f events of %.0f rows: %.0f users, %.0f items\n", number_of(r, "kept"),
            number_of(r, "rows"), number_of(r, "users"), number_of(r, "items"));
    json_object_foreach(json_object_get(r, "dropped"), key, value) {
        if (json_number_value(value) > 0)
            fprintf(out, "  dropped %-16s %.0f\n", key, json_number_value(value));
    }
    fprintf(out, "format %s, wrote %s\n", text_of(r, "format"), text_of(r, "output"));
}

static void render_models(FILE *out, const json_t *r)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(r, "models"), i, row)
        fprintf(out, "%-12s %s\n", text_of(row, "name"), text_of(row, "summary"));
}

static void render_params(FILE *out, const json_t *r)
{
    size_t i;
    json_t *row;
    fprintf(out, "%s: %s\n\n", text_of(r, "model"), text_of(r, "summary"));
    json_array_foreach(json_object_get(r, "params"), i, row) {
        fprintf(out, "%-20s %-7s %-10s %s", text_of(row, "name"), text_of(row, "type"),
                text_of(row, "default"), text_of(row, "help"));
        if (json_object_get(row, "lo"))
            fprintf(out, " [%g..%g]", number_of(row, "lo"), number_of(row, "hi"));
        if (json_object_get(row, "choices"))
            fprintf(out, " (%s)", text_of(row, "choices"));
        fputc('\n', out);
    }
}

static void render_items(FILE *out, const json_t *items)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)items, i, row) {
        const json_t *score = json_object_get(row, "score");
        fprintf(out, "  %3zu  ", i + 1);
        if (json_is_number(score))
            fprintf(out, "%8.4f", json_number_value(score));
        else
            fprintf(out, "%8s", "-");
        fprintf(out, "  %-10s %s\n",
                text_of(row, json_object_get(row, "user_id") ? "user_id" : "item_id"),
                text_of(row, "title"));
    }
}

static void render_similar(FILE *out, const json_t *r)
{
    if (json_object_get(r, "rows"))
        return; /* a list for every item, written already */
    if (*text_of(r, "user_id"))
        fprintf(out, "users like %s\n", text_of(r, "user_id"));
    else
        fprintf(out, "items like %s %s\n", text_of(r, "item_id"), text_of(r, "title"));
    render_items(out, json_object_get(r, *text_of(r, "user_id") ? "users" : "items"));
}

static void render_segment(FILE *out, const json_t *r)
{
    fputs("users", out);
    if (*text_of(r, "item_id"))
        fprintf(out, " for item %s", text_of(r, "item_id"));
    if (json_object_get(r, "seeds"))
        fprintf(out, " like %.0f others", number_of(r, "seeds"));
    if (*text_of(r, "filter"))
        fprintf(out, " with %s", text_of(r, "filter"));
    fputc('\n', out);
    render_items(out, json_object_get(r, "users"));
}

/* What went to sinks; lists that went to a terminal or a file were printed or named already. */
static void render_recommend(FILE *out, const json_t *r)
{
    size_t i;
    json_t *row;
    fprintf(out, "%.0f lists, %.0f rows\n", number_of(r, "lists"), number_of(r, "rows"));
    if (*text_of(r, "output"))
        fprintf(out, "  %-10s %s\n", "written", text_of(r, "output"));
    json_array_foreach(json_object_get(r, "sinks"), i, row) {
        fprintf(out, "  %-10s %s", text_of(row, "state"), text_of(row, "sink"));
        if (json_object_get(row, "batches"))
            fprintf(out, ", %.0f batches, %.0f of them acknowledged before, %.0f retries",
                    number_of(row, "batches"), number_of(row, "unchanged"),
                    number_of(row, "retries"));
        fputc('\n', out);
    }
}

static void render_run(FILE *out, const json_t *r)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(r, "stages"), i, row)
        fprintf(out, "%-10s %-22s %-9s %s\n", text_of(row, "stage"), text_of(row, "name"),
                text_of(row, "state"), text_of(row, "output"));
    if (json_object_get(r, "evaluation")) {
        fputc('\n', out);
        render_evaluate(out, json_object_get(r, "evaluation"));
    }
    if (*text_of(r, "message"))
        fprintf(out, "\n%s\n", text_of(r, "message"));
}

/* Titles of the reasons of one recommended item. */
static void render_reasons(FILE *out, const json_t *item)
{
    size_t i;
    json_t *reason;
    int n = 0;
    json_array_foreach(json_object_get(item, "reasons"), i, reason) {
        if (strcmp(text_of(reason, "code"), "because_of") != 0)
            continue;
        const char *title = text_of(reason, "title");
        fprintf(out, "%s%s", n++ ? ", " : "                 because of ",
                *title ? title : text_of(reason, "item_id"));
    }
    if (n)
        fputc('\n', out);
}

static void render_demo(FILE *out, const json_t *r)
{
    size_t i;
    json_t *item;
    fprintf(out, "data: %s\n\n", text_of(r, "data"));
    render_run(out, r);
    if (json_object_get(r, "items"))
        fprintf(out, "\nten for user %s (model ials)\n", text_of(r, "user_id"));
    json_array_foreach(json_object_get(r, "items"), i, item) {
        fprintf(out, "  %3zu  %8.4f  %s\n", i + 1, number_of(item, "score"),
                *text_of(item, "title") ? text_of(item, "title") : text_of(item, "item_id"));
        render_reasons(out, item);
    }
    fprintf(out, "\nreport: %s\n", text_of(r, "report"));
}

static void render_report(FILE *out, const json_t *r)
{
    static const char *const sides[] = {"items", "users"};
    const json_t *data = json_object_get(r, "data");
    const json_t *correlations = json_object_get(r, "correlations");
    size_t i;
    json_t *row;
    if (data)
        fprintf(out, "%.0f events, %.0f users, %.0f items, density %.4f %%\n",
                number_of(data, "events"), number_of(data, "users"), number_of(data, "items"),
                100 * number_of(data, "density"));
    for (int s = 0; data && s < 2; s++) {
        const json_t *tail = json_object_get(json_object_get(r, sides[s]), "long_tail");
        json_array_foreach(json_object_get(tail, "shares"), i, row)
            if (number_of(row, "top") > 0.19 && number_of(row, "top") < 0.21)
                fprintf(out, "20 %% of the %s have %.1f %% of the events\n", sides[s],
                        100 * number_of(row, "share_events"));
    }
    if (correlations)
        fprintf(out, "%-24s %9s %9s %9s %9s  %s\n", "correlation", "pearson", "spearman",
                "partial p", "partial s", "held fixed");
    for (int s = 0; correlations && s < 2; s++) {
        json_array_foreach(json_object_get(correlations, sides[s]), i, row) {
            const json_t *partial = json_object_get(row, "partial");
            char name[64];
            snprintf(name, sizeof name, "%s: %s-%s", sides[s], text_of(row, "x"),
                     text_of(row, "y"));
            fprintf(out, "%-24s %9.3f %9.3f", name, number_of(row, "pearson"),
                    number_of(row, "spearman"));
            if (partial)
                fprintf(out, " %9.3f %9.3f  %s", number_of(partial, "pearson"),
                        number_of(partial, "spearman"), text_of(partial, "controlling"));
            fputc('\n', out);
        }
    }
    fprintf(out, "wrote %s\n", text_of(r, "output"));
}

static void render_plan(FILE *out, const json_t *r)
{
    size_t i;
    json_t *row;
    fprintf(out, "%-10s %-16s %10s %9s %10s\n", "stage", "", "peak MB", "seconds", "disk MB");
    json_array_foreach(json_object_get(r, "stages"), i, row)
        fprintf(out, "%-10s %-16s %10.0f %9.1f %10.0f\n", text_of(row, "stage"),
                text_of(row, "name"), number_of(row, "peak_bytes") / 1e6, number_of(row, "seconds"),
                number_of(row, "disk_bytes") / 1e6);
    fprintf(out, "%-27s %10.0f %9.1f %10.0f\n", "at most, in all", number_of(r, "peak_bytes") / 1e6,
            number_of(r, "seconds"), number_of(r, "disk_bytes") / 1e6);
    json_array_foreach(json_object_get(r, "stages"), i, row)
        if (strcmp(text_of(row, "retrieval"), "lists") == 0)
            fprintf(out, "served lists of %s will be approximate (serve: approximate_from)\n",
                    text_of(row, "name"));
}

static void render_doctor(FILE *out, const json_t *r)
{
    size_t i;
    json_t *row;
    const char *key;
    fprintf(out, "akin %s on %.0f cores, %.1f GB of memory\n", text_of(r, "version"),
            number_of(r, "cores"), number_of(r, "memory_bytes") / 1e9);
    json_array_foreach(json_object_get(r, "isa"), i, row)
        fprintf(out, "  kernels %-10s %s%s\n", text_of(row, "name"),
                json_is_true(json_object_get(row, "works")) ? "works" : "not on this CPU",
                json_is_true(json_object_get(row, "used")) ? ", used" : "");
    json_object_foreach(json_object_get(r, "parts"), key, row) {
        fprintf(out, "  %-18s %s\n", key,
                json_is_true(json_object_get(row, "works")) ? "works" : text_of(row, "why"));
    }
}

/* ---- keys, store ---- */

/* Unix seconds as a day; 0 = never. */
static const char *day_of(double seconds, char out[16])
{
    time_t when = (time_t)seconds;
    struct tm tm;
    if (seconds <= 0.0 || !gmtime_r(&when, &tm) || strftime(out, 16, "%Y-%m-%d", &tm) == 0)
        return "never";
    return out;
}

static void render_keys(FILE *out, const json_t *r)
{
    size_t i;
    json_t *row;
    char created[16], expires[16];
    const json_t *keys = json_object_get(r, "keys");
    if (!keys) { /* create, revoke */
        render_object(out, r, 0);
        return;
    }
    if (json_array_size(keys) == 0) {
        fprintf(out, "no keys (akin keys create makes one)\n");
        return;
    }
    fprintf(out, "%-14s %-18s %-11s %-11s %s\n", "id", "scopes", "created", "expires", "note");
    json_array_foreach((json_t *)(uintptr_t)keys, i, row)
        fprintf(out, "%-14s %-18s %-11s %-11s %s\n", text_of(row, "id"), text_of(row, "scopes"),
                day_of(number_of(row, "created"), created),
                day_of(number_of(row, "expires"), expires), text_of(row, "note"));
}

static void render_store(FILE *out, const json_t *r)
{
    if (*text_of(r, "backup"))
        fprintf(out, "wrote %s, a copy of ", text_of(r, "backup"));
    if (*text_of(r, "restored"))
        fprintf(out, "put %s back as ", text_of(r, "restored"));
    fprintf(out, "%s%s\n", text_of(r, "store"),
            json_is_true(json_object_get(r, "sound")) ? ": every page and row is sound" : "");
    fprintf(out, "  %-10s %s%s%s\n", "state", text_of(r, "state"),
            *text_of(r, "message") ? ": " : "", text_of(r, "message"));
    if (json_object_get(r, "format_was"))
        fprintf(out, "  %-10s %.0f, it was %.0f\n", "format", number_of(r, "format"),
                number_of(r, "format_was"));
    fprintf(out, "  %-10s %.0f, the last change is number %.0f\n", "events", number_of(r, "events"),
            number_of(r, "last_seq"));
    fprintf(out, "  %-10s %.0f users, %.0f items, %.0f erased\n", "known", number_of(r, "users"),
            number_of(r, "items"), number_of(r, "erased"));
    fprintf(out, "  %-10s %.0f\n", "keys", number_of(r, "keys"));
    fprintf(out, "  %-10s %.1f MB, and %.1f MB of log\n", "size", number_of(r, "bytes") / 1e6,
            number_of(r, "wal_bytes") / 1e6);
}

void render_result(FILE *out, const char *op, const json_t *result)
{
    static const struct {
        const char *op;
        void (*render)(FILE *out, const json_t *result);
    } table[] = {
        {"prepare", render_prepare},     {"evaluate", render_evaluate}, {"tune", render_tune},
        {"models", render_models},       {"params", render_params},     {"similar", render_similar},
        {"segment", render_segment},     {"run", render_run},           {"demo", render_demo},
        {"doctor", render_doctor},       {"inspect", render_inspect},   {"plan", render_plan},
        {"report", render_report},       {"keys", render_keys},         {"store", render_store},
        {"recommend", render_recommend}, {"itemsets", render_itemsets}, {"rules", render_rules},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(table[i].op, op) == 0) {
            table[i].render(out, result);
            return;
        }
    }
    render_object(out, result, 0);
}
