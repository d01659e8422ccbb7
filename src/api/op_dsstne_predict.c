/*
 * The operation `dsstne-predict`: the best features for each sample of a text, in the text of
 * DSSTNE's predict: `sample<TAB>feature,score:feature,score:` a line, best first. Scores are the
 * network's outputs.
 *
 * As there, the input's own features come too unless the filter names them. A filter's values are
 * not used: what it names is left out. Cost: one ranking pass, a block of samples at a time.
 */
#include "api/asker.h"
#include "api/dsstne_index.h"
#include "models/network.h"

#include <stdlib.h>
#include <string.h>

#define LETTER(c) AKIN_PARAM_LETTER(c)

struct dsstne_predict_params {
    const char *dataset, *network, *text, *input_index, *output_index, *filter, *recs;
    const char *precision, *layer;
    int64_t k, batch;
};
static const akin_param dsstne_predict_rows[] = {
    PARAM_TEXT(struct dsstne_predict_params, dataset, NULL, LETTER('d'),
               "name of the dataset; not used"),
    PARAM_TEXT(struct dsstne_predict_params, network, NULL, AKIN_PARAM_REQUIRED | LETTER('n'),
               "model file of dsstne train"),
    PARAM_TEXT(struct dsstne_predict_params, text, NULL, AKIN_PARAM_REQUIRED | LETTER('r'),
               "text of the samples to predict for"),
    PARAM_TEXT(struct dsstne_predict_params, input_index, NULL, AKIN_PARAM_REQUIRED | LETTER('i'),
               "index of features: what it does not name is no input"),
    PARAM_TEXT(struct dsstne_predict_params, output_index, NULL, AKIN_PARAM_REQUIRED | LETTER('o'),
               "index of features: what it does not name is not listed"),
    PARAM_TEXT(struct dsstne_predict_params, filter, NULL, LETTER('f'),
               "text of what to leave out for each sample"),
    PARAM_TEXT(struct dsstne_predict_params, recs, NULL, AKIN_PARAM_REQUIRED | LETTER('s'),
               "file to write"),
    PARAM_INT(struct dsstne_predict_params, k, "100", 1, 100000, "features", LETTER('k'),
              "length of a list"),
    PARAM_INT(struct dsstne_predict_params, batch, "1024", 1, 65536, "samples", LETTER('b'),
              "samples ranked at a time; the answer is the same"),
    PARAM_TEXT(struct dsstne_predict_params, precision, "4.3f", LETTER('p'),
               "width.digits of scores, and f, e or g"),
    PARAM_TEXT(struct dsstne_predict_params, layer, "Output", LETTER('l'),
               "Output; other layers' numbers are not listed"),
    PARAM_END,
};

struct forecast {
    akin_ctx *ctx;
    struct dsstne_predict_params p;
    int width, digits;
    char kind;
    struct asker asker;
    struct dataset *text, *filter;
    struct op_output out;
    uint64_t *allowed;       /* bitmap over the model's items; owned */
    int64_t *ptr;            /* (samples + 1) owned */
    int32_t *item;           /* what is known of each sample; owned */
    float *weight;           /* owned */
    int64_t *out_ptr;        /* (samples + 1) of what is left out; owned */
    int32_t *out_item;       /* ascending a sample; owned */
    int32_t *order;          /* samples by id; owned */
    struct query *queries;   /* (batch) owned; so are the following */
    const int32_t **exclude; /* (batch) */
    int32_t *n_exclude;      /* (batch) */
    struct ranked *lists;    /* (batch, k) */
    int32_t *counts;         /* (batch) */
    float *z, *y;            /* (k), or (items) where an output depends on the others */
    int64_t n_rows;
};

