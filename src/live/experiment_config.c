/*
 * From `serve: experiments:` to checked definitions. A definition is also hashed: what was counted
 * under another one does not belong to this experiment.
 */
#include "core/hash.h"
#include "core/param.h"
#include "core/text.h"
#include "live/experiment.h"

#include <string.h>

struct experiment_keys {
    const char *name, *window;
    int64_t kind;
    json_t *arms, *types;
};
struct arm_keys {
    const char *name, *model;
    double share;
};

/* clang-format off */
static const akin_param experiment_rows[] = {
    PARAM_TEXT(struct experiment_keys, name, NULL, AKIN_PARAM_REQUIRED, "letters, digits, '_', '.', '-'"),
    PARAM_CHOICE(struct experiment_keys, kind, "split", "split|interleave", 0,
                 "each user one arm, or every list drawn from both"),
    PARAM_LIST(struct experiment_keys, arms, NULL, AKIN_PARAM_REQUIRED, "the first is compared with"),
    PARAM_LIST(struct experiment_keys, types, NULL, 0, "event types that convert; default every event"),
    PARAM_TEXT(struct experiment_keys, window, "7d", 0, "after an exposure: 90m, 12h, 7d, 2w"),
};
static const akin_param arm_rows[] = {
    PARAM_TEXT(struct arm_keys, name, NULL, 0, "default: the model's"),
    PARAM_TEXT(struct arm_keys, model, NULL, AKIN_PARAM_REQUIRED, "a model that is served"),
    {"share", AKIN_PARAM_REAL, AKIN_PARAM_REQUIRED, offsetof(struct arm_keys, share), NULL, 0, 1,
     NULL, "", "of all users"},
};
/* clang-format on */

static akin_status take_name(const char *what, const char *text, char out[EXPERIMENT_NAME],
                             akin_error *err)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    akin_status status = AKIN_OK;
    size_t size = strlen(text);
    if (size == 0 || size >= EXPERIMENT_NAME || strspn(text, good) != size)
        AKIN_FAIL(AKIN_E_ARG, "%.90s '%.60s' (must have 1..%d letters, digits, '_', '.' or '-')",
                  what, text, EXPERIMENT_NAME - 1);
    memcpy(out, text, size + 1);
done:
    return status;
}

/* "7d" → seconds; false if it is none. */
static bool read_window(const char *text, int64_t *out)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    size_t size = strlen(text);
    for (size_t i = 0; size > 1 && i < sizeof units / sizeof units[0]; i++) {
        int64_t n;
        if (text[size - 1] != units[i].unit || !text_to_int(text, size - 1, &n))
            continue;
        *out = n > 0 && n <= 36500 ? n * units[i].seconds : 0;
        return *out > 0;
    }
    return false;
}

static akin_status read_arm(const char *owner, const json_t *spec, struct arena *arena,
                            struct experiment *e, akin_error *err)
{
    akin_status status = AKIN_OK;
    char what[104];
    struct arm_keys keys;
    struct experiment_arm *arm = &e->arm[e->n_arms];
    if (!json_is_object(spec))
        AKIN_FAIL(AKIN_E_ARG, "%s: an arm must have name, model, share", owner);
    AKIN_TRY(param_parse(owner, arm_rows, PARAM_COUNT(arm_rows), spec, arena, &keys, err));
    if (strlen(keys.model) >= sizeof arm->model)
        AKIN_FAIL(AKIN_E_ARG, "%s: model '%.80s' (at most %d bytes)", owner, keys.model,
                  EXPERIMENT_NAME - 1);
    text_copy(arm->model, sizeof arm->model, keys.model);
    snprintf(what, sizeof what, "%s: arm", owner);
    AKIN_TRY(take_name(what, keys.name ? keys.name : keys.model, arm->name, err));
    for (int i = 0; i < e->n_arms; i++)
        if (strcmp(e->arm[i].name, arm->name) == 0)
            AKIN_FAIL(AKIN_E_ARG, "%s: two arms are called '%s'", owner, arm->name);
    arm->share = keys.share;
    e->n_arms++;
done:
    return status;
}

