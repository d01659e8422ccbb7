/*
 * Delimited text: csv (RFC 4180: quoted fields with separators, line ends and doubled quotes), tsv
 * and blanks (no quotes), "::". A quote inside an unquoted field is an ordinary character.
 *
 * Rows of integers ids, decimal values and integer times, which are most rows of most logs, take
 * fast_row: it parses straight from the text and leaves anything unusual, of which it has then
 * changed nothing, to the general way, so that both accept the same language.
 * Cost: one pass over the bytes, no allocation in the steady state.
 */
#include "data/reader_chunk.h"

#include <string.h>

/* Field separators as the record scanner sees them. */
static int64_t field_end(const struct read_plan *plan, const char *text, int64_t at)
{
    /* The pad holds a '\n' at n: the scan always stops. */
    char sep = plan->sep;
    if (plan->is_double) {
        while (text[at] != '\n' && !(text[at] == ':' && text[at + 1] == ':'))
            at++;
    } else if (sep == ' ') {
        while (text[at] != '\n' && text[at] != ' ' && text[at] != '\t')
            at++;
    } else {
        while (text[at] != '\n' && text[at] != sep)
            at++;
    }
    return at;
}

/*
 * A quoted field whose opening quote is at `at`. Returns the offset behind the closing quote, or
 * -1 if there is none before n. Doubled quotes are undone through c->scratch.
 */
static int64_t quoted_field(struct chunk *c, const char *text, int64_t n, int64_t at,
                            struct cell *out, int64_t *lines)
{
    int64_t begin = at + 1;
    int64_t from = begin;
    bool has_double = false;
    int64_t close;
    for (;;) {
        const char *q = from < n ? memchr(text + from, '"', (size_t)(n - from)) : NULL;
        if (!q)
            return -1;
        close = q - text;
        if (close + 1 < n && text[close + 1] == '"') {
            has_double = true;
            from = close + 2;
            continue;
        }
        break;
    }
    for (const char *p = text + begin; (p = memchr(p, '\n', (size_t)(text + close - p))); p++)
        ++*lines;
    *out = (struct cell){text + begin, close - begin};
    if (has_double) {
        int64_t at_scratch = c->scratch.size;
        for (int64_t i = begin; i < close; i++) {
            int64_t run = i;
            while (i < close && text[i] != '"')
                i++;
            if (i < close)
                i++; /* keep one of the two */
            buf_add(&c->scratch, text + run, (size_t)(i - run));
        }
        /* The buffer may move: remember the offset, resolved by csv_record. */
        out->p = NULL;
        out->n = c->scratch.size - at_scratch;
        if (out->n == 0)
            out->p = text + begin;
    }
    return close + 1;
}

/* Fields that went through scratch were left with p = NULL: they lie there in order. */
static void scratch_resolve(struct chunk *c, int n_fields)
{
    int64_t at = 0;
    for (int f = 0; f < n_fields && at < c->scratch.size; f++) {
        if (c->field[f].p)
            continue;
        c->field[f].p = c->scratch.data + at;
        at += c->field[f].n;
    }
}