/* "4.3f": two small numbers and a letter. */
static akin_status read_precision(struct forecast *f, akin_error *err)
{
    const char *p = f->p.precision;
    f->digits = -1;
    for (; *p >= '0' && *p <= '9' && f->width < 40; p++)
        f->width = 10 * f->width + (*p - '0');
    if (*p == '.')
        for (p++, f->digits = 0; *p >= '0' && *p <= '9' && f->digits < 20; p++)
            f->digits = 10 * f->digits + (*p - '0');
    f->kind = *p;
    if (!strchr("feg", *p) || !*p || p[1] || f->width > 40 || f->digits > 20)
        return error_set(err, AKIN_E_ARG, __FILE__, __LINE__,
                         "dsstne-predict: precision=%.20s (such as 4.3f: width up to 40, digits up "
                         "to 20, then f, e or g)",
                         f->p.precision);
    return AKIN_OK;
}

static void write_score(struct forecast *f, double score)
{
    if (f->kind == 'f')
        buf_printf(&f->out.buf, "%*.*f", f->width, f->digits, score);
    else if (f->kind == 'e')
        buf_printf(&f->out.buf, "%*.*e", f->width, f->digits, score);
    else
        buf_printf(&f->out.buf, "%*.*g", f->width, f->digits, score);
}

/* item (n): numbers in the model of a text's items, -1 = not there or not in the index (or NULL).
 */
static akin_status map_items(struct forecast *f, const struct dataset *ds, const char *index,
                             int32_t **map, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dsstne_index x;
    dsstne_index_init(&x, f->ctx);
    MEM_NEW(f->ctx, *map, ds->items.n);
    AKIN_TRY(ids_map(f->ctx, &ds->items, &f->asker.m->items, *map, err));
    if (index)
        AKIN_TRY(dsstne_index_read(&x, index, err));
    for (int32_t i = 0; index && i < ds->items.n; i++) {
        int32_t size;
        const char *id = ids_get(&ds->items, i, &size);
        if (!dsstne_index_has(&x, id, size))
            (*map)[i] = -1;
    }
done:
    dsstne_index_free(&x);
    return status;
}

/* What is known of each sample: its features that the model and the index have. */
static akin_status read_samples(struct forecast *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct model *m = f->asker.m;
    int32_t *map = NULL;
    AKIN_TRY(dsstne_text_open(f->ctx, f->p.text, true, &f->text, NULL, err));
    const struct dataset *ds = f->text;
    AKIN_TRY(map_items(f, ds, f->p.input_index, &map, err));
    MEM_ZERO(f->ctx, f->ptr, ds->users.n + 1);
    MEM_NEW(f->ctx, f->item, ds->n_events);
    MEM_NEW(f->ctx, f->weight, ds->n_events);
    int64_t n = 0;
    for (int32_t u = 0; u < ds->users.n; u++) {
        for (int64_t e = ds->user_ptr[u]; e < ds->user_ptr[u + 1]; e++) {
            float w = feedback_weight(m->feedback, ds->value ? ds->value[e] : 1.0F, -1, 0, m->now);
            if (map[ds->item[e]] < 0)
                continue;
            f->item[n] = map[ds->item[e]];
            f->weight[n++] = w;
        }
        f->ptr[u + 1] = n;
    }
    if (n == 0)
        AKIN_FAIL(AKIN_E_INPUT, "%s names no feature of %s and %s", f->p.text, f->p.network,
                  f->p.input_index);
    MEM_NEW(f->ctx, f->order, ds->users.n);
    AKIN_TRY(dsstne_order(f->ctx, &ds->users, f->order, err));
done:
    mem_free(f->ctx, map);
    return status;
}

