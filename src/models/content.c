/*
 * content: items whose attributes are like those of the asker's own (Lops, de Gemmis, Semeraro
 * 2011, doi:10.1007/978-0-387-85820-3_3; Salton, Wong, Yang 1975, doi:10.1145/361219.361220).
 *
 * x_i: the features of item i (data/features.h), each kind g of them of length √(w_g / Σ w), so
 * that x_i·x_j is the mean of the kinds' cosines; with mean=whole all of x_i of length 1, so that
 * it is the cosine of the whole. score(i) = p·x_i / ‖p‖ with p = Σ over the asker's items j of
 * w_j·x_j, w_j the folded weight of j.
 *
 * p goes through postings (feature → items): an item that shares nothing has no score. Nobody
 * else's events take part; items without events are scored like others, and an item that came
 * after the fit by its attributes alone.
 * Cost: fit O(bytes of texts); 16 bytes a feature of an item; a request Σ over features of p of
 * the items that have it. Not done: learning which features matter to whom, dense embeddings.
 */
#include "core/par.h"
#include "data/features.h"
#include "data/words.h"
#include "models/folded.h"
#include "models/model_impl.h"

#include <inttypes.h>
#include <string.h>

enum { MEAN_WHOLE, MEAN_KINDS };

struct content_params {
    int64_t language;
    int64_t ngrams;
    int64_t min_df;
    double max_df;
    int64_t max_words;
    int64_t weighting;
    double bm25_k1;
    double bm25_b;
    int64_t bins;
    json_t *columns;
    int64_t mean;
    double word_weight;
    double category_weight;
    double tag_weight;
    double number_weight;
};

static const akin_param content_rows[] = {
    PARAM_CHOICE(struct content_params, language, "english", WORDS_LANGUAGES, 0,
                 "of the texts: stop words and stems; `none` takes words as they are"),
    PARAM_INT(struct content_params, ngrams, "1", 1, WORDS_NGRAMS, "words", AKIN_PARAM_TUNE,
              "so many words that follow each other are features of their own"),
    PARAM_INT(struct content_params, min_df, "1", 1, 1e9, "items", AKIN_PARAM_TUNE,
              "words of fewer items are left out"),
    PARAM_REAL(struct content_params, max_df, "1", 0, 1, "", 0,
               "words of more than this share of the items that have words are left out"),
    PARAM_INT(struct content_params, max_words, "200000", 1, 1e8, "words", 0,
              "of more, those of most items are kept"),
    PARAM_CHOICE(struct content_params, weighting, "bm25", FEATURE_WEIGHTINGS, AKIN_PARAM_TUNE,
                 "how words weigh"),
    PARAM_REAL(struct content_params, bm25_k1, "1.2", 0, 1e6, "", 0, "bm25: saturation of counts"),
    PARAM_REAL(struct content_params, bm25_b, "0.75", 0, 1, "", 0,
               "bm25: how far long texts are brought down"),
    PARAM_INT(struct content_params, bins, "10", 2, FEATURE_BINS, "", 0,
              "numbers are alike that fall into the same of so many bins of equal counts"),
    PARAM_LIST(struct content_params, columns, NULL, 0,
               "names of the columns of the items to go by, and of texts of events; all if none"),
    PARAM_CHOICE(struct content_params, mean, "kinds", "whole|kinds", AKIN_PARAM_TUNE,
                 "likeness over all features that an item has, or its mean over kinds, 0 for a "
                 "kind that is missing"),
    PARAM_REAL(struct content_params, word_weight, "1", 0, 1e6, "", AKIN_PARAM_TUNE,
               "weight of the words of texts"),
    PARAM_REAL(struct content_params, category_weight, "0.25", 0, 1e6, "", AKIN_PARAM_TUNE,
               "weight of categories"),
    PARAM_REAL(struct content_params, tag_weight, "2", 0, 1e6, "", AKIN_PARAM_TUNE,
               "weight of tags"),
    PARAM_REAL(struct content_params, number_weight, "0.1", 0, 1e6, "", AKIN_PARAM_TUNE,
               "weight of numbers"),
};