int64_t csv_record(struct chunk *c, const char *text, int64_t n, int64_t from, bool is_last,
                   int *n_fields, int64_t *lines, int64_t *at)
{
    const struct read_plan *plan = c->plan;
    int k = 0;
    int64_t p = from;
    int64_t reach = from + plan->max_line + 1; /* a quote that is not closed by then is broken */
    *lines = 0;
    buf_clear(&c->scratch);
    for (;;) {
        struct cell cell;
        if (p > reach) { /* too long: a quote out here opens nothing, whatever the pieces are */
            const char *stop = p < n ? memchr(text + p, '\n', (size_t)(n - p)) : NULL;
            if (!stop && !is_last)
                return -1;
            *at = stop ? stop - text + 1 : n;
            return -2;
        }
        if (plan->sep == ' ' && !plan->is_double) {
            while (p < n && (text[p] == ' ' || text[p] == '\t'))
                p++;
            if (k > 0 && (text[p] == '\n' || (text[p] == '\r' && text[p + 1] == '\n')))
                break; /* trailing blanks */
        }
        int64_t end;
        if (plan->has_quotes && text[p] == '"' && p < n) {
            end = quoted_field(c, text, n < reach ? n : reach, p, &cell, lines);
            bool is_cr = end >= 0 && text[end] == '\r' && text[end + 1] == '\n';
            if (end < 0 && !is_last && n < reach)
                return -1;
            if (end < 0 || (text[end] != plan->sep && text[end] != '\n' && !is_cr)) {
                const char *stop = memchr(text + from, '\n', (size_t)(n - from));
                if (!stop && !is_last)
                    return -1;
                *at = stop ? stop - text + 1 : n;
                *lines = 0;
                return -2;
            }
            if (is_cr)
                end++;
        } else {
            end = field_end(plan, text, p);
            cell = (struct cell){text + p, end - p};
            if (text[end] == '\n' && end > p && text[end - 1] == '\r')
                cell.n--;
        }
        if (k < READ_COLS_MAX)
            c->field[k] = cell;
        k++;
        p = end;
        if (text[p] == '\n')
            break;
        p += plan->is_double ? 2 : 1;
    }
    if (text[p] == '\r')
        p++;
    if (p >= n && !is_last)
        return -1;
    if (c->scratch.size > 0)
        scratch_resolve(c, k < READ_COLS_MAX ? k : READ_COLS_MAX);
    *n_fields = k;
    return p + 1;
}

/* ---- the fast way ---- */

static inline const char *fast_u32(const char *p, uint32_t *out)
{
    unsigned digit = (unsigned)(unsigned char)*p - '0';
    if (digit > 9)
        return NULL;
    uint32_t value = digit;
    const char *first = p++;
    while ((digit = (unsigned)(unsigned char)*p - '0') <= 9) {
        value = value * 10 + digit;
        p++;
    }
    /* nine digits cannot overflow; a leading zero is not canonical */
    if (p - first > 9 || (*first == '0' && p - first > 1))
        return NULL;
    *out = value;
    return p;
}

static inline const char *fast_value(const char *p, double *out)
{
    static const double ten[16] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool is_negative = *p == '-';
    p += is_negative;
    uint64_t mantissa = 0;
    unsigned digit;
    const char *first = p;
    while ((digit = (unsigned)(unsigned char)*p - '0') <= 9) {
        mantissa = mantissa * 10 + digit;
        p++;
    }
    int64_t n = p - first;
    int64_t n_fraction = 0;
    if (n == 0)
        return NULL;
    if (*p == '.') {
        const char *dot = ++p;
        while ((digit = (unsigned)(unsigned char)*p - '0') <= 9) {
            mantissa = mantissa * 10 + digit;
            p++;
        }
        n_fraction = p - dot;
        n += n_fraction;
        if (n_fraction == 0)
            return NULL;
    }
    if (n > 15)
        return NULL;
    double value = (double)mantissa / ten[n_fraction]; /* both exact: correctly rounded */
    *out = is_negative ? -value : value;
    return p;
}

static inline const char *fast_time(const char *p, uint64_t *out)
{
    uint64_t value = 0;
    unsigned digit;
    const char *first = p;
    while ((digit = (unsigned)(unsigned char)*p - '0') <= 9) {
        value = value * 10 + digit;
        p++;
    }
    if (p == first || p - first > 18)
        return NULL;
    *out = value;
    return p;
}

/* The whole row at p, or NULL if it is not plain; nothing is changed then. */
static inline const char *fast_row(const struct read_plan *plan, const char *p, struct row *row)
{
    uint64_t time = 0;
    double value = 1;
    for (int col = 0; col < plan->n_cols; col++) {
        switch (plan->role[col]) {
        case CELL_USER:
            p = fast_u32(p, &row->user);
            break;
        case CELL_ITEM:
            p = fast_u32(p, &row->item);
            break;
        case CELL_VALUE:
            p = fast_value(p, &value);
            if (p && (value < plan->value_lo || value > plan->value_hi))
                return NULL;
            break;
        case CELL_TIME:
            p = fast_time(p, &time);
            if (p && plan->unit != UNIT_S)
                time /= plan->unit == UNIT_MS ? 1000 : 1000000;
            if (p && time > (uint64_t)plan->max_time)
                return NULL;
            break;
        default:
            if (*p == '"')
                return NULL;
            while (*p != plan->sep && *p != '\n' && *p != '\r')
                p++;
        }
        if (!p)
            return NULL;
        if (col + 1 == plan->n_cols)
            break;
        if (*p++ != plan->sep)
            return NULL;
    }
    p += *p == '\r';
    if (*p != '\n')
        return NULL;
    row->value = (float)value + 0.0f; /* no -0 */
    row->time = (uint32_t)time;
    return p;
}

