/*
 * What the targets of readers share. An input is read in one piece and again in pieces of 16 bytes
 * and more: both must agree, on every row, text and defect or on the refusal. The whole of prepare
 * costs ten times as much as reading and is the target of the same name; a replay does both.
 */
#ifndef TESTS_FUZZ_PREPARE_H
#define TESTS_FUZZ_PREPARE_H

#include "fuzz_base.h"

#include "core/param.h"
#include "data/dataset_check.h"
#include "data/format.h"
#include "data/ingest.h"

enum { FUZZ_NOW = 1800000000 };

/* The options that text (a literal) stands for, parsed when first asked for: they cost as much as a
 * small input. In a context of their own, so that they count as no leak. */
static inline const struct prepare_params *fuzz_params(const char *text)
{
    enum { MOST = 16 };
    static struct {
        const char *text;
        struct prepare_params p;
        struct arena arena;
    } known[MOST];
    static akin_ctx *ctx;
    int i = 0;
    while (i < MOST && known[i].text && known[i].text != text)
        i++;
    if (i == MOST || (!ctx && ctx_create(1, 42, 0, &ctx, NULL) != AKIN_OK))
        abort();
    if (known[i].text)
        return &known[i].p;
    akin_error err = {0};
    json_t *object = json_loads(text, 0, NULL);
    json_object_set_new(object, "source", json_array());
    json_object_set_new(object, "max_line", json_integer(300));
    arena_init(&known[i].arena, ctx);
    if (param_parse("prepare", prepare_param_rows, prepare_n_params, object, &known[i].arena,
                    &known[i].p, &err))
        fuzz_fail(text, &err);
    json_decref(object);
    known[i].text = text;
    return &known[i].p;
}

static inline int64_t fuzz_piece_whole(size_t size)
{
    return (int64_t)(size | 4095) + 1;
}

/* Tiny pieces for some inputs, a handful for most: each costs what a small file does. */
static inline int64_t fuzz_piece_cut(size_t size)
{
    return 16 + (int64_t)(size % 7) * 5 + (size % 8 == 0 ? 0 : (int64_t)size / 4);
}

/* ---- reading ---- */

static inline akin_status fuzz_read(akin_ctx *ctx, struct input *in, const struct read_plan *plan,
                                    struct ingest *ing, uint64_t *hash)
{
    akin_error err = {0};
    ingest_init(ing, ctx, 1000);
    akin_status status = ingest_source(ing, in, plan, hash, &err);
    fuzz_refused(status, &err);
    return status;
}

/* What an id is, whatever its code: the hash of its text. */
static inline uint64_t fuzz_id(const struct idcol *col, bool is_text, uint32_t code)
{
    char text[10];
    if (is_text)
        return col->part[code % IDCOL_PARTS].hash[code / IDCOL_PARTS];
    return idset_hash(text, id_from_u32(code, text));
}

static inline const struct segment *fuzz_segment(const struct ingest *ing, int64_t row)
{
    for (int64_t s = 0; s < ing->n_seg; s++)
        if (row >= ing->seg[s].lo && row < ing->seg[s].hi)
            return &ing->seg[s];
    abort();
}

static inline bool fuzz_same_row(const struct ingest *a, const struct ingest *b, int64_t i,
                                 bool has_type)
{
    const struct row *x = ingest_row(a, i), *y = ingest_row(b, i);
    const struct segment *s = fuzz_segment(a, i), *t = fuzz_segment(b, i);
    if (fuzz_id(&a->user, s->user_is_text, x->user) !=
            fuzz_id(&b->user, t->user_is_text, y->user) ||
        fuzz_id(&a->item, s->item_is_text, x->item) !=
            fuzz_id(&b->item, t->item_is_text, y->item) ||
        memcmp(&x->value, &y->value, sizeof x->value) != 0 || x->time != y->time)
        return false;
    if (!a->has_ext)
        return true;
    const struct row_ext *e = &a->ext[0][i], *f = &b->ext[0][i];
    return e->role == f->role &&
           (!has_type || fuzz_id(&a->type, true, e->type) == fuzz_id(&b->type, true, f->type));
}

static inline bool fuzz_same_defects(const struct defects *a, const struct defects *b)
{
    if (memcmp(a->n, b->n, sizeof a->n) != 0)
        return false;
    /* The end of a line that is skipped unread is not looked at; crlf is a note, no defect. */
    if (a->crlf != b->crlf && a->n[DEFECT_LINE_TOO_LONG] == 0)
        return false;
    for (int d = 0; d < DEFECT_COUNT; d++)
        for (int i = 0; i < DEFECT_SAMPLES && i < a->n[d]; i++)
            if (a->sample[d][i].line != b->sample[d][i].line ||
                strcmp(a->sample[d][i].text, b->sample[d][i].text) != 0)
                return false;
    return true;
}