static int by_item(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* What is left out of each sample, ascending. */
static akin_status read_filter(struct forecast *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *map = NULL, *sample = NULL;
    int64_t n = 0;
    if (!f->p.filter)
        return AKIN_OK;
    AKIN_TRY(dsstne_text_open(f->ctx, f->p.filter, false, &f->filter, NULL, err));
    const struct dataset *ds = f->filter, *of = f->text;
    AKIN_TRY(map_items(f, ds, NULL, &map, err));
    MEM_NEW(f->ctx, sample, of->users.n);
    AKIN_TRY(ids_map(f->ctx, &of->users, &ds->users, sample, err));
    MEM_ZERO(f->ctx, f->out_ptr, of->users.n + 1);
    MEM_NEW(f->ctx, f->out_item, ds->n_events);
    for (int32_t u = 0; u < of->users.n; u++) {
        int32_t row = sample[u];
        for (int64_t e = row < 0 ? 0 : ds->user_ptr[row]; row >= 0 && e < ds->user_ptr[row + 1];
             e++)
            if (map[ds->item[e]] >= 0)
                f->out_item[n++] = map[ds->item[e]];
        f->out_ptr[u + 1] = n;
    }
    for (int64_t u = 0; u < of->users.n; u++)
        qsort(f->out_item + f->out_ptr[u], (size_t)(f->out_ptr[u + 1] - f->out_ptr[u]),
              sizeof *f->out_item, by_item);
done:
    mem_free(f->ctx, map);
    mem_free(f->ctx, sample);
    return status;
}

static akin_status read_output_index(struct forecast *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct model *m = f->asker.m;
    struct dsstne_index x;
    int64_t n = 0;
    dsstne_index_init(&x, f->ctx);
    AKIN_TRY(dsstne_index_read(&x, f->p.output_index, err));
    MEM_ZERO(f->ctx, f->allowed, (m->items.n + 63) / 64);
    for (int32_t i = 0; i < m->items.n; i++) {
        int32_t size;
        const char *id = ids_get(&m->items, i, &size);
        if (!dsstne_index_has(&x, id, size))
            continue;
        AKIN_TRY(dsstne_check_name("feature", id, size, err));
        f->allowed[i / 64] |= (uint64_t)1 << (i % 64);
        n++;
    }
    if (n == 0)
        AKIN_FAIL(AKIN_E_INPUT, "%s names no feature of %s", f->p.output_index, f->p.network);
done:
    dsstne_index_free(&x);
    return status;
}

/* Outputs of the k listed items from what rank/ ordered them by. */
static akin_status answers(struct forecast *f, const struct query *q, const struct ranked *list,
                           int32_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct model *m = f->asker.m;
    if (network_is_by_item(m)) {
        for (int32_t j = 0; j < n; j++)
            f->z[j] = list[j].score;
        network_answer(m, n, f->z, f->y);
        return AKIN_OK;
    }
    AKIN_TRY(rank_scores_all(f->asker.ranker, q, f->z, err));
    network_answer(m, m->items.n, f->z, f->y);
    for (int32_t j = 0; j < n; j++)
        f->z[j] = f->y[list[j].item];
    memcpy(f->y, f->z, (size_t)n * sizeof *f->y);
done:
    return status;
}

static akin_status write_list(struct forecast *f, int32_t sample, const struct query *q,
                              const struct ranked *list, int32_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct buf *buf = &f->out.buf;
    int32_t size;
    const char *id = ids_get(&f->text->users, sample, &size);
    AKIN_TRY(answers(f, q, list, n, err));
    buf_add(buf, id, (size_t)size);
    buf_char(buf, '\t');
    for (int32_t j = 0; j < n; j++) {
        id = ids_get(&f->asker.m->items, list[j].item, &size);
        buf_add(buf, id, (size_t)size);
        buf_char(buf, ',');
        write_score(f, (double)f->y[j]);
        buf_char(buf, ':');
    }
    buf_char(buf, '\n');
    f->n_rows += n;
    AKIN_TRY(op_output_flush(&f->out, false, err));
done:
    return status;
}

static akin_status predict_block(struct forecast *f, int64_t lo, int64_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct rank_options opt = {.k = (int32_t)f->p.k, .include_seen = true, .allowed = f->allowed};
    for (int64_t j = 0; j < n; j++) {
        int32_t u = f->order[lo + j];
        f->queries[j] = (struct query){.user = -1,
                                       .hist = {.n = (int32_t)(f->ptr[u + 1] - f->ptr[u]),
                                                .item = f->item + f->ptr[u],
                                                .weight = f->weight + f->ptr[u]},
                                       .now = f->asker.m->now};
        if (f->filter) {
            f->exclude[j] = f->out_item + f->out_ptr[u];
            f->n_exclude[j] = (int32_t)(f->out_ptr[u + 1] - f->out_ptr[u]);
        }
    }
    if (f->filter) {
        opt.exclude = f->exclude;
        opt.n_exclude = f->n_exclude;
    }
    AKIN_TRY(rank_lists(f->asker.ranker, f->queries, n, &opt, f->lists, f->counts, err));
    for (int64_t j = 0; j < n; j++)
        AKIN_TRY(write_list(f, f->order[lo + j], &f->queries[j], f->lists + j * f->p.k,
                            f->counts[j], err));
done:
    return status;
}

static akin_status predict_all(struct forecast *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = f->text->users.n, items = f->asker.m->items.n;
    int64_t batch = f->p.batch < n ? f->p.batch : n;
    int64_t longest = f->p.k > items ? f->p.k : items;
    MEM_NEW(f->ctx, f->queries, batch);
    MEM_NEW(f->ctx, f->exclude, batch);
    MEM_NEW(f->ctx, f->n_exclude, batch);
    MEM_NEW(f->ctx, f->lists, batch * f->p.k);
    MEM_NEW(f->ctx, f->counts, batch);
    MEM_NEW(f->ctx, f->z, longest);
    MEM_NEW(f->ctx, f->y, longest);
    AKIN_TRY(op_output_open(f->ctx, f->p.recs, &f->out, err));
    progress_begin(f->ctx, "predict", n);
    for (int64_t lo = 0; lo < n && status == AKIN_OK; lo += batch)
        status = predict_block(f, lo, n - lo < batch ? n - lo : batch, err);
    progress_end(f->ctx);
    AKIN_TRY(status);
    AKIN_TRY(op_output_close(&f->out, err));
done:
    return status;
}

static void forecast_free(struct forecast *f)
{
    op_output_abort(&f->out);
    asker_close(&f->asker);
    dataset_free(f->text);
    dataset_free(f->filter);
    mem_free(f->ctx, f->allowed);
    mem_free(f->ctx, f->ptr);
    mem_free(f->ctx, f->item);
    mem_free(f->ctx, f->weight);
    mem_free(f->ctx, f->out_ptr);
    mem_free(f->ctx, f->out_item);
    mem_free(f->ctx, f->order);
    mem_free(f->ctx, f->queries);
    mem_free(f->ctx, (void *)f->exclude);
    mem_free(f->ctx, f->n_exclude);
    mem_free(f->ctx, f->lists);
    mem_free(f->ctx, f->counts);
    mem_free(f->ctx, f->z);
    mem_free(f->ctx, f->y);
}

static akin_status dsstne_predict_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct forecast f = {.ctx = call->ctx};
    AKIN_TRY(op_parse(call, 0, &f.p, err));
    AKIN_TRY(read_precision(&f, err));
    if (strcmp(f.p.layer, "Output") != 0)
        AKIN_FAIL(AKIN_E_UNSUPPORTED, "dsstne-predict: layer=%.40s (only Output is listed)",
                  f.p.layer);
    AKIN_TRY(asker_load(call->ctx, f.p.network, &f.asker, err));
    if (!network_is(f.asker.m))
        AKIN_FAIL(AKIN_E_INPUT, "%s is a model of type %s (must be a network)", f.p.network,
                  f.asker.m->cls->name);
    AKIN_TRY(read_output_index(&f, err));
    AKIN_TRY(read_samples(&f, err));
    AKIN_TRY(read_filter(&f, err));
    AKIN_TRY(predict_all(&f, err));
    *result = json_pack("{s:s, s:i, s:I}", "recs", f.p.recs, "samples", f.text->users.n, "listed",
                        (json_int_t)f.n_rows);
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "dsstne-predict: out of memory");
done:
    forecast_free(&f);
    return status;
}

const struct op op_dsstne_predict = {
    {"dsstne-predict",
     "DSSTNE's predict: the best features for each sample, in its text",
     "akin dsstne predict -b 256 -d gl -i features_input -o features_output -k 10 -n gl.nc "
     "-f ml-20m_ratings -s recs -r ml-20m_ratings",
     {{"Options", dsstne_predict_rows}},
     1},
    dsstne_predict_run,
};
