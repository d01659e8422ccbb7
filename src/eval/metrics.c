/*
 * The metric table: one row a metric, one line more where another library means something else by
 * the same name (--as). docs/metrics.md explains each; DEFINITIONS says why akin's are as they are.
 *
 * Cost: O(k) for a user. Deliberately not here: metrics that need more than the hit flags of one
 * list (auc.c, pairs.c, lists.c), and the averaging over users (summary.c).
 */
#include "eval/metrics.h"

#include "core/text.h"
#include "kern/math.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* hit (n_list <= k), n_rel >= 1. */
typedef double (*metric_fn)(const uint8_t *hit, int32_t n_list, int32_t n_rel, int32_t k);

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static double count_hits(const uint8_t *hit, int32_t n_list)
{
    int32_t n = 0;
    for (int32_t r = 0; r < n_list; r++)
        n += hit[r] != 0;
    return n;
}

static double value_precision(const uint8_t *hit, int32_t n_list, int32_t n_rel, int32_t k)
{
    (void)n_rel;
    return count_hits(hit, n_list) / k;
}

static double value_precision_list(const uint8_t *hit, int32_t n_list, int32_t n_rel, int32_t k)
{
    (void)n_rel;
    (void)k;
    return n_list ? count_hits(hit, n_list) / n_list : 0.0;
}

static double value_recall(const uint8_t *hit, int32_t n_list, int32_t n_rel, int32_t k)
{
    (void)k;
    return count_hits(hit, n_list) / n_rel;
}

static double value_recall_capped(const uint8_t *hit, int32_t n_list, int32_t n_rel, int32_t k)
{
    return count_hits(hit, n_list) / least(k, n_rel);
}

static double value_hit(const uint8_t *hit, int32_t n_list, int32_t n_rel, int32_t k)
{
    (void)n_rel;
    (void)k;
    return count_hits(hit, n_list) > 0.0;
}

static double discounted_gain(const uint8_t *hit, int32_t n)
{
    double sum = 0.0;
    for (int32_t r = 0; r < n; r++)
        if (!hit || hit[r])
            sum += 1.0 / kern_log2((double)r + 2.0);
    return sum;
}

static double value_ndcg(const uint8_t *hit, int32_t n_list, int32_t n_rel, int32_t k)
{
    return discounted_gain(hit, n_list) / discounted_gain(NULL, least(k, n_rel));
}

static double value_ndcg_over_k(const uint8_t *hit, int32_t n_list, int32_t n_rel, int32_t k)
{
    (void)n_rel;
    return discounted_gain(hit, n_list) / discounted_gain(NULL, k);
}

static double value_ndcg_over_list(const uint8_t *hit, int32_t n_list, int32_t n_rel, int32_t k)
{
    (void)k;
    return n_list ? discounted_gain(hit, n_list) / discounted_gain(NULL, least(n_list, n_rel))
                  : 0.0;
}

static double precision_sum(const uint8_t *hit, int32_t n_list)
{
    double sum = 0.0;
    int32_t hits = 0;
    for (int32_t r = 0; r < n_list; r++)
        if (hit[r])
            sum += (double)++hits / (r + 1);
    return sum;
}

static double value_map(const uint8_t *hit, int32_t n_list, int32_t n_rel, int32_t k)
{
    return precision_sum(hit, n_list) / least(k, n_rel);
}

static double value_map_over_rel(const uint8_t *hit, int32_t n_list, int32_t n_rel, int32_t k)
{
    (void)k;
    return precision_sum(hit, n_list) / n_rel;
}

static double value_map_over_k(const uint8_t *hit, int32_t n_list, int32_t n_rel, int32_t k)
{
    (void)n_rel;
    return precision_sum(hit, n_list) / k;
}

/* Elliot's "MAP": the mean of precision@1 … precision@k, relevant or not. */
static double value_map_mean_precision(const uint8_t *hit, int32_t n_list, int32_t n_rel, int32_t k)
{
    (void)n_rel;
    double sum = 0.0;
    int32_t hits = 0;
    for (int32_t r = 0; r < k; r++) {
        hits += r < n_list && hit[r];
        sum += (double)hits / (r + 1);
    }
    return sum / k;
}