static inline bool fuzz_same(const struct ingest *a, const struct ingest *b, bool has_type)
{
    int64_t n = a->n_rows * a->n_extra;
    if (a->n_rows != b->n_rows || a->n_records != b->n_records || a->line_total != b->line_total ||
        a->has_role != b->has_role || a->n_labels != b->n_labels || a->text.size != b->text.size ||
        !fuzz_same_defects(&a->defects, &b->defects) ||
        (n > 0 && memcmp(a->text_end, b->text_end, (size_t)n * sizeof *a->text_end) != 0) ||
        (a->text.size > 0 && memcmp(a->text.data, b->text.data, (size_t)a->text.size) != 0))
        return false;
    for (int64_t i = 0; i < a->n_labels; i++)
        if (a->labels[i].line != b->labels[i].line ||
            memcmp(&a->labels[i].label, &b->labels[i].label, sizeof(double)) != 0)
            return false;
    for (int64_t i = 0; i < a->n_rows; i++)
        if (!fuzz_same_row(a, b, i, has_type))
            return false;
    return true;
}

static inline void fuzz_reader(const char *name, const uint8_t *data, size_t size,
                               const struct prepare_params *p)
{
    akin_ctx *ctx = fuzz_ctx();
    struct input *in = NULL;
    struct read_plan *plan = NULL;
    struct idset types;
    struct ingest whole, cut;
    uint64_t hash;
    akin_error err = {0};
    json_t *note = json_object();
    idset_init(&types, ctx);
    for (size_t i = 0; i < json_array_size(p->event_types); i++) {
        const char *type = json_string_value(json_array_get(p->event_types, i));
        int64_t length = (int64_t)strlen(type);
        uint32_t number;
        if (idset_add(&types, idset_hash(type, length), type, length, &number, &err) != AKIN_OK)
            fuzz_fail("types", &err);
    }
    if (input_open_memory(ctx, name, data, (int64_t)size, &in, &err) != AKIN_OK)
        fuzz_fail("open", &err);
    akin_status status =
        plan_create(ctx, p, FUZZ_NOW + 86400, in, 0, types.n ? &types : NULL, note, &plan, &err);
    fuzz_refused(status, &err);
    if (status == AKIN_OK) {
        plan->piece = fuzz_piece_whole(size);
        status = fuzz_read(ctx, in, plan, &whole, &hash);
        plan->piece = fuzz_piece_cut(size);
        if (fuzz_read(ctx, in, plan, &cut, &hash) != status)
            fuzz_fail("only refused in one piece or in several", NULL);
        if (status == AKIN_OK && !fuzz_same(&whole, &cut, plan->has_type))
            fuzz_fail("one piece and several differ", NULL);
        ingest_free(&whole);
        ingest_free(&cut);
    }
    plan_free(ctx, plan);
    input_close(in);
    idset_free(&types);
    json_decref(note);
    fuzz_clean(ctx, 0);
}

/* ---- the whole of prepare ---- */

struct fuzz_result {
    akin_status status;
    uint64_t sum;
    json_t *dropped;
};

static inline struct fuzz_result fuzz_once(const char *name, const uint8_t *data, size_t size,
                                           const struct prepare_params *params, int64_t piece)
{
    akin_ctx *ctx = fuzz_ctx();
    struct fuzz_result r = {AKIN_OK, 0, NULL};
    struct prepare_params p = *params;
    struct dataset *ds = NULL;
    json_t *report = NULL;
    akin_error err = {0};
    p.piece = piece;
    r.status =
        dataset_prepare_bytes(ctx, &p, name, data, (int64_t)size, FUZZ_NOW, &ds, &report, &err);
    fuzz_refused(r.status, &err);
    if (r.status == AKIN_OK) {
        if (dataset_check(ds, "fuzz", AKIN_E_INTERNAL, &err) != AKIN_OK)
            fuzz_fail("an unsound dataset", &err);
        r.sum = dataset_fingerprint(ds);
        r.dropped = json_incref(json_object_get(report, "dropped"));
    }
    dataset_free(ds);
    json_decref(report);
    fuzz_clean(ctx, 0);
    return r;
}

static inline void fuzz_whole(const char *name, const uint8_t *data, size_t size,
                              const struct prepare_params *p)
{
    struct fuzz_result whole = fuzz_once(name, data, size, p, fuzz_piece_whole(size));
    struct fuzz_result cut = fuzz_once(name, data, size, p, fuzz_piece_cut(size));
    if (whole.status != cut.status || whole.sum != cut.sum ||
        (whole.dropped && !json_equal(whole.dropped, cut.dropped)))
        fuzz_fail("datasets of one piece and of several differ", NULL);
    json_decref(whole.dropped);
    json_decref(cut.dropped);
}

static inline int fuzz_prepare(const char *name, const uint8_t *data, size_t size,
                               const char *params)
{
    const struct prepare_params *p = fuzz_params(params);
    if (size > 1 << 16)
        return 0;
    fuzz_reader(name, data, size, p);
#ifndef AKIN_FUZZING
    fuzz_whole(name, data, size, p);
#endif
    return 0;
}

#endif