static akin_status read_arms(const char *owner, const json_t *list, struct arena *arena,
                             struct experiment *e, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t n = json_array_size(list), most = e->kind == EXPERIMENT_SPLIT ? EXPERIMENT_ARMS : 2;
    double sum = 0.0;
    if (n < 2 || n > most)
        AKIN_FAIL(AKIN_E_ARG, "%s: %zu arms (must be 2..%zu)", owner, n, most);
    for (size_t i = 0; i < n; i++) {
        AKIN_TRY(read_arm(owner, json_array_get(list, i), arena, e, err));
        sum += e->arm[i].share;
    }
    if (sum > 1.0 + 1e-9 || sum <= 0.0)
        AKIN_FAIL(AKIN_E_ARG, "%s: the shares sum to %g (must be over 0, at most 1)", owner, sum);
done:
    return status;
}

static akin_status read_types(const char *owner, const json_t *list, struct experiment *e,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    if (json_array_size(list) > EXPERIMENT_TYPES)
        AKIN_FAIL(AKIN_E_ARG, "%s: %zu types (at most %d)", owner, json_array_size(list),
                  EXPERIMENT_TYPES);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *type = json_string_value(json_array_get(list, i));
        if (!type || strlen(type) >= EXPERIMENT_NAME)
            AKIN_FAIL(AKIN_E_ARG, "%s: types[%zu] must be a text of at most %d bytes", owner, i,
                      EXPERIMENT_NAME - 1);
        text_copy(e->type[e->n_types++], EXPERIMENT_NAME, type);
    }
done:
    return status;
}

static akin_status hash_definition(akin_ctx *ctx, struct experiment *e, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct buf text;
    buf_init(&text, ctx);
    buf_printf(&text, "%s\n%d\n%lld\n", e->name, (int)e->kind, (long long)e->window_seconds);
    for (int i = 0; i < e->n_arms; i++)
        buf_printf(&text, "%s\n%s\n%.17g\n", e->arm[i].name, e->arm[i].model, e->arm[i].share);
    for (int i = 0; i < e->n_types; i++)
        buf_printf(&text, "%s\n", e->type[i]);
    AKIN_TRY(buf_check(&text, err));
    e->definition = hash_bytes(text.data, (size_t)text.size, 0);
done:
    buf_free(&text);
    return status;
}

akin_status experiment_parse(akin_ctx *ctx, const json_t *spec, int at, struct experiment *out,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct arena arena;
    struct experiment_keys keys;
    char owner[96];
    arena_init(&arena, ctx);
    memset(out, 0, sizeof *out);
    snprintf(owner, sizeof owner, "experiments[%d]", at);
    if (!json_is_object(spec))
        AKIN_FAIL(AKIN_E_ARG, "%s: must be an object with name and arms", owner);
    AKIN_TRY(param_parse(owner, experiment_rows, PARAM_COUNT(experiment_rows), spec, &arena, &keys,
                         err));
    AKIN_TRY(take_name(owner, keys.name, out->name, err));
    snprintf(owner, sizeof owner, "experiment %s", out->name);
    out->kind = (enum experiment_kind)keys.kind;
    out->seed = experiment_seed(out->name);
    if (!read_window(keys.window, &out->window_seconds))
        AKIN_FAIL(AKIN_E_ARG, "%s: window '%.40s' (must be 1..36500 and s, m, h, d or w: 7d)",
                  owner, keys.window);
    AKIN_TRY(read_arms(owner, keys.arms, &arena, out, err));
    AKIN_TRY(read_types(owner, keys.types, out, err));
    AKIN_TRY(hash_definition(ctx, out, err));
done:
    arena_free(&arena);
    return status;
}
