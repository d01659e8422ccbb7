/*
 * The nearest items of every item, wave by wave: lists are made side by side and written in order.
 * Cost: memory of WAVE lists. Not done: clusters of duplicates.
 */
#include "api/similar_all.h"

#include "api/csv.h"
#include "core/par.h"

#include <string.h>

enum { WAVE = 1024 };

struct wave {
    struct asker *a;
    struct rank_options opt;
    int32_t first;
    struct ranked *lists; /* (WAVE, k) */
    int32_t *counts;      /* (WAVE) */
};

static akin_status near_one(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    struct wave *w = arg;
    akin_status status = rank_similar(w->a->ranker, w->first + (int32_t)block, &w->opt,
                                      w->lists + block * w->opt.k, &w->counts[block], err);
    progress_add(w->a->ctx, 1);
    return status;
}

static void id_field(const struct asker *a, int32_t item, bool is_safe, struct buf *buf)
{
    int32_t size;
    const char *id = ids_get(&a->m->items, item, &size);
    csv_field(buf, id, (size_t)size, is_safe);
}

static void title_field(const struct asker *a, int32_t item, bool is_safe, struct buf *buf)
{
    char title[512];
    asker_title(a, item, title, sizeof title);
    buf_char(buf, ',');
    csv_field(buf, title, strlen(title), is_safe);
}

/* The rows of an item; returns how many. */
static int32_t write_item(const struct wave *w, int32_t at, double min_score, bool is_safe,
                          struct buf *buf)
{
    const struct ranked *list = w->lists + (int64_t)at * w->opt.k;
    int32_t n = 0, item = w->first + at;
    for (; n < w->counts[at] && list[n].score != UNSCORED && (double)list[n].score >= min_score;
         n++) {
        id_field(w->a, item, is_safe, buf);
        buf_char(buf, ',');
        id_field(w->a, list[n].item, is_safe, buf);
        buf_char(buf, ',');
        buf_float(buf, list[n].score);
        if (w->a->title) {
            title_field(w->a, item, is_safe, buf);
            title_field(w->a, list[n].item, is_safe, buf);
        }
        buf_char(buf, '\n');
    }
    return n;
}

akin_status similar_all(struct asker *a, const uint64_t *allowed, int32_t k, double min_score,
                        bool csv_safe, const char *output, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct op_output out = {.ctx = a->ctx};
    struct wave w = {.a = a, .opt = {.k = k, .allowed = allowed}};
    int32_t n_items = a->m->items.n;
    int64_t n = 0;
    progress_begin(a->ctx, "similar", n_items);
    MEM_NEW(a->ctx, w.lists, (int64_t)WAVE * k);
    MEM_NEW(a->ctx, w.counts, WAVE);
    AKIN_TRY(op_output_open(a->ctx, output, &out, err));
    buf_text(&out.buf, "item_id,near_id,score");
    buf_text(&out.buf, a->title ? ",title,near_title\n" : "\n");
    for (; w.first < n_items; w.first += WAVE) {
        int32_t m = n_items - w.first < WAVE ? n_items - w.first : WAVE;
        AKIN_TRY(par_for(a->ctx, m, near_one, &w, err));
        for (int32_t i = 0; i < m; i++)
            n += write_item(&w, i, min_score, csv_safe, &out.buf);
        AKIN_TRY(op_output_flush(&out, false, err));
    }
    AKIN_TRY(op_output_close(&out, err));
    *result = json_pack("{s:i, s:I}", "items", (int)n_items, "rows", (json_int_t)n);
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "out of memory for a result");
done:
    progress_end(a->ctx);
    op_output_abort(&out);
    mem_free(a->ctx, w.lists);
    mem_free(a->ctx, w.counts);
    return status;
}