struct content {
    const struct model *owner;
    struct features *features; /* owned */
    struct csr rows;           /* (items, features): x; owned, or views into the file */
    struct csr postings;       /* its transpose; owned */
    float scale[FEATURE_KINDS];
};

static const struct content_params *params_of(const struct model *m)
{
    return m->params;
}

static struct feature_options options_of(const struct content_params *p)
{
    return (struct feature_options){.language = p->language,
                                    .ngrams = p->ngrams,
                                    .min_df = p->min_df,
                                    .max_df = p->max_df,
                                    .max_words = p->max_words,
                                    .weighting = p->weighting,
                                    .bm25_k1 = p->bm25_k1,
                                    .bm25_b = p->bm25_b,
                                    .bins = p->bins,
                                    .columns = p->columns};
}

/* ---- Items --------------------------------------------------------------------------------- */

/* √w_g, or √(w_g / Σ w) over the kinds that there are. */
static akin_status set_scales(struct content *self, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct content_params *p = params_of(self->owner);
    const double weight[FEATURE_KINDS] = {[FEATURE_CATEGORIES] = p->category_weight,
                                          [FEATURE_NUMBERS] = p->number_weight,
                                          [FEATURE_TAGS] = p->tag_weight,
                                          [FEATURE_WORDS] = p->word_weight};
    double total = 0;
    for (enum feature_kind kind = 0; kind < FEATURE_KINDS; kind++) {
        int32_t lo, hi;
        features_range(self->features, kind, &lo, &hi);
        total += hi > lo ? weight[kind] : 0;
    }
    if (!(total > 0))
        AKIN_FAIL(AKIN_E_ARG, "content: the kinds of features that these items have all weigh 0 "
                              "(word_weight, category_weight, tag_weight, number_weight)");
    for (int kind = 0; kind < FEATURE_KINDS; kind++)
        self->scale[kind] = (float)sqrt(weight[kind] / (p->mean == MEAN_KINDS ? total : 1));
done:
    return status;
}

/* A vector of features becomes a row of x. */
static void scale_row(const struct content *self, const int32_t *feature, float *value, int64_t n)
{
    double square = 0;
    for (enum feature_kind kind = 0; kind < FEATURE_KINDS; kind++) {
        int32_t lo, hi;
        features_range(self->features, kind, &lo, &hi);
        for (int64_t e = 0; e < n; e++)
            if (feature[e] >= lo && feature[e] < hi)
                value[e] *= self->scale[kind];
    }
    for (int64_t e = 0; e < n; e++)
        square += (double)value[e] * (double)value[e];
    if (params_of(self->owner)->mean != MEAN_WHOLE || !(square > 0))
        return;
    double scale = 1 / sqrt(square);
    for (int64_t e = 0; e < n; e++)
        value[e] = (float)((double)value[e] * scale);
}

/* Rows of events by item, in their order; NULL if events say nothing. */
static akin_status index_events(akin_ctx *ctx, const struct dataset *ds, int64_t **ptr,
                                int64_t **event, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool has_texts = false;
    for (int32_t c = 0; c < ds->event_table.n_cols; c++)
        has_texts = has_texts || ds->event_table.cols[c].type == COL_TEXT;
    if (!has_texts)
        goto done;
    MEM_ZERO(ctx, *ptr, (int64_t)ds->items.n + 2);
    MEM_NEW(ctx, *event, ds->n_events);
    int64_t *at = *ptr + 1; /* ends where the next item begins */
    for (int64_t e = 0; e < ds->n_events; e++)
        at[ds->item[e] + 1]++;
    for (int32_t i = 0; i < ds->items.n; i++)
        at[i + 1] += at[i];
    for (int64_t e = 0; e < ds->n_events; e++)
        (*event)[at[ds->item[e]]++] = e;
done:
    return status;
}

