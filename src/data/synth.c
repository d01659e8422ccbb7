/*
 * Synthetic data: parameters, and the files.
 *
 * Work is cut into blocks of about BLOCK_ROWS rows; a batch of blocks is made in parallel, each in
 * a buffer of its own, and written in order. Blocks and batches are constants, so that the bytes do
 * not depend on threads and memory is bounded.
 *
 * Cost: see synth.h. Not done: compressed output; pipes do that.
 */
#include "data/synth.h"

#include "core/file.h"
#include "core/par.h"
#include "data/synth_world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 16384, BATCH = 32 };

const akin_param synth_param_rows[] = {
    PARAM_INT(struct synth_params, users, "1000", 1, 2e9, "users", 0, "how many users"),
    PARAM_INT(struct synth_params, items, "500", 1, 2e9, "items", 0, "how many items"),
    PARAM_INT(struct synth_params, events, "50000", 1, 1e12, "events", 0, "how many ratings"),
    PARAM_INT(struct synth_params, clusters, "0", 0, 10000, "", 0,
              "clusters of taste, 0 = by the number of items"),
    PARAM_REAL(struct synth_params, popularity, "1.2", 0, 3, "", 0,
               "exponent of Zipf's law over items, 0 = all alike"),
    PARAM_REAL(struct synth_params, activity, "1.1", 0, 3, "", 0,
               "spread of events a user (log-normal), 0 = all alike"),
    PARAM_REAL(struct synth_params, drift, "0.5", 0, 2, "", 0,
               "how strongly clusters rise and fall over time"),
    PARAM_REAL(struct synth_params, new_items, "0.3", 0, 0.95, "", 0,
               "share of items that appear after the start"),
    PARAM_REAL(struct synth_params, noise, "0.6", 0, 5, "stars", 0,
               "standard deviation of ratings around their expectation"),
    PARAM_REAL(struct synth_params, tags, "0.03", 0, 1, "", 0, "tags an event"),
    PARAM_INT(struct synth_params, start, "1577836800", 0, 4e9, "s", 0, "first day, Unix seconds"),
    PARAM_INT(struct synth_params, days, "730", 1, 36500, "days", 0, "days of events"),
    PARAM_BOOL(struct synth_params, context, "false", 0,
               "also event_type, device and hour of each event"),
    PARAM_BOOL(struct synth_params, repeats, "false", 0, "users may meet an item again"),
    PARAM_END,
};
const size_t synth_n_params = PARAM_COUNT(synth_param_rows) - 1;

struct block {
    int64_t lo, hi;
    struct buf rows, more;
};

struct batch {
    const struct synth_world *w;
    struct block block[BATCH];
    akin_status (*make)(const struct synth_world *w, struct block *block, akin_error *err);
};

static akin_status make_events(const struct synth_world *w, struct block *block, akin_error *err)
{
    return synth_events(w, block->lo, block->hi, &block->rows, &block->more, err);
}

static akin_status make_items(const struct synth_world *w, struct block *block, akin_error *err)
{
    for (int64_t i = block->lo; i < block->hi; i++)
        synth_item_row(w, i, &block->rows);
    return buf_check(&block->rows, err);
}

static akin_status make_users(const struct synth_world *w, struct block *block, akin_error *err)
{
    for (int64_t u = block->lo; u < block->hi; u++)
        synth_user_row(w, u, &block->rows);
    return buf_check(&block->rows, err);
}

static akin_status make_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct batch *batch = arg;
    (void)worker;
    return batch->make(batch->w, &batch->block[block], err);
}

/* The end of the block of users that begins at lo: about BLOCK_ROWS events. */
static int64_t block_end(const struct synth_world *w, const struct batch *batch, int64_t lo,
                         int64_t n)
{
    int64_t hi = lo + 1;
    if (batch->make != make_events)
        return lo + BLOCK_ROWS / 4 < n ? lo + BLOCK_ROWS / 4 : n;
    while (hi < n && hi - lo < BLOCK_ROWS && w->user_ptr[hi + 1] - w->user_ptr[lo] <= BLOCK_ROWS)
        hi++;
    return hi;
}

/* Rows 0..n of one kind into a file, and what goes beside them (tags) into another. */
static akin_status write_rows(struct batch *batch, int64_t n, struct file_writer *file,
                              struct file_writer *more, int64_t *n_more, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct synth_world *w = batch->w;
    for (int64_t at = 0; at < n;) {
        int64_t n_blocks = 0;
        for (; n_blocks < BATCH && at < n; n_blocks++) {
            struct block *block = &batch->block[n_blocks];
            buf_clear(&block->rows);
            buf_clear(&block->more);
            block->lo = at;
            block->hi = at = block_end(w, batch, at, n);
        }
        AKIN_TRY(par_for(w->ctx, n_blocks, make_block, batch, err));
        for (int64_t b = 0; b < n_blocks; b++) {
            const struct buf *rows = &batch->block[b].rows, *beside = &batch->block[b].more;
            if (rows->size > 0)
                AKIN_TRY(file_writer_add(file, rows->data, rows->size, err));
            if (!more || beside->size == 0)
                continue;
            AKIN_TRY(file_writer_add(more, beside->data, beside->size, err));
            for (int64_t i = 0; i < beside->size; i++)
                *n_more += beside->data[i] == '\n';
        }
        if (batch->make == make_events)
            progress_add(w->ctx, w->user_ptr[at] - w->user_ptr[batch->block[0].lo]);
    }
done:
    return status;
}

