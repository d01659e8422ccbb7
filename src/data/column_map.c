/*
 * Final numbers of ids. Integers that were seen lie in a bitmap: flat while the greatest is small,
 * else paged (64 bytes for each 512 integers that occur), so that ids such as Unix times or hashes
 * cost memory by their count, not by their size. They are turned to text once each, joined with
 * the texts, numbered by ids_build, and looked up again by a direct table or by rank in the bitmap.
 * Cost: O(distinct ids), and one more pass over the rows only if integers are large.
 */
#include "data/ingest.h"

#include "core/par.h"

#include <inttypes.h>
#include <string.h>

enum { FEW_ROWS = 1 << 17 };

#define NO_PAGE UINT32_MAX

struct pages {             /* bitmap by pages of 512 integers */
    _Atomic uint32_t *dir; /* mark, then page number */
    _Atomic uint64_t *bits;
    uint32_t *base; /* (n) integers before the page */
    int64_t n_dir;
    int64_t n;
    int64_t n_ints;
};

struct page_job {
    struct ingest *ing;
    struct pages *pages;
    bool is_user;
    bool is_second;
};

void idmap_free(akin_ctx *ctx, struct idmap *m)
{
    mem_free(ctx, m->direct);
    mem_free(ctx, m->dir);
    mem_free(ctx, m->bits);
    mem_free(ctx, m->base);
    mem_free(ctx, m->number);
    mem_free(ctx, m->text);
    memset(m, 0, sizeof *m);
}

/* Marks the pages (first pass) or the bits (second) of the integers of one slab. */
static akin_status page_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct page_job *job = arg;
    const struct ingest *ing = job->ing;
    struct pages *pages = job->pages;
    int64_t lo = block << SLAB_BITS;
    int64_t hi = lo + SLAB_ROWS < ing->n_rows ? lo + SLAB_ROWS : ing->n_rows;
    for (int64_t s = 0; s < ing->n_seg; s++) {
        const struct segment *seg = &ing->seg[s];
        if (job->is_user ? seg->user_is_text : seg->item_is_text)
            continue;
        int64_t a = seg->lo > lo ? seg->lo : lo;
        int64_t b = seg->hi < hi ? seg->hi : hi;
        for (int64_t i = a; i < b; i++) {
            const struct row *row = ingest_row(ing, i);
            uint32_t id = job->is_user ? row->user : row->item;
            if (job->is_second) {
                uint32_t page = atomic_load_explicit(&pages->dir[id >> 9], memory_order_relaxed);
                atomic_fetch_or_explicit(&pages->bits[(int64_t)page * 8 + ((id >> 6) & 7)],
                                         (uint64_t)1 << (id & 63), memory_order_relaxed);
            } else {
                atomic_store_explicit(&pages->dir[id >> 9], 1, memory_order_relaxed);
            }
        }
    }
    return AKIN_OK;
}

static akin_status pages_build(struct ingest *ing, bool is_user, struct pages *pages,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = ing->ctx;
    struct idcol *col = is_user ? &ing->user : &ing->item;
    struct page_job job = {ing, pages, is_user, false};
    bool is_flat = col->max_int < IDCOL_FLAT;
    if (!col->has_int)
        return AKIN_OK;
    pages->n_dir = (int64_t)(col->max_int >> 9) + 1;
    MEM_ZERO(ctx, pages->dir, pages->n_dir);
    if (is_flat) {
        for (int64_t d = 0; d < pages->n_dir; d++)
            pages->dir[d] = (uint32_t)d;
        pages->n = pages->n_dir;
        AKIN_TRY(idcol_reserve(col, (uint32_t)(pages->n_dir * 512 - 1), err));
        pages->bits = col->bits;
        col->bits = NULL;
        col->n_bits = 0;
    } else {
        AKIN_TRY(par_for(ctx, ing->n_slabs, page_block, &job, err));
        for (int64_t d = 0; d < pages->n_dir; d++)
            pages->dir[d] = pages->dir[d] ? (uint32_t)pages->n++ : NO_PAGE;
        MEM_ZERO(ctx, pages->bits, pages->n * 8);
        job.is_second = true;
        AKIN_TRY(par_for(ctx, ing->n_slabs, page_block, &job, err));
    }
    MEM_NEW(ctx, pages->base, pages->n + 1);
    for (int64_t p = 0; p < pages->n; p++) {
        pages->base[p] = (uint32_t)pages->n_ints;
        for (int w = 0; w < 8; w++)
            pages->n_ints += __builtin_popcountll(pages->bits[p * 8 + w]);
    }
    if (pages->n_ints > ing->max_ids)
        AKIN_FAIL(AKIN_E_LIMIT, "%" PRId64 " distinct %s ids are more than max_ids=%" PRId64,
                  pages->n_ints, is_user ? "user" : "item", ing->max_ids);
done:
    return status;
}

