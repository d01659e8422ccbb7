/* Lists as tables, JSON lines and CSV: the one place that gives them their shape. */
#include "api/list_text.h"

#include "api/csv.h"

#include <string.h>

enum { TITLE = 512, REASONS = 3 };

enum list_format list_format_of(int64_t choice, const char *path)
{
    static const struct {
        const char *ending;
        enum list_format format;
    } endings[] = {{".csv", LIST_CSV}, {".jsonl", LIST_JSONL}, {".json", LIST_JSONL}};
    if (choice > 0)
        return (enum list_format)(choice - 1);
    const char *dot = path ? strrchr(path, '.') : NULL;
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcmp(dot, endings[i].ending) == 0)
            return endings[i].format;
    return LIST_TABLE;
}

/* ---- Rows, of any list ---- */

static const char *id_of(const struct asker *a, bool is_user, int32_t i, int32_t *size)
{
    return ids_get(is_user ? &a->m->users : &a->m->items, i, size);
}

/* "  1   0.9300  id  title\n" */
static void table_row(const struct asker *a, bool is_user, const struct ranked *r, int32_t rank,
                      struct buf *buf)
{
    int32_t size;
    char title[TITLE] = "";
    const char *id = id_of(a, is_user, r->item, &size);
    if (!is_user)
        asker_title(a, r->item, title, sizeof title);
    buf_printf(buf, "  %3d  ", rank);
    if (r->score == UNSCORED)
        buf_text(buf, "       -");
    else
        buf_printf(buf, "%8.4f", (double)r->score);
    buf_printf(buf, "  %-10.*s %s\n", (int)size, id, title);
}

/* "id,score,rank[,title]\n" */
static void csv_row(const struct asker *a, bool is_user, bool is_safe, const struct ranked *r,
                    int32_t rank, struct buf *buf)
{
    int32_t size;
    char title[TITLE];
    const char *id = id_of(a, is_user, r->item, &size);
    csv_field(buf, id, (size_t)size, is_safe);
    buf_char(buf, ',');
    if (r->score != UNSCORED)
        buf_float(buf, r->score);
    buf_char(buf, ',');
    buf_int(buf, rank);
    if (!is_user && a->title) {
        asker_title(a, r->item, title, sizeof title);
        buf_char(buf, ',');
        csv_field(buf, title, strlen(title), is_safe);
    }
    buf_char(buf, '\n');
}

static void csv_names(const struct asker *a, bool is_user, struct buf *buf)
{
    buf_text(buf, is_user ? "user_id,score,rank" : "item_id,score,rank");
    buf_text(buf, !is_user && a->title ? ",title\n" : "\n");
}

static akin_status json_row(const struct asker *a, bool is_user, const struct ranked *r,
                            struct jw *jw, akin_error *err)
{
    int32_t size;
    if (!is_user)
        return asker_item_json(a, jw, r, NULL, false, err);
    const char *id = id_of(a, true, r->item, &size);
    jw_open(jw, '{');
    jw_key(jw, "user_id");
    jw_string_n(jw, id, (size_t)size);
    jw_key(jw, "score");
    if (r->score == UNSCORED)
        jw_null(jw);
    else
        jw_float(jw, r->score);
    jw_close(jw, '}');
    return AKIN_OK;
}

/* ---- A list a user ---- */

static const char *asker_id(const struct list_style *style, const struct query *q, int32_t *size)
{
    *size = 0;
    return q->user >= 0 ? ids_get(&style->asker->m->users, q->user, size) : "";
}

static akin_status jsonl_list(const struct list_style *style, const struct query *q,
                              const struct ranked *list, int32_t n, struct buf *buf,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jw jw;
    int32_t size;
    const char *id = asker_id(style, q, &size);
    jw_init(&jw, buf);
    jw_open(&jw, '{');
    jw_key(&jw, "user_id");
    if (q->user >= 0)
        jw_string_n(&jw, id, (size_t)size);
    else
        jw_null(&jw);
    jw_key(&jw, "items");
    jw_open(&jw, '[');
    for (int32_t i = 0; i < n; i++)
        AKIN_TRY(asker_item_json(style->asker, &jw, &list[i], q, style->explain, err));
    jw_close(&jw, ']');
    jw_close(&jw, '}');
    buf_char(buf, '\n');
done:
    return status;
}

static akin_status csv_list(const struct list_style *style, const struct query *q,
                            const struct ranked *list, int32_t n, struct buf *buf, akin_error *err)
{
    int32_t size;
    const char *id = asker_id(style, q, &size);
    (void)err;
    for (int32_t i = 0; i < n; i++) {
        csv_field(buf, id, (size_t)size, style->csv_safe);
        buf_char(buf, ',');
        csv_row(style->asker, false, style->csv_safe, &list[i], i + 1, buf);
    }
    return AKIN_OK;
}