static akin_status open_csv(akin_ctx *ctx, const char *dir, const char *name, const char *header,
                            struct file_writer **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct buf path;
    buf_init(&path, ctx);
    buf_text(&path, dir);
    buf_char(&path, '/');
    buf_text(&path, name);
    AKIN_TRY(buf_check(&path, err));
    AKIN_TRY(file_writer_open(ctx, path.data, out, err));
    AKIN_TRY(file_writer_add(*out, header, (int64_t)strlen(header), err));
done:
    buf_free(&path);
    return status;
}

/* commit frees the writer whatever happens. */
static akin_status close_csv(struct file_writer **file, akin_error *err)
{
    struct file_writer *w = *file;
    *file = NULL;
    return file_writer_commit(w, err);
}

static akin_status write_events(struct batch *batch, const char *dir, int64_t *n_tags,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct synth_world *w = batch->w;
    struct file_writer *ratings = NULL, *tags = NULL;
    const char *header = w->p.context ? "user_id,item_id,value,time,event_type,device,hour\n"
                                      : "user_id,item_id,value,time\n";
    progress_begin(w->ctx, "synth", w->p.events);
    AKIN_TRY(open_csv(w->ctx, dir, "ratings.csv", header, &ratings, err));
    AKIN_TRY(open_csv(w->ctx, dir, "tags.csv", "user_id,item_id,tag,time\n", &tags, err));
    batch->make = make_events;
    AKIN_TRY(write_rows(batch, w->p.users, ratings, tags, n_tags, err));
    AKIN_TRY(close_csv(&ratings, err));
    AKIN_TRY(close_csv(&tags, err));
done:
    progress_end(w->ctx);
    file_writer_abort(ratings);
    file_writer_abort(tags);
    return status;
}

static akin_status write_table(struct batch *batch, const char *dir, bool items, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct synth_world *w = batch->w;
    struct file_writer *file = NULL;
    if (items)
        AKIN_TRY(open_csv(w->ctx, dir, "items.csv", "item_id,title,categories,text,price,year\n",
                          &file, err));
    else
        AKIN_TRY(open_csv(w->ctx, dir, "users.csv", "user_id,segment,country,age\n", &file, err));
    batch->make = items ? make_items : make_users;
    AKIN_TRY(write_rows(batch, items ? w->p.items : w->p.users, file, NULL, NULL, err));
    AKIN_TRY(close_csv(&file, err));
done:
    file_writer_abort(file);
    return status;
}

static akin_status write_readme(const struct synth_world *w, const char *dir, int64_t n_tags,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    struct file_writer *file = NULL;
    struct buf text;
    json_t *params = param_dump(synth_param_rows, synth_n_params, &w->p);
    const char *key;
    json_t *value;
    buf_init(&text, w->ctx);
    if (!params)
        AKIN_FAIL(AKIN_E_MEMORY, "synth: out of memory for the parameters");
    buf_printf(&text,
               "# Synthetic data\n\nMade by `akin synth` %s; the same parameters and seed make the "
               "same bytes.\nNo person or product in it exists.\n\n"
               "| file | rows | columns |\n|---|---|---|\n"
               "| ratings.csv | %" PRId64 " | user_id, item_id, value (0.5 to 5), time (Unix "
               "seconds)%s |\n| items.csv | %" PRId64
               " | item_id, title, categories, text, price, year |\n| users.csv | %" PRId64
               " | user_id, segment, country, age |\n| tags.csv | %" PRId64
               " | user_id, item_id, tag, time |\n\n| parameter | value |\n|---|---|\n",
               akin_version(), w->p.events, w->p.context ? ", event_type, device, hour" : "",
               w->p.items, w->p.users, n_tags);
    json_object_foreach(params, key, value) {
        char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
        if (!dump)
            AKIN_FAIL(AKIN_E_MEMORY, "synth: out of memory for the parameters");
        buf_printf(&text, "| %s | %s |\n", key, dump);
        free(dump);
    }
    buf_printf(&text, "| seed | %" PRIu64 " |\n", w->seed);
    AKIN_TRY(buf_check(&text, err));
    AKIN_TRY(open_csv(w->ctx, dir, "README.md", text.data, &file, err));
    AKIN_TRY(close_csv(&file, err));
done:
    file_writer_abort(file);
    json_decref(params);
    buf_free(&text);
    return status;
}

akin_status synth_write(akin_ctx *ctx, const struct synth_params *p, const char *dir,
                        json_t **report, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct synth_world w = {0};
    struct batch *batch = NULL;
    json_t *json = NULL;
    int64_t n_tags = 0;
    AKIN_TRY(synth_world_build(ctx, p, &w, err));
    MEM_ZERO(ctx, batch, 1);
    batch->w = &w;
    for (int b = 0; b < BATCH; b++) {
        buf_init(&batch->block[b].rows, ctx);
        buf_init(&batch->block[b].more, ctx);
    }
    AKIN_TRY(file_mkdirs(dir, err));
    AKIN_TRY(write_table(batch, dir, true, err));
    AKIN_TRY(write_table(batch, dir, false, err));
    AKIN_TRY(write_events(batch, dir, &n_tags, err));
    AKIN_TRY(write_readme(&w, dir, n_tags, err));
    if (report) {
        json = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:[sssss]}", "dir", dir, "users",
                         (json_int_t)p->users, "items", (json_int_t)p->items, "events",
                         (json_int_t)p->events, "tags", (json_int_t)n_tags, "clusters",
                         (json_int_t)w.n_clusters, "files", "ratings.csv", "items.csv", "users.csv",
                         "tags.csv", "README.md");
        if (!json)
            AKIN_FAIL(AKIN_E_MEMORY, "synth: out of memory for the report (is the path UTF-8?)");
        *report = json;
    }
done:
    for (int b = 0; batch && b < BATCH; b++) {
        buf_free(&batch->block[b].rows);
        buf_free(&batch->block[b].more);
    }
    mem_free(ctx, batch);
    synth_world_free(&w);
    return status;
}
