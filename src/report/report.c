/*
 * The pages as a whole: what is between their head and their end comes from page_*.c.
 * Cost: linear in the numbers; about 100 bytes a point drawn.
 */
#include "report/report.h"

#include "core/json.h"
#include "report/html.h"
#include "report/page.h"

akin_status report_page_html(akin_ctx *ctx, const json_t *numbers, const json_t *evaluation,
                             struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(ctx_check(ctx, err));
    html_page_open(out, numbers ? json_text(numbers, "name", "Data") : "Evaluation");
    if (numbers)
        page_explore(out, numbers, evaluation != NULL);
    if (evaluation)
        page_evaluate(out, evaluation);
    html_page_close(out);
    AKIN_TRY(buf_check(out, err));
done:
    return status;
}

akin_status report_explore_html(akin_ctx *ctx, const json_t *numbers, struct buf *out,
                                akin_error *err)
{
    return report_page_html(ctx, numbers, NULL, out, err);
}

akin_status report_evaluation_html(akin_ctx *ctx, const json_t *evaluation, struct buf *out,
                                   akin_error *err)
{
    return report_page_html(ctx, NULL, evaluation, out, err);
}

akin_status report_tune_html(akin_ctx *ctx, const json_t *result, struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(ctx_check(ctx, err));
    html_page_open(out, "Search");
    page_tune(out, result);
    html_page_close(out);
    AKIN_TRY(buf_check(out, err));
done:
    return status;
}