static double value_mrr(const uint8_t *hit, int32_t n_list, int32_t n_rel, int32_t k)
{
    (void)n_rel;
    (void)k;
    for (int32_t r = 0; r < n_list; r++)
        if (hit[r])
            return 1.0 / (r + 1);
    return 0.0;
}

struct metric_row {
    const char *name;
    enum metric_kind kind;
    bool has_cut;
    metric_fn fn;     /* NULL: not from hit flags */
    const char *text; /* in brackets in the definition */
    const char *help;
};

static const struct metric_row metric_table[METRIC_COUNT] = {
    [METRIC_PRECISION] = {"precision", METRIC_USER, true, value_precision, "H/k",
                          "hits / k, also when the list is shorter"},
    [METRIC_RECALL] = {"recall", METRIC_USER, true, value_recall, "H/R", "hits / relevant items"},
    [METRIC_RECALL_CAPPED] = {"recall_capped", METRIC_USER, true, value_recall_capped, "H/min(k,R)",
                              "hits / min(k, relevant items)"},
    [METRIC_HIT] = {"hit", METRIC_USER, true, value_hit, "H>0", "1 if any of the first k hits"},
    [METRIC_NDCG] = {"ndcg", METRIC_USER, true, value_ndcg, "bin,log2,min(k,R)",
                     "binary gain 1/log2(rank+1) over that of an ideal list"},
    [METRIC_MAP] = {"map", METRIC_USER, true, value_map, "min(k,R)",
                    "sum of precision at each hit / min(k, relevant items)"},
    [METRIC_MAP_R] = {"map_r", METRIC_USER, true, value_map_over_rel, "R",
                      "sum of precision at each hit / relevant items"},
    [METRIC_MAP_K] = {"map_k", METRIC_USER, true, value_map_over_k, "k",
                      "sum of precision at each hit / k"},
    [METRIC_MRR] = {"mrr", METRIC_USER, true, value_mrr, "first",
                    "1 / rank of the first hit, 0 if none"},
    [METRIC_AUC] = {"auc", METRIC_USER, false, NULL, "exact,ties=1/2",
                    "chance that a relevant item scores above another candidate"},
    [METRIC_RMSE] = {"rmse", METRIC_PAIR, false, NULL, "pairs",
                     "root of the mean squared error over predicted pairs"},
    [METRIC_MAE] = {"mae", METRIC_PAIR, false, NULL, "pairs",
                    "mean absolute error over predicted pairs"},
    [METRIC_LOGLOSS] = {"logloss", METRIC_PAIR, false, NULL, "ln",
                        "mean -ln p of the outcome, for models of probabilities"},
    [METRIC_COVERAGE] = {"coverage", METRIC_LIST, true, NULL, "union/n",
                         "share of the catalogue in any list"},
    [METRIC_GINI] = {"gini", METRIC_LIST, true, NULL, "n",
                     "inequality of exposure over the catalogue: 0 even, towards 1 one item"},
    [METRIC_ENTROPY] = {"entropy", METRIC_LIST, true, NULL, "nats", "Shannon entropy of exposure"},
    [METRIC_NOVELTY] = {"novelty", METRIC_LIST, true, NULL, "log2,(u+1)/(U+1)",
                        "mean -log2 of the share of train users who have the item"},
    [METRIC_POPULARITY] = {"popularity", METRIC_LIST, true, NULL, "train users",
                           "mean number of train users of recommended items"},
    [METRIC_DIVERSITY] = {"diversity", METRIC_LIST, true, NULL, "1-cos,pairs",
                          "mean distance of two items of a list"},
    [METRIC_SERENDIPITY] = {"serendipity", METRIC_USER, true, NULL, "p-p_pop,/k",
                            "hits weighted by how far above their popularity rank they stand"},
};

