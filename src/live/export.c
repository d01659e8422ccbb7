/*
 * The job `export`: the list of every user of a model as JSON lines, into exports/.
 *
 * The lists are those of the file that serves; who was erased since it was made, and items that
 * were deleted, are taken out line by line. Cost: that of `akin recommend --all`, and a parse of
 * it.
 */
#include "core/file.h"
#include "core/json.h"
#include "live/jobs_impl.h"
#include "live/retrain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POLL = 4096 }; /* lines between two looks at the wish to stop */

struct exporting {
    struct job_run *r;
    int64_t watermark;
    char made[PATH_MAX + 16], clean[PATH_MAX + 16];
    int64_t n_lists, n_left_out;
    struct arena arena; /* of a line */
    struct buf line;
};

static bool is_alive(const struct live *l, const json_t *item)
{
    const char *id = json_text(item, "item_id", "");
    int32_t number = catalog_find(l->catalog, id, strlen(id));
    return number < 0 || catalog_is_alive(l->catalog, number);
}

/* Appends the line as it may leave; nothing for an erased user. */
static akin_status clean_line(struct exporting *x, const char *text, size_t size, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live *l = x->r->l;
    json_t *list = NULL;
    const struct live_event *events;
    int32_t n;
    int64_t version, erased = 0;
    AKIN_TRY(json_parse("export", text, size, &list, err));
    const char *user = json_text(list, "user_id", "");
    AKIN_TRY(people_read(&l->people, user, strlen(user), INT64_MAX, &x->arena, &events, &n,
                         &version, &erased, err));
    arena_reset_keep(&x->arena);
    buf_clear(&x->line);
    if (erased > x->watermark) {
        x->n_left_out++;
        goto done;
    }
    json_t *items = json_object_get(list, "items");
    for (size_t i = json_array_size(items); i-- > 0;)
        if (!is_alive(l, json_array_get(items, i)))
            json_array_remove(items, i);
    AKIN_TRY(json_write_ordered(list, &x->line, err));
    buf_char(&x->line, '\n');
    x->n_lists++;
done:
    json_decref(list);
    return status;
}

static akin_status clean_file(struct exporting *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = x->r->l->ctx;
    struct file_map map = {0};
    struct file_writer *out = NULL;
    int64_t n = 0;
    AKIN_TRY(file_map_open(x->made, &map, err));
    AKIN_TRY(file_writer_open(ctx, x->clean, &out, err));
    for (const char *at = (const char *)map.data, *end = at + map.size; map.size && at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        if (n++ % POLL == 0)
            AKIN_TRY(job_stage(x->r, "clean", .8, .95, err));
        AKIN_TRY(clean_line(x, at, (size_t)(stop - at), err));
        if (x->line.size)
            AKIN_TRY(file_writer_add(out, x->line.data, x->line.size, err));
        at = stop + 1;
    }
    struct file_writer *whole = out;
    out = NULL;
    AKIN_TRY(file_writer_commit(whole, err));
done:
    file_writer_abort(out);
    file_map_close(&map);
    return status;
}

/* Who is erased meanwhile may be in a line that was written before. */
static akin_status clean_until_still(struct exporting *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t seen;
    do {
        seen = atomic_load(&x->r->l->people.n_erasures);
        x->n_lists = x->n_left_out = 0;
        AKIN_TRY(clean_file(x, err));
        AKIN_TRY(job_stage(x->r, "keep", .95, 1, err));
    } while (atomic_load(&x->r->l->people.n_erasures) != seen);
done:
    return status;
}

static akin_status make_lists(struct exporting *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct job_run *r = x->r;
    const struct retrain_params *p = &r->l->retrain->p;
    struct generation *g = NULL;
    struct job_args a;
    AKIN_TRY(generation_get(r->l, r->job->model, &g, err));
    x->watermark = g->m->watermark;
    job_args_init(&a, r->arena);
    job_arg(&a, "%s", r->jobs->program);
    job_arg(&a, "recommend");
    job_arg(&a, "%s", g->path);
    job_arg(&a, "--all");
    job_arg(&a, "--format=jsonl");
    job_arg(&a, "--k=%lld", (long long)r->job->k);
    job_arg(&a, "--threads=%lld", (long long)p->threads);
    if (p->memory)
        job_arg(&a, "--memory=%lld", (long long)p->memory);
    job_option(&a, "output", x->made);
    AKIN_TRY(job_child(r, &a, NULL, err));
done:
    generation_put(r->l, g);
    return status;
}

static akin_status export_check(struct live *l, const char *model, akin_error *err)
{
    (void)l;
    return retrain_name_check("export", model, err);
}

static akin_status export_run(struct job_run *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct exporting x = {.r = r};
    char path[PATH_MAX];
    arena_init(&x.arena, r->l->ctx);
    buf_init(&x.line, r->l->ctx);
    snprintf(x.made, sizeof x.made, "%s/lists.jsonl", r->work);
    snprintf(x.clean, sizeof x.clean, "%s/clean.jsonl", r->work);
    AKIN_TRY(job_stage(r, "recommend", 0, .8, err));
    AKIN_TRY(make_lists(&x, err));
    AKIN_TRY(clean_until_still(&x, err));
    AKIN_TRY(retrain_keep(r->l->retrain, x.clean, "exports/", r->job->model, "jsonl", path, err));
    r->result = json_pack("{s:s, s:I, s:I}", "file", path, "lists", (json_int_t)x.n_lists,
                          "left_out", (json_int_t)x.n_left_out);
    AKIN_TRY(retrain_prune(r->l, "exports/", r->job->model, "jsonl", err));
done:
    buf_free(&x.line);
    arena_free(&x.arena);
    return status;
}

const struct job_kind job_export = {"export", export_check, export_run};
