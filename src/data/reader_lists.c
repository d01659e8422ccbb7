/*
 * Lists of items, one a line: adjacency (`user item item …`, or a count in front, or nothing),
 * basket (nothing in front; any separator) and sessions (`item item …[TAB next]`). Without an id in
 * front the line number is the user.
 * Cost: one pass over the bytes.
 */
#include "data/reader_chunk.h"

#include <string.h>

static bool is_sep(const struct read_plan *plan, char c)
{
    return plan->sep == ' ' ? c == ' ' || c == '\t' : c == plan->sep;
}

/* The next token of the line before `end`; false if there is none. Blanks around it go. */
static bool token_next(const struct read_plan *plan, const char **p, const char *end,
                       struct cell *out)
{
    const char *q = *p;
    while (q < end && (is_sep(plan, *q) || *q == ' ' || *q == '\t'))
        q++;
    if (q >= end)
        return false;
    const char *begin = q;
    while (q < end && !is_sep(plan, *q))
        q++;
    *p = q;
    while (q > begin && (q[-1] == ' ' || q[-1] == '\t'))
        q--;
    *out = (struct cell){begin, q - begin};
    return true;
}

static akin_status items_add(struct chunk *c, const struct cell *user, const char *p,
                             const char *end, uint32_t role, const struct record *r,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cell item;
    while (token_next(c->plan, &p, end, &item))
        AKIN_TRY(chunk_add_item(c, user, &item, 1.0f, role, r, err));
done:
    return status;
}

/* `prefix TAB next`: the prefix is given, the next item is asked for. */
static akin_status session_add(struct chunk *c, const struct record *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *end = r->text + r->size;
    const char *tab = memchr(r->text, '\t', (size_t)r->size);
    if (!tab)
        return items_add(c, NULL, r->text, end, 0, r, err);
    if (memchr(tab + 1, '\t', (size_t)(end - tab - 1))) {
        chunk_defect(c, DEFECT_MALFORMED, r);
        return AKIN_OK;
    }
    c->has_role = true;
    AKIN_TRY(items_add(c, NULL, r->text, tab, 1, r, err));
    AKIN_TRY(items_add(c, NULL, tab + 1, end, 0, r, err));
done:
    return status;
}

static akin_status adjacency_add(struct chunk *c, const struct record *r, akin_error *err)
{
    const char *p = r->text, *end = r->text + r->size;
    struct cell lead = {NULL, 0};
    if (c->plan->lead == LEAD_NONE)
        return items_add(c, NULL, p, end, 0, r, err);
    if (!token_next(c->plan, &p, end, &lead))
        return AKIN_OK;
    if (c->plan->lead == LEAD_ID)
        return items_add(c, &lead, p, end, 0, r, err);
    const char *q = p;
    struct cell item;
    uint32_t count = 0, n = 0;
    while (token_next(c->plan, &q, end, &item))
        n++;
    if (!id_to_u32(lead.p, lead.n, &count) || count != n) {
        chunk_defect(c, DEFECT_MALFORMED, r);
        return AKIN_OK;
    }
    return items_add(c, NULL, p, end, 0, r, err);
}

static akin_status list_row(struct chunk *c, const struct record *r, akin_error *err)
{
    if (c->plan->format == FORMAT_SESSIONS)
        return session_add(c, r, err);
    if (c->plan->format == FORMAT_ADJACENCY)
        return adjacency_add(c, r, err);
    return items_add(c, NULL, r->text, r->text + r->size, 0, r, err);
}

akin_status read_lists(struct chunk *c, const char *text, int64_t n, int64_t from, int64_t limit,
                       bool is_last, int64_t *at, akin_error *err)
{
    return chunk_lines(c, text, n, from, limit, is_last, list_row, at, err);
}
