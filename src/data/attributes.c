/* Attributes of the items of a dataset: cells of its tables, tags, texts of events. Cost: a look at
 * the names of the columns a call. */
#include "data/attributes.h"

#include "data/item_fields.h"

#include <math.h>

static double number(const void *arg, const char *column)
{
    const struct item_at *at = arg;
    const struct column *col = table_find(at->source->items, column);
    return col && col->type == COL_NUMBER ? col->num[at->item] : (double)NAN;
}

static bool text(const void *arg, const char *column, int64_t n, const char **out, int32_t *size)
{
    const struct item_at *at = arg;
    const struct column *col = table_find(at->source->items, column);
    return col && col->type != COL_NUMBER && n <= INT32_MAX &&
           item_fields_text(col, at->item, (int)n, out, size);
}

static bool said(const void *arg, const char *column, int64_t n, const char **out, int32_t *size)
{
    const struct item_at *at = arg;
    const struct item_source *s = at->source;
    const struct column *col = table_find(s->events, column);
    if (!col || col->type != COL_TEXT || s->event_ptr[at->item] + n >= s->event_ptr[at->item + 1])
        return false;
    int64_t row = s->event[s->event_ptr[at->item] + n];
    *out = col->bytes + col->off[row];
    *size = (int32_t)(col->off[row + 1] - col->off[row]);
    return true;
}

static bool tag(const void *arg, int64_t n, const char **out, int32_t *size, int32_t *count)
{
    const struct item_at *at = arg;
    const struct item_tags *t = at->source->tags;
    int64_t e = t->ptr[at->item] + n;
    if (e >= t->ptr[at->item + 1])
        return false;
    *out = strtab_get(&t->vocab, t->tag[e], size);
    *count = t->count[e];
    return true;
}

struct attributes item_attributes(const struct item_at *at)
{
    const struct item_source *s = at->source;
    return (struct attributes){.arg = at,
                               .number = number,
                               .text = text,
                               .said = s->events ? said : NULL,
                               .tag = s->tags && s->tags->ptr ? tag : NULL};
}
