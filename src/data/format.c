/*
 * Guessing a format, from the name's ending and the first lines. The rules are few and plain, so
 * that a guess can be told to the user in one word and overruled by --format:
 * '{' jsonl · "::" movielens · one TAB, then names joined by ':' that are more than a pair dsstne ·
 * `number feature:value …` libsvm · TAB before one last token sessions · TAB tsv · a constant
 * number of commas csv, else basket · blanks: 2 to 4 columns csv, a count in front or consecutive
 * ids adjacency, else basket.
 */
#include "data/format.h"

#include "core/text.h"

#include <string.h>

enum { GUESS_LINES = 50 };

struct line_shape {
    int64_t n; /* bytes */
    int tabs, commas, tokens, colons, semicolons;
    bool has_double;    /* "::" */
    bool one_after_tab; /* exactly one TAB, one token behind it */
    bool first_is_int, rest_is_pairs;
    bool is_features, is_surely_features; /* one TAB, one token behind it: a,1:b or a:b:c */
    uint32_t first;
};

/* Names joined by ':' that no pair is mistaken for: three of them, or a value before a ':'. Not
 * addresses. */
static bool features_shape(const char *p, int64_t n)
{
    int colons = 0;
    bool has_value = false, comma = false;
    for (int64_t i = 0; i < n; i++) {
        comma = comma || p[i] == ',';
        if (p[i] != ':')
            continue;
        if (i + 1 < n && (p[i + 1] == '/' || p[i + 1] == ':'))
            return false;
        has_value = has_value || comma;
        colons++;
    }
    return colons > 1 || has_value;
}

static void shape_of(const char *p, int64_t n, struct line_shape *s)
{
    memset(s, 0, sizeof *s);
    s->n = n;
    s->rest_is_pairs = true;
    bool in_quotes = false;
    for (int64_t i = 0; i < n; i++) {
        in_quotes ^= p[i] == '"';
        s->tabs += p[i] == '\t';
        s->commas += p[i] == ',' && !in_quotes;
        s->semicolons += p[i] == ';' && !in_quotes;
        s->has_double = s->has_double || (p[i] == ':' && i + 1 < n && p[i + 1] == ':');
    }
    const char *last = NULL;
    for (int64_t i = 0; i < n;) {
        while (i < n && (p[i] == ' ' || p[i] == '\t'))
            i++;
        int64_t begin = i;
        while (i < n && p[i] != ' ' && p[i] != '\t')
            i++;
        if (i == begin)
            break;
        last = p + begin;
        if (s->tokens == 0) {
            double number;
            s->first_is_int = id_to_u32(p + begin, i - begin, &s->first);
            s->rest_is_pairs = text_to_double(p + begin, (size_t)(i - begin), &number);
        } else if (!memchr(p + begin, ':', (size_t)(i - begin))) {
            s->rest_is_pairs = false;
        }
        s->tokens++;
    }
    const char *tab = memchr(p, '\t', (size_t)n);
    s->one_after_tab =
        s->tabs == 1 && last && tab < last && !memchr(tab, ' ', (size_t)(p + n - tab));
    s->is_features = s->one_after_tab && s->tokens == 2;
    s->is_surely_features = s->is_features && features_shape(last, p + n - last);
}

/* Lines separated by blanks: pairs and triples, adjacency, or baskets. */
static void guess_blanks(const struct line_shape *s, int n, struct format_guess *out)
{
    bool is_even = true, is_count = true, is_run = n > 2;
    for (int i = 0; i < n; i++) {
        is_even = is_even && s[i].tokens == s[0].tokens;
        is_count = is_count && s[i].first_is_int && (int64_t)s[i].first == s[i].tokens - 1;
        is_run = is_run && s[i].first_is_int && s[i].tokens > 1 &&
                 s[i].first == s[0].first + (uint32_t)i;
    }
    out->sep = ' ';
    if (is_count && n > 1) {
        out->format = FORMAT_ADJACENCY;
        out->lead = LEAD_COUNT;
    } else if (is_even && n > 2 && s[0].tokens >= 2 && s[0].tokens <= 4) {
        out->format = FORMAT_CSV;
    } else if (is_run) {
        out->format = FORMAT_ADJACENCY;
    } else {
        out->format = FORMAT_BASKET;
    }
}