static akin_status content_fit(struct model *m, const struct train_view *tv,
                               const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct content *self = m->self;
    const struct feature_options options = options_of(params_of(m));
    int64_t *ptr = NULL, *event = NULL;
    int32_t n = m->items.n;
    self->owner = m;
    progress_begin(m->ctx, "features", 2 * (int64_t)n);
    AKIN_TRY(index_events(m->ctx, tv->ds, &ptr, &event, err));
    const struct item_source source = {.items = &m->item_table,
                                       .tags = &m->tags,
                                       .events = ptr ? &tv->ds->event_table : NULL,
                                       .event_ptr = ptr,
                                       .event = event};
    AKIN_TRY(features_fit(m->ctx, &options, &source, n, &self->features, err));
    AKIN_TRY(set_scales(self, err));
    AKIN_TRY(features_matrix(self->features, &source, n, &self->rows, err));
    for (int32_t i = 0; i < n; i++) {
        int64_t at = self->rows.ptr[i];
        scale_row(self, self->rows.col + at, self->rows.val + at, self->rows.ptr[i + 1] - at);
    }
    AKIN_TRY(csr_transpose(m->ctx, &self->rows, &self->postings, err));
done:
    progress_end(m->ctx);
    mem_free(m->ctx, ptr);
    mem_free(m->ctx, event);
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

/* Sums by feature, and which were touched, in the arena it was made in. */
struct profile {
    struct folded h; /* the items behind it */
    float *value;    /* (features) */
    int32_t *touched;
    int32_t n;
    float scale; /* 1 / its length; 0 = it is empty */
};

static akin_status profile_new(const struct content *self, int64_t most, struct arena *scratch,
                               struct profile *out, akin_error *err)
{
    int64_t n = features_count(self->features);
    out->value = arena_alloc(scratch, n, sizeof *out->value, err);
    out->touched = out->value ? arena_alloc(scratch, most, sizeof *out->touched, err) : NULL;
    return out->touched ? AKIN_OK : AKIN_E_MEMORY;
}

static void profile_add(const struct content *self, int32_t item, float weight, struct profile *out)
{
    const struct csr *x = &self->rows;
    for (int64_t e = x->ptr[item]; e < x->ptr[item + 1]; e++) {
        float more = weight * x->val[e], *value = &out->value[x->col[e]];
        if (!(more > 0)) /* a kind of weight 0 speaks for nothing */
            continue;
        if (!(*value > 0))
            out->touched[out->n++] = x->col[e];
        *value += more;
    }
}

static akin_status profile_of(const struct content *self, const struct query *q,
                              struct arena *scratch, struct profile *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct csr *x = &self->rows;
    int64_t most = 1;
    double square = 0;
    *out = (struct profile){0};
    AKIN_TRY(folded_make(&q->hist, (int32_t)x->n_rows, false, scratch, &out->h, err));
    for (int32_t j = 0; j < out->h.n; j++)
        most += x->ptr[out->h.item[j] + 1] - x->ptr[out->h.item[j]];
    AKIN_TRY(profile_new(self, most, scratch, out, err));
    for (int32_t j = 0; j < out->h.n; j++)
        profile_add(self, out->h.item[j], out->h.x[j], out);
    for (int32_t t = 0; t < out->n; t++) {
        double v = (double)out->value[out->touched[t]];
        square += v * v;
    }
    out->scale = square > 0 ? (float)(1 / sqrt(square)) : 0;
done:
    return status;
}

/* Adds p·x_i of all items that share a feature with p. */
static void postings_add(const struct content *self, const struct profile *p, struct evidence *out)
{
    const struct csr *to = &self->postings;
    for (int32_t t = 0; t < p->n; t++) {
        int32_t feature = p->touched[t];
        float weight = p->value[feature] * p->scale;
        for (int64_t e = to->ptr[feature]; e < to->ptr[feature + 1]; e++)
            evidence_add(out, to->col[e], weight * to->val[e]);
    }
}

static akin_status content_evidence(const void *state, const struct query *q, struct evidence *out,
                                    struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct content *self = state;
    struct profile p;
    AKIN_TRY(profile_of(self, q, scratch, &p, err));
    postings_add(self, &p, out);
done:
    return status;
}

static akin_status content_similar(const void *state, int32_t item, struct evidence *out,
                                   struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct content *self = state;
    struct profile p = {.scale = 1};
    AKIN_TRY(
        profile_new(self, self->rows.ptr[item + 1] - self->rows.ptr[item] + 1, scratch, &p, err));
    profile_add(self, item, 1.0F, &p);
    postings_add(self, &p, out);
done:
    return status;
}

static struct item_state row_of(const struct content *self, int32_t item)
{
    const struct csr *x = &self->rows;
    int64_t at = x->ptr[item];
    return (struct item_state){(int32_t)(x->ptr[item + 1] - at), x->col + at, x->val + at};
}

/* x_i·x_j over what both have, features ascending. */
static float likeness(struct item_state a, struct item_state b)
{
    int32_t i = 0, j = 0;
    float sum = 0;
    while (i < a.n && j < b.n) {
        if (a.index[i] == b.index[j])
            sum += a.value[i++] * b.value[j++];
        else if (a.index[i] < b.index[j])
            i++;
        else
            j++;
    }
    return sum;
}

static akin_status content_explain_state(const void *state, const struct query *q,
                                         const struct item_state *item, struct reason *out,
                                         int32_t max, int32_t *n, struct arena *scratch,
                                         akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct content *self = state;
    struct profile p;
    *n = 0;
    AKIN_TRY(profile_of(self, q, scratch, &p, err));
    for (int32_t j = 0; j < p.h.n; j++) {
        float x = p.h.x[j] * likeness(row_of(self, p.h.item[j]), *item) * p.scale;
        if (x > 0)
            *n = reason_put(out, max, *n, p.h.item[j], x);
    }
done:
    return status;
}

static akin_status content_explain(const void *state, const struct query *q, int32_t item,
                                   struct reason *out, int32_t max, int32_t *n,
                                   struct arena *scratch, akin_error *err)
{
    const struct item_state row = row_of(state, item);
    return content_explain_state(state, q, &row, out, max, n, scratch, err);
}

/* ---- Items that came later ----------------------------------------------------------------- */

static akin_status content_fold_in_item(const void *state, const struct attributes *a,
                                        struct item_state *out, struct arena *scratch,
                                        akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct content *self = state;
    struct feature_reader *r = NULL;
    struct feature_vector v;
    *out = (struct item_state){0};
    AKIN_TRY(feature_reader_create(self->features, &r, err));
    AKIN_TRY(features_apply(r, a, &v, err));
    if (v.n == 0)
        goto done;
    int32_t *index = arena_alloc(scratch, v.n, sizeof *index, err);
    float *value = index ? arena_alloc(scratch, v.n, sizeof *value, err) : NULL;
    if (!value)
        AKIN_TRY(AKIN_E_MEMORY);
    memcpy(index, v.feature, (size_t)v.n * sizeof *index);
    memcpy(value, v.value, (size_t)v.n * sizeof *value);
    scale_row(self, index, value, v.n);
    *out = (struct item_state){v.n, index, value};
done:
    feature_reader_free(r);
    return status;
}

static akin_status content_score_states(const void *state, const struct query *q,
                                        const struct item_state *items, int32_t n, float *out,
                                        struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct content *self = state;
    struct profile p;
    AKIN_TRY(profile_of(self, q, scratch, &p, err));
    for (int32_t i = 0; i < n; i++) {
        float sum = 0;
        for (int32_t e = 0; e < items[i].n; e++)
            sum += p.value[items[i].index[e]] * p.scale * items[i].value[e];
        out[i] = sum > 0 ? sum : UNSCORED;
    }
done:
    return status;
}

/* ---- Files --------------------------------------------------------------------------------- */

static akin_status content_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct content *self = m->self;
    const struct csr *x = &self->rows;
    AKIN_TRY(features_save(w, "m.features", self->features, err));
    AKIN_TRY(container_add(w, "m.ptr", CONTAINER_REQUIRED, x->ptr,
                           (x->n_rows + 1) * (int64_t)sizeof *x->ptr, err));
    AKIN_TRY(container_add(w, "m.feature", CONTAINER_REQUIRED, x->col,
                           csr_nnz(x) * (int64_t)sizeof *x->col, err));
    AKIN_TRY(container_add(w, "m.value", CONTAINER_REQUIRED, x->val,
                           csr_nnz(x) * (int64_t)sizeof *x->val, err));
done:
    return status;
}