static void pages_free(akin_ctx *ctx, struct pages *pages)
{
    mem_free(ctx, pages->dir);
    mem_free(ctx, pages->bits);
    mem_free(ctx, pages->base);
}

/* The integers, ascending. */
static void pages_list(const struct pages *pages, uint32_t *out)
{
    int64_t n = 0;
    for (int64_t d = 0; d < pages->n_dir; d++) {
        uint32_t page = pages->dir[d];
        for (uint32_t w = 0; page != NO_PAGE && w < 8; w++) {
            uint64_t bits = pages->bits[(int64_t)page * 8 + w];
            for (; bits; bits &= bits - 1)
                out[n++] = (uint32_t)(d * 512 + w * 64) + (uint32_t)__builtin_ctzll(bits);
        }
    }
}

struct union_ids {     /* integers, texts of the rows, texts of the table: distinct */
    uint32_t *ints;    /* (n_ints) ascending */
    uint32_t *int_at;  /* (n_ints) number in the union; NULL = the same index */
    uint32_t *code_at; /* by code of the column */
    int64_t n;
    int64_t *off;
    char *bytes;
    struct idset set; /* holds off and bytes if there are texts */
};

/* Only integers: their texts in order, nothing to look up. */
static akin_status union_plain(akin_ctx *ctx, int64_t n_ints, struct union_ids *u, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_NEW(ctx, u->off, n_ints + 1);
    MEM_NEW(ctx, u->bytes, n_ints * 10 + 1);
    int64_t end = 0;
    u->off[0] = 0;
    for (int64_t i = 0; i < n_ints; i++) {
        end += id_from_u32(u->ints[i], u->bytes + end);
        u->off[i + 1] = end;
    }
    u->n = n_ints;
done:
    return status;
}

static akin_status union_mixed(struct idcol *col, int64_t n_ints, const struct idset *more,
                               struct union_ids *u, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = col->ctx;
    char text[10];
    MEM_NEW(ctx, u->int_at, n_ints);
    for (int64_t i = 0; i < n_ints; i++) {
        int size = id_from_u32(u->ints[i], text);
        AKIN_TRY(idset_add(&u->set, idset_hash(text, size), text, size, &u->int_at[i], err));
    }
    int64_t longest = 0;
    for (int p = 0; p < IDCOL_PARTS; p++)
        longest = col->part[p].n > longest ? col->part[p].n : longest;
    MEM_NEW(ctx, u->code_at, longest * IDCOL_PARTS);
    for (int p = 0; p < IDCOL_PARTS; p++) {
        const struct idset *part = &col->part[p];
        for (int64_t i = 0; i < part->n; i++)
            AKIN_TRY(idset_add(&u->set, part->hash[i], part->bytes + part->off[i],
                               part->off[i + 1] - part->off[i], &u->code_at[idcol_code(i, p)],
                               err));
    }
    for (int64_t i = 0; more && i < more->n; i++) {
        uint32_t number;
        AKIN_TRY(idset_add(&u->set, more->hash[i], more->bytes + more->off[i],
                           more->off[i + 1] - more->off[i], &number, err));
    }
    u->n = u->set.n;
done:
    return status;
}