/* Where a library's number under the same name differs. Read in their sources, 2025. */
struct metric_variant {
    enum metric_dialect dialect;
    int32_t id;
    metric_fn fn; /* NULL: handled where the metric is computed */
    const char *text;
};

static const struct metric_variant metric_variants[] = {
    {DIALECT_IMPLICIT, METRIC_PRECISION, value_recall_capped, "micro,sum H/sum min(k,R)"},
    {DIALECT_RECBOLE, METRIC_ENTROPY, NULL, "nats,/recommended items"},
    {DIALECT_RECTOOLS, METRIC_NDCG, value_ndcg_over_k, "bin,log2,k"},
    {DIALECT_RECTOOLS, METRIC_MAP, value_map_over_rel, "R"},
    {DIALECT_GORSE, METRIC_PRECISION, value_precision_list, "H/L"},
    {DIALECT_GORSE, METRIC_NDCG, value_ndcg_over_list, "bin,log2,min(L,R)"},
    {DIALECT_GORSE, METRIC_MAP, value_map_over_rel, "R"},
    {DIALECT_ELLIOT, METRIC_MAP, value_map_mean_precision, "mean precision@1..k"},
    {DIALECT_ELLIOT, METRIC_GINI, NULL, "1-gini,/(n-1)"},
    {DIALECT_ELLIOT, METRIC_ENTROPY, NULL, "bits"},
};

static const char *const dialect_names[] = {"akin",     "implicit", "spark",   "recbole",
                                            "rectools", "gorse",    "recpack", "elliot"};
enum { DIALECT_COUNT = (int)(sizeof dialect_names / sizeof dialect_names[0]) };

static const struct metric_variant *find_variant(int32_t id, enum metric_dialect dialect)
{
    for (size_t i = 0; i < sizeof metric_variants / sizeof metric_variants[0]; i++)
        if (metric_variants[i].dialect == dialect && metric_variants[i].id == id)
            return &metric_variants[i];
    return NULL;
}

/* Spark counts a user without relevant items as 0 in every mean. */
static bool counts_empty_users(const struct metric_spec *m)
{
    return m->dialect == DIALECT_SPARK && metric_table[m->id].fn != NULL;
}

static void write_definition(struct metric_spec *m)
{
    const struct metric_variant *variant = find_variant(m->id, m->dialect);
    snprintf(m->definition, sizeof m->definition, "%s[%s%s]", m->name,
             variant ? variant->text : metric_table[m->id].text,
             counts_empty_users(m) ? ",empty=0" : "");
}

static akin_status fail_unknown(const char *text, akin_error *err)
{
    char names[256] = "";
    size_t used = 0;
    for (int32_t i = 0; i < METRIC_COUNT; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? " " : "",
                                 metric_table[i].name);
    return error_set(err, AKIN_E_ARG, __FILE__, __LINE__, "metric '%.30s' is unknown (%s)", text,
                     names);
}

akin_status metric_parse(const char *text, enum metric_dialect dialect, struct metric_spec *out,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    struct metric_spec m = {.id = -1, .dialect = dialect};
    const char *at = strchr(text, '@');
    size_t size = at ? (size_t)(at - text) : strlen(text);
    for (int32_t i = 0; i < METRIC_COUNT && m.id < 0; i++)
        if (strlen(metric_table[i].name) == size && memcmp(metric_table[i].name, text, size) == 0)
            m.id = i;
    if (m.id < 0)
        return fail_unknown(text, err);
    const struct metric_row *row = &metric_table[m.id];
    if (at && !row->has_cut)
        AKIN_FAIL(AKIN_E_ARG, "metric '%.40s' takes no cut (write %s)", text, row->name);
    if (!at && row->has_cut)
        AKIN_FAIL(AKIN_E_ARG, "metric '%s' needs a cut, as in %s@20", row->name, row->name);
    if (at) {
        int64_t k = 0, low = m.id == METRIC_DIVERSITY ? 2 : 1;
        if (!text_to_int(at + 1, strlen(at + 1), &k) || k < low || k > METRIC_MAX_CUT)
            AKIN_FAIL(AKIN_E_ARG, "metric '%.40s': the cut must be %d..%d", text, (int)low,
                      METRIC_MAX_CUT);
        m.k = (int32_t)k;
        snprintf(m.name, sizeof m.name, "%s@%d", row->name, (int)m.k);
    } else {
        snprintf(m.name, sizeof m.name, "%s", row->name);
    }
    write_definition(&m);
    *out = m;
done:
    return status;
}

