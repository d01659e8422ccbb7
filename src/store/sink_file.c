/* `file:PATH`: one file, csv or jsonl by its ending; the old one stays until the new one is whole.
 */
#include "core/file.h"
#include "core/text.h"
#include "store/sink_impl.h"

#include <stdio.h>
#include <string.h>

struct self {
    struct file_writer *file; /* owned until commit */
};

static akin_status file_open(struct sink *s, const char *rest, akin_error *err)
{
    static const struct {
        const char *ending;
        enum sink_format format;
    } endings[] = {{".csv", SINK_CSV}, {".jsonl", SINK_JSONL}, {".json", SINK_JSONL}};
    akin_status status = AKIN_OK;
    struct self *self = s->self;
    const char *name = strrchr(rest, '/');
    const char *dot = strrchr(name ? name : rest, '.');
    bool found = false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings && !found; i++) {
        found = dot && strcmp(dot, endings[i].ending) == 0;
        s->format = endings[i].format;
    }
    snprintf(s->label, sizeof s->label, "file:%.300s", rest);
    text_clean(s->label);
    if (!found)
        AKIN_FAIL(AKIN_E_ARG, "sink '%.150s': the file's name must end in .csv or .jsonl",
                  s->label);
    s->path = arena_strndup(&s->arena, rest, strlen(rest), err);
    if (!s->path)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(file_writer_open(s->ctx, rest, &self->file, err));
done:
    return status;
}

static akin_status file_add(struct sink *s, const char *text, int64_t size, akin_error *err)
{
    struct self *self = s->self;
    return file_writer_add(self->file, text, size, err);
}

static akin_status file_close(struct sink *s, akin_error *err)
{
    struct self *self = s->self;
    struct file_writer *file = self->file;
    self->file = NULL;
    return file_writer_commit(file, err);
}

static void file_abort(struct sink *s)
{
    struct self *self = s->self;
    file_writer_abort(self->file);
    self->file = NULL;
}

const struct sink_class sink_file = {
    .scheme = "file",
    .form = "file:PATH.csv|.jsonl",
    .self_size = sizeof(struct self),
    .open = file_open,
    .write = file_add,
    .close = file_close,
    .abort = file_abort,
};
