/* The order of tags, and the arrays they become. Which tags there are is the callers' business. */
#include "data/tags.h"

#include <stdlib.h>

static int tag_order(const void *a, const void *b)
{
    const struct tag *x = a, *y = b;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    if (x->text != y->text)
        return x->text < y->text ? -1 : 1;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return (x->source > y->source) - (x->source < y->source);
}

void tags_sort(struct tag *tags, int64_t n)
{
    if (n > 0)
        qsort(tags, (size_t)n, sizeof *tags, tag_order);
}

akin_status tags_fill(struct dataset *ds, const struct tag *tags, int64_t n, const int32_t *text,
                      bool has_time, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *of_user = NULL, *of_item = NULL, *of_text = NULL;
    int64_t *of_time = NULL;
    MEM_NEW(ds->ctx, of_user, n);
    MEM_NEW(ds->ctx, of_item, n);
    MEM_NEW(ds->ctx, of_text, n);
    if (has_time)
        MEM_NEW(ds->ctx, of_time, n);
    for (int64_t t = 0; t < n; t++) {
        of_user[t] = tags[t].user;
        of_item[t] = tags[t].item;
        of_text[t] = text ? text[tags[t].text] : tags[t].text;
        if (of_time)
            of_time[t] = tags[t].time;
    }
    ds->n_tags = n;
    ds->tag_user = of_user;
    ds->tag_item = of_item;
    ds->tag_text = of_text;
    ds->tag_time = of_time;
    of_user = of_item = of_text = NULL;
    of_time = NULL;
done:
    mem_free(ds->ctx, of_user);
    mem_free(ds->ctx, of_item);
    mem_free(ds->ctx, of_text);
    mem_free(ds->ctx, of_time);
    return status;
}