/* Look-up tables from the ranks ids_build gave. */
static akin_status map_build(struct idcol *col, struct pages *pages, const struct union_ids *u,
                             const int32_t *rank, struct idmap *m, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = col->ctx;
    int64_t n_ints = pages->n_ints;
    if (col->has_int && (int64_t)col->max_int < 8 * n_ints + ((int64_t)1 << 16)) {
        MEM_NEW(ctx, m->direct, (int64_t)col->max_int + 1);
        for (int64_t i = 0; i < n_ints; i++)
            m->direct[u->ints[i]] = (uint32_t)rank[u->int_at ? u->int_at[i] : i];
    } else if (col->has_int) {
        MEM_NEW(ctx, m->number, n_ints);
        for (int64_t i = 0; i < n_ints; i++)
            m->number[i] = (uint32_t)rank[u->int_at ? u->int_at[i] : i];
        m->dir = (uint32_t *)(uintptr_t)pages->dir;
        m->bits = (uint64_t *)(uintptr_t)pages->bits;
        m->base = pages->base;
        memset(pages, 0, sizeof *pages);
    }
    if (u->code_at) {
        m->text = u->code_at;
        for (int p = 0; p < IDCOL_PARTS; p++)
            for (int64_t i = 0; i < col->part[p].n; i++)
                m->text[idcol_code(i, p)] = (uint32_t)rank[m->text[idcol_code(i, p)]];
    }
done:
    return status;
}

/*
 * Few rows with large integers: a directory of pages would dwarf them, so they are interned as
 * texts, which gives the same numbers in the end.
 */
static akin_status ints_to_texts(struct ingest *ing, bool is_user, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct idcol *col = is_user ? &ing->user : &ing->item;
    char text[10];
    for (int64_t s = 0; s < ing->n_seg; s++) {
        struct segment *seg = &ing->seg[s];
        bool *is_text = is_user ? &seg->user_is_text : &seg->item_is_text;
        for (int64_t i = seg->lo; !*is_text && i < seg->hi; i++) {
            uint32_t *code = is_user ? &ingest_row(ing, i)->user : &ingest_row(ing, i)->item;
            int size = id_from_u32(*code, text);
            uint64_t hash = idset_hash(text, size);
            int part = (int)(hash >> 60);
            uint32_t number;
            AKIN_TRY(idset_add(&col->part[part], hash, text, size, &number, err));
            *code = idcol_code(number, part);
        }
        *is_text = true;
    }
    col->has_int = false;
    col->has_text = true;
done:
    return status;
}

akin_status ingest_number(struct ingest *ing, bool is_user, const struct idset *more,
                          struct ids *ids, struct idmap *map, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = ing->ctx;
    struct idcol *col = is_user ? &ing->user : &ing->item;
    struct pages pages = {0};
    struct union_ids u = {0};
    int32_t *rank = NULL;
    idset_init(&u.set, ctx);
    if (col->has_int && col->max_int >= IDCOL_FLAT && ing->n_rows < FEW_ROWS)
        AKIN_TRY(ints_to_texts(ing, is_user, err));
    AKIN_TRY(pages_build(ing, is_user, &pages, err));
    MEM_NEW(ctx, u.ints, pages.n_ints);
    pages_list(&pages, u.ints);
    if (!col->has_text && (!more || more->n == 0)) {
        AKIN_TRY(union_plain(ctx, pages.n_ints, &u, err));
    } else {
        AKIN_TRY(union_mixed(col, pages.n_ints, more, &u, err));
    }
    if (u.n > ing->max_ids || u.n >= INT32_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "%" PRId64 " distinct %s ids are more than max_ids=%" PRId64, u.n,
                  is_user ? "user" : "item", ing->max_ids);
    MEM_NEW(ctx, rank, u.n);
    static const int64_t no_off[1] = {0};
    const int64_t *off = u.off ? u.off : u.n > 0 ? u.set.off : no_off;
    AKIN_TRY(ids_build(ctx, u.n, off,
                       u.bytes       ? u.bytes
                       : u.set.bytes ? u.set.bytes
                                     : "",
                       is_user, ids, rank, err));
    AKIN_TRY(map_build(col, &pages, &u, rank, map, err));
    u.code_at = map->text ? NULL : u.code_at;
done:
    pages_free(ctx, &pages);
    mem_free(ctx, u.ints);
    mem_free(ctx, u.int_at);
    mem_free(ctx, u.code_at);
    mem_free(ctx, u.off);
    mem_free(ctx, u.bytes);
    idset_free(&u.set);
    mem_free(ctx, rank);
    return status;
}
