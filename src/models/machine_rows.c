/* Feature rows of fm and ffm as lines of libsvm and libffm. Floats are written so that reading
 * gives the same bits. Cost: at the function. Not here: names of features. */
#include "models/machine_rows.h"

#include "core/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct writer {
    const struct fm_data *d;
    struct file_writer *file;
    int64_t first[FM_SIDES]; /* number of a side's first feature */
    int32_t *field;          /* (features) owned; NULL = libsvm */
    int64_t values;
};

/* Fields as ffm numbers them: a side itself, then each sort of its attributes. */
static void number_side(const struct fm_data *d, enum fm_side_of side, int32_t *field,
                        int32_t *next)
{
    const struct features *spec = d->known->spec[side];
    int64_t n_own = d->side[side].n_own;
    int32_t n = (int32_t)fm_count(d->known, side);
    for (int64_t j = 0; j < n_own; j++)
        field[j] = *next;
    *next += side != FM_CONTEXT;
    for (int32_t j = 0; j < n; ++*next)
        for (int32_t end = features_column_end(spec, j); j < end; j++)
            field[n_own + j] = *next;
}

static akin_status write_event(struct writer *w, int64_t e, double label, akin_error *err)
{
    akin_status status = AKIN_OK;
    char text[96];
    int size = snprintf(text, sizeof text, "%.9g", label);
    AKIN_TRY(file_writer_add(w->file, text, size, err));
    for (int side = 0; side < FM_SIDES; side++) {
        const struct csr *X = &w->d->side[side].X;
        int64_t row = w->d->row[side] ? w->d->row[side][e] : -1;
        for (int64_t at = row < 0 ? 0 : X->ptr[row]; row >= 0 && at < X->ptr[row + 1]; at++) {
            int64_t j = w->first[side] + X->col[at];
            double x = (double)X->val[at];
            size = w->field
                       ? snprintf(text, sizeof text, " %d:%" PRId64 ":%.9g", w->field[j], j + 1, x)
                       : snprintf(text, sizeof text, " %" PRId64 ":%.9g", j + 1, x);
            AKIN_TRY(file_writer_add(w->file, text, size, err));
            w->values++;
        }
    }
    AKIN_TRY(file_writer_add(w->file, "\n", 1, err));
done:
    return status;
}

akin_status fm_rows_write(const struct train_view *tv, const struct fm_choice *choice,
                          bool with_fields, const char *path, struct fm_rows_count *out,
                          akin_error *err)
{
    enum { POLL = 4096 };
    akin_status status = AKIN_OK;
    const struct dataset *ds = tv->ds;
    struct model m = {.ctx = tv->ctx, /* a view: but for tags nothing of it is freed */
                      .users = ds->users,
                      .items = ds->items,
                      .item_table = ds->item_table,
                      .user_table = ds->user_table};
    struct fm_known known = {
        .ctx = tv->ctx, .owner = &m, .choice = *choice, .n_items = ds->items.n, .seed = tv->seed};
    struct fm_data d = {.ctx = tv->ctx, .m = &m, .tv = tv, .known = &known};
    struct writer w = {.d = &d};
    int32_t next = 0;
    *out = (struct fm_rows_count){0};
    if (ds->n_tags > 0)
        AKIN_TRY(item_tags_build(tv->ctx, ds, &m.tags, err));
    AKIN_TRY(fm_data_read(&d, err));
    for (int side = 0; side < FM_SIDES; side++) {
        w.first[side] = out->features;
        out->features += d.side[side].n_features;
    }
    if (with_fields) {
        MEM_NEW(tv->ctx, w.field, out->features);
        number_side(&d, FM_ITEMS, w.field + w.first[FM_ITEMS], &next);
        number_side(&d, FM_USERS, w.field + w.first[FM_USERS], &next);
        number_side(&d, FM_CONTEXT, w.field + w.first[FM_CONTEXT], &next);
    }
    AKIN_TRY(file_writer_open(tv->ctx, path, &w.file, err));
    for (int64_t e = 0; e < d.n; e++) {
        bool is_value = choice->task == FM_REGRESSION; /* then events are as histories have them */
        if (e % POLL == 0)
            AKIN_TRY(ctx_check(tv->ctx, err));
        AKIN_TRY(write_event(&w, e, (double)(is_value ? tv->hist.value[e] : d.target[e]), err));
    }
    struct file_writer *file = w.file;
    w.file = NULL;
    AKIN_TRY(file_writer_commit(file, err));
    out->rows = d.n;
    out->fields = next;
    out->values = w.values;
done:
    file_writer_abort(w.file);
    mem_free(tv->ctx, w.field);
    fm_data_free(&d);
    fm_known_free(&known);
    item_tags_free(tv->ctx, &m.tags);
    return status;
}
