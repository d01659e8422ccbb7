/* Writes what each user contributes to the metrics, so that models can be paired at any time. */
#include "api/per_user.h"

#include "api/csv.h"
#include "core/file.h"

#include <math.h>
#include <string.h>

enum { FLUSH_BYTES = 1 << 16 };

struct per_user {
    akin_ctx *ctx;
    const struct eval_options *opt; /* borrowed */
    struct file_writer *file;
    struct buf text;
};

static bool is_column(const struct per_user *p, int32_t metric)
{
    return metric_kind_of(&p->opt->metrics[metric]) == METRIC_USER;
}

static akin_status flush(struct per_user *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(buf_check(&p->text, err));
    AKIN_TRY(file_writer_add(p->file, p->text.data, p->text.size, err));
    buf_clear(&p->text);
done:
    return status;
}

akin_status per_user_open(akin_ctx *ctx, const char *path, const struct eval_options *opt,
                          struct per_user **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct per_user *p = NULL;
    int32_t n = 0;
    MEM_ZERO(ctx, p, 1);
    p->ctx = ctx;
    p->opt = opt;
    buf_init(&p->text, ctx);
    buf_text(&p->text, "model,user_id");
    for (int32_t m = 0; m < opt->n_metrics; m++) {
        if (!is_column(p, m))
            continue;
        buf_char(&p->text, ',');
        buf_text(&p->text, opt->metrics[m].name);
        n++;
    }
    buf_char(&p->text, '\n');
    if (n == 0)
        AKIN_FAIL(AKIN_E_ARG, "evaluate: per-user: none of the metrics is a mean over users (such "
                              "as recall@20)");
    AKIN_TRY(file_writer_open(ctx, path, &p->file, err));
    AKIN_TRY(flush(p, err));
    *out = p;
    p = NULL;
done:
    per_user_abort(p);
    return status;
}

akin_status per_user_add(struct per_user *p, const char *model, const struct eval_result *r,
                         const int32_t *user, const struct ids *users, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int64_t u = 0; u < r->n_users; u++) {
        int32_t size;
        const char *id = ids_get(users, user[u], &size);
        csv_field(&p->text, model, strlen(model), true);
        buf_char(&p->text, ',');
        csv_field(&p->text, id, (size_t)size, true);
        for (int32_t m = 0; m < r->n_metrics; m++) {
            if (!is_column(p, m))
                continue;
            float value = r->per_user[(int64_t)m * r->n_users + u];
            buf_char(&p->text, ',');
            if (!isnan(value))
                buf_float(&p->text, value);
        }
        buf_char(&p->text, '\n');
        if (p->text.size >= FLUSH_BYTES)
            AKIN_TRY(flush(p, err));
    }
    AKIN_TRY(flush(p, err));
done:
    return status;
}

akin_status per_user_commit(struct per_user *p, akin_error *err)
{
    akin_status status = file_writer_commit(p->file, err);
    p->file = NULL;
    per_user_abort(p);
    return status;
}

void per_user_abort(struct per_user *p)
{
    if (!p)
        return;
    file_writer_abort(p->file);
    buf_free(&p->text);
    mem_free(p->ctx, p);
}