static akin_status write_why(const struct asker *a, const struct query *q, const struct ranked *r,
                             struct buf *buf, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct reason reasons[REASONS];
    int32_t n = 0, size;
    char title[TITLE];
    if (r->score != UNSCORED && !(a->scorer.flags & SCORER_ITEMS_ONLY))
        AKIN_TRY(rank_explain(a->ranker, q, r->item, reasons, REASONS, &n, err));
    buf_text(buf, "        ");
    if (n == 0)
        buf_text(buf, r->score == UNSCORED ? "popular; the model says nothing about it"
                                           : a->m->cls->summary);
    for (int32_t i = 0; i < n; i++) {
        const char *id = ids_get(&a->m->items, reasons[i].item, &size);
        asker_title(a, reasons[i].item, title, sizeof title);
        buf_printf(buf, "%s%s%.*s (%+.3f)", i ? ", " : "because of ", title[0] ? title : "item ",
                   title[0] ? 0 : (int)size, id, (double)reasons[i].contribution);
    }
    buf_char(buf, '\n');
done:
    return status;
}

static akin_status table_list(const struct list_style *style, const struct query *q,
                              const struct ranked *list, int32_t n, struct buf *buf,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t size;
    const char *id = asker_id(style, q, &size);
    if (q->user >= 0)
        buf_printf(buf, "user %.*s\n", (int)size, id);
    else
        buf_printf(buf, "history of %d items\n", q->hist.n);
    for (int32_t i = 0; i < n; i++) {
        table_row(style->asker, false, &list[i], i + 1, buf);
        if (style->explain)
            AKIN_TRY(write_why(style->asker, q, &list[i], buf, err));
    }
done:
    return status;
}

void list_header(const struct list_style *style, enum list_format format, struct buf *buf)
{
    if (format != LIST_CSV)
        return;
    buf_text(buf, "user_id,");
    csv_names(style->asker, false, buf);
}

akin_status list_text(const struct list_style *style, enum list_format format,
                      const struct query *q, const struct ranked *list, int32_t n, struct buf *buf,
                      akin_error *err)
{
    static akin_status (*const writers[LIST_FORMATS])(
        const struct list_style *, const struct query *, const struct ranked *, int32_t,
        struct buf *, akin_error *) = {table_list, jsonl_list, csv_list};
    return writers[format](style, q, list, n, buf, err);
}

/* ---- One list ---- */

/* To a file, or to the context's sink where path is NULL. A row a line; jsonl: the objects of
 * rows_object. */
static akin_status rows_write(const struct row_list *rows, enum list_format format,
                              const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct op_output out;
    AKIN_TRY(op_output_open(rows->asker->ctx, path, &out, err));
    if (format == LIST_CSV)
        csv_names(rows->asker, rows->of_users, &out.buf);
    for (int32_t i = 0; i < rows->n; i++) {
        const struct ranked *r = &rows->list[i];
        if (format == LIST_CSV) {
            csv_row(rows->asker, rows->of_users, rows->csv_safe, r, i + 1, &out.buf);
        } else if (format == LIST_TABLE) {
            table_row(rows->asker, rows->of_users, r, i + 1, &out.buf);
        } else {
            struct jw jw;
            jw_init(&jw, &out.buf);
            AKIN_TRY(json_row(rows->asker, rows->of_users, r, &jw, err));
            buf_char(&out.buf, '\n');
        }
        AKIN_TRY(op_output_flush(&out, false, err));
    }
    AKIN_TRY(op_output_close(&out, err));
done:
    op_output_abort(&out);
    return status;
}

static akin_status rows_object(const struct row_list *rows,
                               void (*head)(const void *arg, struct jw *jw), const void *arg,
                               json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct buf buf;
    struct jw jw;
    buf_init(&buf, rows->asker->ctx);
    jw_init(&jw, &buf);
    jw_open(&jw, '{');
    head(arg, &jw);
    jw_key(&jw, rows->of_users ? "users" : "items");
    jw_open(&jw, '[');
    for (int32_t i = 0; i < rows->n; i++)
        AKIN_TRY(json_row(rows->asker, rows->of_users, &rows->list[i], &jw, err));
    jw_close(&jw, ']');
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(&buf, err));
    *result = json_loadb(buf.data, (size_t)buf.size, 0, NULL);
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "lists: out of memory");
done:
    buf_free(&buf);
    return status;
}

akin_status rows_result(const struct row_list *rows, int64_t choice, const char *output,
                        void (*head)(const void *arg, struct jw *jw), const void *arg,
                        json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    enum list_format format = list_format_of(choice, output);
    *result = NULL;
    if (!output && choice == 0)
        return rows_object(rows, head, arg, result, err);
    AKIN_TRY(rows_write(rows, format, output, err));
    *result = json_pack("{s:s, s:i, s:i}", "model", rows->asker->m->cls->name, "lists", 1, "rows",
                        rows->n);
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "lists: out of memory");
    if (output)
        json_object_set_new(*result, "output", json_string(output));
done:
    return status;
}
