/*
 * Names of a table's columns: those that the caller gave, then the standard ones for what is known
 * by another name, then those of tables without a header.
 */
#include "data/tables.h"

#include <stdio.h>
#include <string.h>

int rawtable_column(const struct rawtable *t, const char *name)
{
    for (int i = 0; i < t->n_cols; i++)
        if (strcmp(t->plan->name[i], name) == 0)
            return i;
    return -1;
}

static void column_rename(struct rawtable *t, int col, const char *name)
{
    int old = rawtable_column(t, name);
    if (old >= 0 && old != col) /* the name is taken: the other one steps aside */
        snprintf(t->plan->name[old], sizeof t->plan->name[old], "%.50s_original", name);
    memset(t->plan->name[col], 0, sizeof t->plan->name[col]);
    snprintf(t->plan->name[col], sizeof t->plan->name[col], "%.63s", name);
}

static void column_standard(struct rawtable *t, const char *name, const char *const *known)
{
    if (rawtable_column(t, name) >= 0)
        return;
    int col = plan_known(t->plan, known);
    if (col >= 0)
        column_rename(t, col, name);
}

/* Tables without a header, as MovieLens 1M and 10M have them. */
static void names_bare(struct rawtable *t, enum table_kind kind)
{
    static const char *const items[] = {"item_id", "title", "categories", NULL};
    static const char *const users[] = {"user_id", "gender", "age", "occupation", "zip", NULL};
    static const char *const tags[] = {"user_id", "item_id", "tag", "time", NULL};
    const char *const *names = kind == TABLE_ITEMS ? items : kind == TABLE_USERS ? users : tags;
    bool more = true;
    for (int i = 0; i < t->n_cols; i++) {
        more = more && names[i];
        memset(t->plan->name[i], 0, sizeof t->plan->name[i]);
        if (more)
            snprintf(t->plan->name[i], sizeof t->plan->name[i], "%s", names[i]);
        else
            snprintf(t->plan->name[i], sizeof t->plan->name[i], "column%d", i + 1);
    }
}

static const char *const *const role_lists[3][4] = {
    {known_item, known_title, known_categories, NULL},
    {known_user, NULL, NULL, NULL},
    {known_user, known_item, known_tag, known_time}};
static const char *const role_names[3][4] = {{"item_id", "title", "categories", NULL},
                                             {"user_id", NULL, NULL, NULL},
                                             {"user_id", "item_id", "tag", "time"}};

akin_status rawtable_name(struct rawtable *t, enum table_kind kind, const json_t *columns,
                          const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    static const char *const what[] = {"items", "users", "tags"};
    char names[100];
    const char *key;
    json_t *value;
    if (!t->plan->has_header && t->plan->format != FORMAT_JSONL)
        names_bare(t, kind);
    plan_names(t->plan, names, sizeof names);
    json_object_foreach((json_t *)(uintptr_t)columns, key, value) {
        const char *name = json_string_value(value);
        int col = name ? plan_column(t->plan, name) : -1;
        if (col < 0)
            AKIN_FAIL(AKIN_E_INPUT, "%s: no column '%s' for %s (found: %s)", path,
                      name ? name : "?", key, names);
        column_rename(t, col, key);
    }
    for (int i = 0; i < 4 && role_names[kind][i]; i++)
        column_standard(t, role_names[kind][i], role_lists[kind][i]);
    int n_must = kind == TABLE_TAGS ? 3 : 1;
    for (int i = 0; i < n_must; i++)
        if (rawtable_column(t, role_names[kind][i]) < 0)
            AKIN_FAIL(AKIN_E_INPUT, "%s: no column is known as %s of the %s table (found: %s)",
                      path, role_names[kind][i], what[kind], names);
done:
    return status;
}