static akin_status check_rows(const struct csr *x, int64_t n_feature, int64_t n_value,
                              const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (x->ptr[0] != 0 || x->ptr[x->n_rows] != n_feature || n_feature != n_value)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: sections m.ptr, m.feature and m.value do not fit", path);
    for (int64_t i = 0; i < x->n_rows; i++)
        if (x->ptr[i] > x->ptr[i + 1])
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.ptr does not ascend", path);
    for (int64_t i = 0; i < x->n_rows; i++)
        for (int64_t e = x->ptr[i]; e < x->ptr[i + 1]; e++) {
            if (x->col[e] < 0 || x->col[e] >= x->n_cols ||
                (e > x->ptr[i] && x->col[e] <= x->col[e - 1]))
                AKIN_FAIL(AKIN_E_FORMAT,
                          "%s: section m.feature: feature %d of %" PRId64 " at %" PRId64, path,
                          x->col[e], x->n_cols, e);
            if (!(x->val[e] >= 0) || isinf(x->val[e]))
                AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.value: %g at %" PRId64, path,
                          (double)x->val[e], e);
        }
done:
    return status;
}

/* An array of a file as csr has it: nobody writes it. */
static void *view(const void *data)
{
    union {
        const void *in;
        void *out;
    } cast = {data};
    return cast.out;
}

