/*
 * Fuzz: the one-line languages: lists of metrics and texts of splits. What is understood is
 * understood again from its own name.
 */
#include "fuzz_base.h"

#include "data/split.h"
#include "eval/metrics.h"

static void check_metric(const struct metric_spec *m, enum metric_dialect dialect)
{
    struct metric_spec again;
    uint8_t hits[8] = {0, 1, 1, 0, 0, 1, 0, 0};
    akin_error err = {0};
    if (!memchr(m->name, 0, sizeof m->name) || !memchr(m->definition, 0, sizeof m->definition) ||
        m->id < 0 || m->id >= METRIC_COUNT || m->k < 0 || m->k > METRIC_MAX_CUT)
        abort();
    if (metric_parse(m->name, dialect, &again, &err) != AKIN_OK || again.id != m->id ||
        again.k != m->k)
        fuzz_fail(m->name, &err);
    if (metric_is_from_hits(m)) {
        double value = metric_user(m, hits, m->k < 8 ? m->k : 8, 4);
        if (value < 0 || value > 1)
            fuzz_fail(m->name, NULL);
    }
}

static void metrics(akin_ctx *ctx, const char *text, enum metric_dialect dialect)
{
    struct metric_spec *specs = NULL;
    int32_t n = 0;
    akin_error err = {0};
    akin_status status = metric_parse_list(ctx, text, dialect, &specs, &n, &err);
    fuzz_refused(status, &err);
    if (status != AKIN_OK)
        return;
    if (n < 1)
        abort();
    for (int32_t i = 0; i < n; i++)
        check_metric(&specs[i], dialect);
    mem_free(ctx, specs);
}

static void split(const char *text)
{
    struct split_spec spec, again;
    char written[48];
    akin_error err = {0};
    akin_status status = split_parse(text, &spec, &err);
    fuzz_refused(status, &err);
    if (status != AKIN_OK)
        return;
    split_text(&spec, written, sizeof written);
    if (split_parse(written, &again, &err) != AKIN_OK || again.kind != spec.kind ||
        again.n != spec.n || memcmp(&again.share, &spec.share, sizeof spec.share) != 0)
        fuzz_fail(written, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    akin_ctx *ctx = fuzz_ctx();
    if (size < 1)
        return 0;
    char *text = fuzz_text(data + 1, size - 1);
    if (data[0] & 8)
        split(text);
    else
        metrics(ctx, text, (enum metric_dialect)(data[0] & 7));
    free(text);
    fuzz_clean(ctx, 0);
    return 0;
}