static void guess_lines(const struct line_shape *s, int n, struct format_guess *out)
{
    bool same_commas = true, same_tabs = true, sessions = false, all_single = true;
    bool pairs = n > 0, features = true, surely = false;
    for (int i = 0; i < n; i++) {
        same_commas = same_commas && s[i].commas == s[0].commas;
        same_tabs = same_tabs && s[i].tabs == s[0].tabs;
        all_single = all_single && (s[i].tabs == 0 || s[i].one_after_tab);
        sessions = sessions || (s[i].one_after_tab && s[i].tokens > 2);
        features = features && s[i].is_features;
        surely = surely || s[i].is_surely_features;
        pairs = pairs && s[i].rest_is_pairs && s[i].tokens > 1;
    }
    if (s[0].has_double) {
        out->format = FORMAT_MOVIELENS;
    } else if (features && surely) {
        out->format = FORMAT_DSSTNE;
    } else if (pairs) {
        out->format = FORMAT_LIBSVM;
    } else if (sessions && all_single) {
        out->format = FORMAT_SESSIONS;
    } else if (s[0].tabs > 0 && same_tabs) {
        out->format = FORMAT_TSV;
        out->sep = '\t';
    } else if (s[0].commas > 0 || s[n - 1].commas > 0) {
        out->format = same_commas ? FORMAT_CSV : FORMAT_BASKET;
        out->sep = ',';
    } else if (s[0].semicolons > 0) {
        out->format = FORMAT_CSV;
        out->sep = ';';
    } else {
        guess_blanks(s, n, out);
    }
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* True if a field of the first line is a well-known column name. */
static bool names_known(const char *head, int64_t size, char sep)
{
    const char *const *const lists[] = {known_user,  known_session, known_item,
                                        known_value, known_time,    known_type};
    const char *stop = memchr(head, '\n', (size_t)size);
    int64_t end = stop ? stop - head : size;
    for (int64_t at = 0, to; at < end; at = to + 1) {
        char name[64];
        const char *p = memchr(head + at, sep, (size_t)(end - at));
        to = p ? p - head : end;
        name_normalise(head + at, to - at, name, sizeof name);
        for (size_t l = 0; l < sizeof lists / sizeof *lists; l++)
            for (int i = 0; lists[l][i]; i++)
                if (strcmp(lists[l][i], name) == 0)
                    return true;
    }
    return false;
}

void format_guess(const char *name, const char *head, int64_t size, struct format_guess *out)
{
    static const struct {
        const char *end;
        int format;
        char sep;
    } ends[] = {{".tsv", FORMAT_TSV, '\t'},       {".tab", FORMAT_TSV, '\t'},
                {".jsonl", FORMAT_JSONL, ','},    {".ndjson", FORMAT_JSONL, ','},
                {".libsvm", FORMAT_LIBSVM, ' '},  {".svm", FORMAT_LIBSVM, ' '},
                {".parquet", FORMAT_PARQUET, ','}};
    struct line_shape shape[GUESS_LINES];
    int n = 0;
    *out = (struct format_guess){FORMAT_CSV, ',', LEAD_ID};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (ends_with(name, ends[i].end)) {
            out->format = ends[i].format;
            out->sep = ends[i].sep;
            return;
        }
    }
    bool is_csv = ends_with(name, ".csv");
    for (int64_t at = 0; at < size && n < GUESS_LINES;) {
        const char *stop = memchr(head + at, '\n', (size_t)(size - at));
        if (!stop && size == INPUT_HEAD && n > 0)
            break;
        int64_t end = stop ? stop - head : size;
        int64_t m = end > at && head[end - 1] == '\r' ? end - 1 - at : end - at;
        shape_of(head + at, m, &shape[n]);
        n += shape[n].tokens > 0;
        at = end + 1;
    }
    if (n == 0)
        return;
    int64_t first = 0;
    while (first < size && (head[first] == ' ' || head[first] == '\n' || head[first] == '\r'))
        first++;
    if (head[first] == '{' && !is_csv) {
        out->format = FORMAT_JSONL;
        return;
    }
    guess_lines(shape, n, out);
    if (out->format == FORMAT_BASKET && out->sep == ',' && names_known(head, size, ','))
        out->format = FORMAT_CSV; /* uneven because of quoted line ends */
    /* In a .csv the header speaks: rows with quoted line ends or defects do not make a basket. */
    if (is_csv && out->format != FORMAT_CSV && !(out->format == FORMAT_BASKET && out->sep == ',')) {
        out->format = FORMAT_CSV;
        out->sep = shape[0].commas > 0       ? ','
                   : shape[0].semicolons > 0 ? ';'
                   : shape[0].tabs > 0       ? '\t'
                                             : ',';
    }
}

const char *format_text(int format)
{
    static const char *const names[] = {"auto",   "csv",       "tsv",    "movielens",
                                        "jsonl",  "adjacency", "basket", "sessions",
                                        "libsvm", "dsstne",    "parquet"};
    return names[format];
}

akin_status format_begin(const struct input *in, int64_t *offset, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t size;
    const unsigned char *head = (const unsigned char *)input_head(in, &size);
    *offset = 0;
    if (size >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
        *offset = 3;
    if (size >= 2 && ((head[0] == 0xff && head[1] == 0xfe) || (head[0] == 0xfe && head[1] == 0xff)))
        AKIN_FAIL(AKIN_E_INPUT, "%s is UTF-16 (convert it: iconv -f UTF-16 -t UTF-8)",
                  input_path(in));
    int64_t at = *offset;
    while (at < size && (head[at] == ' ' || (head[at] >= '\t' && head[at] <= '\r')))
        at++;
    if (at == size && size < INPUT_HEAD)
        AKIN_FAIL(AKIN_E_INPUT, "%s is empty", input_path(in));
done:
    return status;
}