static akin_status content_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct content *self = m->self;
    struct csr *x = &self->rows;
    const struct feature_options options = options_of(params_of(m));
    const void *ptr, *feature, *value;
    int64_t n_ptr, n_feature, n_value;
    self->owner = m;
    AKIN_TRY(features_load(m->ctx, c, "m.features", &options, &self->features, err));
    AKIN_TRY(set_scales(self, err));
    AKIN_TRY(container_get(c, "m.ptr", sizeof *x->ptr, false, &ptr, &n_ptr, err));
    AKIN_TRY(container_get(c, "m.feature", sizeof *x->col, false, &feature, &n_feature, err));
    AKIN_TRY(container_get(c, "m.value", sizeof *x->val, false, &value, &n_value, err));
    if (n_ptr != (int64_t)m->items.n + 1)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.ptr has %" PRId64 " entries for %d items",
                  container_path(c), n_ptr, m->items.n);
    *x = (struct csr){m->items.n, features_count(self->features), view(ptr), view(feature),
                      view(value)};
    AKIN_TRY(check_rows(x, n_feature, n_value, container_path(c), err));
    AKIN_TRY(csr_transpose(m->ctx, x, &self->postings, err));
done:
    return status;
}

static void content_destroy(struct model *m)
{
    struct content *self = m->self;
    if (!m->file) /* else views into it */
        csr_free(m->ctx, &self->rows);
    csr_free(m->ctx, &self->postings);
    features_free(self->features);
}

static void content_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                             double *bytes, double *flops)
{
    (void)n_users;
    (void)nnz;
    /* texts are not known here: a hundred words an item, read twice, a thousand operations each */
    const struct content_params *p = params;
    double words = 100.0 * (double)n_items * (double)p->ngrams;
    *bytes = 24 * words + 64 * (words < (double)p->max_words ? words : (double)p->max_words);
    *flops = 2000 * words;
}

const struct model_class model_content = {
    .name = "content",
    .summary = "items whose texts, categories, tags and numbers are like the asker's own",
    .flags = MODEL_CLOSED_FORM,
    .params = content_rows,
    .n_params = PARAM_COUNT(content_rows),
    .params_size = sizeof(struct content_params),
    .self_size = sizeof(struct content),
    .fit = content_fit,
    .scorer = {.evidence = content_evidence,
               .explain = content_explain,
               .similar = content_similar,
               .fold_in_item = content_fold_in_item,
               .score_states = content_score_states,
               .explain_state = content_explain_state},
    .save = content_save,
    .load = content_load,
    .destroy = content_destroy,
    .estimate = content_estimate,
};