/* Plain rows from *at on, as long as they are plain. */
static akin_status fast_rows(struct chunk *c, const char *text, int64_t n, int64_t limit,
                             int64_t *at, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct read_plan *plan = c->plan;
    const char *p = text + *at;
    const char *stop = text + limit;
    const char *end = text + n;
    uint32_t max_user = c->user.max;
    uint32_t max_item = c->item.max;
    int64_t first = c->n_rows;
    while (p < stop) {
        if (c->n_rows == c->cap_rows)
            AKIN_TRY(chunk_room(c, err));
        struct row *row = &c->rows[c->n_rows];
        const char *q = fast_row(plan, p, row);
        if (!q || q >= end || q - p > plan->max_line)
            break;
        c->defects.crlf += q[-1] == '\r';
        max_user = row->user > max_user ? row->user : max_user;
        max_item = row->item > max_item ? row->item : max_item;
        c->n_rows++;
        p = q + 1;
    }
    *at = p - text;
done:
    c->n_lines += c->n_rows - first;
    c->n_records += c->n_rows - first;
    c->user.max = max_user;
    c->item.max = max_item;
    return status;
}

static akin_status csv_row(struct chunk *c, int n_fields, const struct record *r, akin_error *err)
{
    const struct read_plan *plan = c->plan;
    if (n_fields != plan->n_cols) {
        chunk_defect(c, DEFECT_MALFORMED, r);
        return AKIN_OK;
    }
    struct cell cells[CELL_FIXED + READ_EXTRA_MAX];
    memset(cells, 0, (size_t)plan->n_cells * sizeof *cells);
    for (int f = 0; f < n_fields; f++) {
        if (plan->role[f] >= 0)
            cells[plan->role[f]] = c->field[f];
    }
    return chunk_add(c, cells, r, err);
}

akin_status read_csv(struct chunk *c, const char *text, int64_t n, int64_t from, int64_t limit,
                     bool is_last, int64_t *at, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct read_plan *plan = c->plan;
    if (!c->field)
        MEM_NEW(c->ctx, c->field, READ_COLS_MAX + 1);
    int64_t p = from;
    while (p < limit) {
        if (plan->is_fast && !c->user.is_text && !c->item.is_text) {
            AKIN_TRY(fast_rows(c, text, n, limit, &p, err));
            if (p >= limit)
                break;
        }
        int n_fields = 0;
        int64_t lines = 0;
        int64_t broken = 0;
        int64_t end = csv_record(c, text, n, p, is_last, &n_fields, &lines, &broken);
        if (end == -1)
            break;
        struct record r = {c->n_lines + 1, text + p, (end >= 0 ? end : broken) - p};
        if (r.size > n - p)
            r.size = n - p;
        c->n_lines += lines + 1;
        p = end >= 0 ? end : broken;
        if (r.size > 1 && r.text[r.size - 1] == '\n' && r.text[r.size - 2] == '\r')
            c->defects.crlf++;
        if (end >= 0 && n_fields == 1 && c->field[0].n == 0 && r.text[0] != '"')
            continue; /* a blank line */
        c->n_records++;
        if (r.size - 1 > plan->max_line) {
            chunk_defect(c, DEFECT_LINE_TOO_LONG, &r);
        } else if (end < 0) {
            chunk_defect(c, DEFECT_MALFORMED, &r);
        } else {
            AKIN_TRY(buf_check(&c->scratch, err));
            AKIN_TRY(csv_row(c, n_fields, &r, err));
        }
    }
    *at = p;
done:
    return status;
}
