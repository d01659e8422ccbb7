/* The operation report: numbers of a dataset, of an evaluation, and the page that shows them. */
#include "api/op.h"
#include "core/json.h"
#include "report/report.h"

#include <string.h>

struct report_params {
    const char *data;
    const char *output;
    const char *evaluation;
    const char *name;
    const char *numbers;
};
static const akin_param report_rows[] = {
    PARAM_TEXT(struct report_params, data, NULL, AKIN_PARAM_POSITIONAL,
               "dataset file or any SOURCE; required without evaluation"),
    PARAM_TEXT(struct report_params, output, NULL, AKIN_PARAM_REQUIRED,
               "page to write (.html); short: -o"),
    PARAM_TEXT(struct report_params, evaluation, NULL, 0,
               "JSON of akin evaluate --json, to be shown in the page"),
    PARAM_TEXT(struct report_params, name, NULL, 0, "heading, default: the file's name"),
    PARAM_TEXT(struct report_params, numbers, NULL, 0,
               "also write the numbers of the data as JSON to this file"),
    PARAM_END,
};

/* The heading: the last part of the path, without ".akin". */
static json_t *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash && slash[1] ? slash + 1 : path;
    size_t size = strlen(name);
    if (size > 5 && strcmp(name + size - 5, ".akin") == 0)
        size -= 5;
    return json_stringn(name, size);
}

static akin_status numbers_of(struct op_call *call, const struct report_params *p, json_t **out,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dataset *ds = NULL;
    struct buf text;
    buf_init(&text, call->ctx);
    AKIN_TRY(op_open_dataset(call, 1, p->data, &ds, err));
    AKIN_TRY(report_explore(ds, out, err));
    json_object_set_new(*out, "name", p->name ? json_string(p->name) : name_of(p->data));
    if (p->numbers) {
        AKIN_TRY(json_write(*out, &text, err));
        buf_char(&text, '\n');
        AKIN_TRY(buf_check(&text, err));
        AKIN_TRY(file_write(call->ctx, p->numbers, text.data, text.size, err));
    }
done:
    buf_free(&text);
    dataset_free(ds);
    return status;
}

static akin_status report_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct report_params p;
    json_t *numbers = NULL, *evaluation = NULL;
    struct buf page;
    buf_init(&page, call->ctx);
    AKIN_TRY(op_parse(call, 0, &p, err));
    if (!p.data && !p.evaluation)
        AKIN_FAIL(AKIN_E_ARG, "report: give data, or evaluation=FILE, or both");
    if (p.numbers && !p.data)
        AKIN_FAIL(AKIN_E_ARG, "report: numbers=%s needs data to count", p.numbers);
    if (p.evaluation) {
        AKIN_TRY(json_read_file(call->ctx, p.evaluation, &evaluation, err));
        if (!json_is_array(json_object_get(evaluation, "results")))
            AKIN_FAIL(AKIN_E_INPUT, "report: %s is no evaluation (it has no list \"results\")",
                      p.evaluation);
    }
    if (p.data)
        AKIN_TRY(numbers_of(call, &p, &numbers, err));
    AKIN_TRY(report_page_html(call->ctx, numbers, evaluation, &page, err));
    AKIN_TRY(file_write(call->ctx, p.output, page.data, page.size, err));
    *result = json_object();
    if (numbers)
        json_object_update(*result, numbers);
    if (json_object_set_new(*result, "output", json_string(p.output)) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "report: out of memory for the result");
done:
    buf_free(&page);
    json_decref(numbers);
    json_decref(evaluation);
    return status;
}

const struct op op_report = {
    {"report",
     "what is in the data, and how models compare: one page, and its numbers",
     "akin report data.akin -o report.html\n"
     "akin report data.akin -o report.html --evaluation evaluation.json --numbers numbers.json",
     {{"Options", report_rows}, OP_GROUP_SOURCE},
     2},
    report_run,
};