akin_status metric_parse_list(akin_ctx *ctx, const char *comma_separated,
                              enum metric_dialect dialect, struct metric_spec **out, int32_t *n,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    struct metric_spec *list = NULL;
    int64_t cap = 0;
    int32_t count = 0;
    const char *p = comma_separated;
    while (*p) {
        size_t skip = strspn(p, ", \t");
        p += skip;
        size_t size = strcspn(p, ", \t");
        if (size == 0)
            break;
        char word[64];
        if (size >= sizeof word)
            AKIN_FAIL(AKIN_E_ARG, "metric '%.40s...': %zu bytes (at most %zu)", p, size,
                      sizeof word - 1);
        text_copy(word, size + 1, p);
        MEM_GROW(ctx, list, cap, count + 1);
        AKIN_TRY(metric_parse(word, dialect, &list[count], err));
        for (int32_t i = 0; i < count; i++)
            if (strcmp(list[i].name, list[count].name) == 0)
                AKIN_FAIL(AKIN_E_ARG, "metric '%s' is named twice", list[i].name);
        count++;
        p += size;
    }
    if (count == 0)
        AKIN_FAIL(AKIN_E_ARG, "no metric is named (for example recall@20,ndcg@20)");
    *out = list;
    *n = count;
    list = NULL;
done:
    mem_free(ctx, list);
    return status;
}

bool metric_dialect_find(const char *name, enum metric_dialect *out)
{
    for (int i = 0; i < DIALECT_COUNT; i++) {
        if (strcmp(dialect_names[i], name) == 0) {
            *out = (enum metric_dialect)i;
            return true;
        }
    }
    return false;
}

const char *metric_dialect_name(enum metric_dialect dialect)
{
    return dialect_names[dialect];
}

enum metric_kind metric_kind_of(const struct metric_spec *m)
{
    return metric_table[m->id].kind;
}

int metric_direction(const struct metric_spec *m)
{
    if (m->id == METRIC_POPULARITY)
        return 0;
    return m->id == METRIC_GINI || metric_kind_of(m) == METRIC_PAIR ? -1 : 1;
}

const char *metric_name_at(int32_t id)
{
    return id >= 0 && id < METRIC_COUNT ? metric_table[id].name : NULL;
}

const char *metric_help_at(int32_t id)
{
    return id >= 0 && id < METRIC_COUNT ? metric_table[id].help : NULL;
}

bool metric_is_from_hits(const struct metric_spec *m)
{
    return metric_table[m->id].fn != NULL;
}

void metric_fraction(const struct metric_spec *m, const uint8_t *hit, int32_t n_list, int32_t n_rel,
                     double *num, double *den)
{
    const struct metric_variant *variant = find_variant(m->id, m->dialect);
    metric_fn fn = variant && variant->fn ? variant->fn : metric_table[m->id].fn;
    *num = 0.0;
    *den = 0.0;
    if (!fn)
        return;
    if (n_rel <= 0) {
        *den = counts_empty_users(m) ? 1.0 : 0.0;
        return;
    }
    *den = 1.0;
    if (m->dialect == DIALECT_IMPLICIT && m->id == METRIC_PRECISION)
        *den = least(m->k, n_rel);
    *num = fn(hit, least(n_list, m->k), n_rel, m->k) * *den;
}

double metric_user(const struct metric_spec *m, const uint8_t *hit, int32_t n_list, int32_t n_rel)
{
    double num, den;
    metric_fraction(m, hit, n_list, n_rel, &num, &den);
    return den > 0.0 ? num / den : (double)NAN;
}
