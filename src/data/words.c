/*
 * Texts to terms. Unicode Standard Annex 15 (NFKC) and chapter 3.13 (case folding, default
 * ignorable characters left out) by utf8proc; word boundaries after Annex 29; stems by libstemmer
 * (Snowball: Porter 1980, doi:10.1108/eb046814).
 *
 * A text is taken in runs of at most WORDS_RUN bytes, cut at ASCII blanks, so that memory does not
 * grow with it; letters without any blank for that long are cut within. Runs of plain ASCII need no
 * tables.
 * Not done: dictionaries for scripts without blanks, languages that change within a text, the
 * dotless i of Turkish (case folding proper takes I for i).
 */
#include "data/words.h"

#include <libstemmer.h>
#include <string.h>
#include <utf8proc.h>

enum {
    WORDS_RUN = 1024,
    WORDS_CODES = 8192 /* code points of a run: at most 18 for 3 bytes */
};

struct ngram_word {
    int32_t size;
    char text[WORDS_MAX + 1];
};

struct words {
    akin_ctx *ctx;
    const struct language *language;
    struct sb_stemmer *stemmer; /* owned; NULL = none */
    struct terms stop;
    int32_t ngrams, n_last;
    struct ngram_word last[WORDS_NGRAMS]; /* newest first */
    words_sink sink;
    void *arg;
    int32_t size; /* of the word in the making */
    bool is_full; /* it has reached its limit: nothing is added any more */
    char word[WORDS_MAX + 1];
    char term[WORDS_TERM_MAX + 1];
    utf8proc_int32_t code[WORDS_CODES + 1];
};

/* ---- Life ---------------------------------------------------------------------------------- */

static bool has_stemmer(const char *name)
{
    for (const char **at = sb_stemmer_list(); *at; at++)
        if (strcmp(*at, name) == 0)
            return true;
    return false;
}

static akin_status stop_words(struct words *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *at = w->language->stop;
    while (*at) {
        int32_t number;
        size_t size = strcspn(at, " ");
        AKIN_TRY(terms_add(&w->stop, at, (int32_t)size, &number, err));
        at += size + (at[size] == ' ');
    }
done:
    return status;
}

akin_status words_create(akin_ctx *ctx, int64_t language, int64_t ngrams, struct words **out,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    struct words *w = NULL;
    const struct language *l = words_language(language);
    if (!l || ngrams < 1 || ngrams > WORDS_NGRAMS)
        AKIN_FAIL(AKIN_E_ARG, "words: language %d, ngrams %d (must be 1..%d)", (int)language,
                  (int)ngrams, WORDS_NGRAMS);
    MEM_ZERO(ctx, w, 1);
    w->ctx = ctx;
    w->language = l;
    w->ngrams = (int32_t)ngrams;
    terms_init(&w->stop, ctx);
    AKIN_TRY(stop_words(w, err));
    if (language != WORDS_NONE) {
        if (!has_stemmer(l->name))
            AKIN_FAIL(AKIN_E_UNSUPPORTED,
                      "language=%s: the libstemmer of this machine has no stemmer for it (use "
                      "`none`, or a newer libstemmer)",
                      l->name);
        w->stemmer = sb_stemmer_new(l->name, "UTF_8");
        if (!w->stemmer)
            AKIN_FAIL(AKIN_E_MEMORY, "out of memory for a stemmer");
    }
    *out = w;
    w = NULL;
done:
    words_free(w);
    return status;
}

void words_free(struct words *w)
{
    if (!w)
        return;
    if (w->stemmer)
        sb_stemmer_delete(w->stemmer);
    terms_free(&w->stop);
    mem_free(w->ctx, w);
}

/* ---- Letters ------------------------------------------------------------------------------- */

enum letter { BREAK, LETTER, DIGIT, MARK, SINGLE, APOSTROPHE, POINT };

/* By general category, in the order of utf8proc_category_t. */
static const uint8_t by_category[] = {
    BREAK,  LETTER, LETTER, LETTER, LETTER, LETTER, MARK,  MARK,  MARK,  DIGIT,
    LETTER, DIGIT,  BREAK,  BREAK,  BREAK,  BREAK,  BREAK, BREAK, BREAK, BREAK,
    BREAK,  BREAK,  BREAK,  BREAK,  BREAK,  BREAK,  BREAK, BREAK, BREAK, BREAK,
};

/* Scripts without blanks between words: first and last of their blocks. */
static const int32_t without_blanks[][2] = {
    {0x0E00, 0x0EFF}, {0x1000, 0x109F}, {0x1780, 0x17FF}, {0x3041, 0x309F},
    {0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x3FFFF},
};

static enum letter letter_of(int32_t code)
{
    if (code < 0x80) {
        if ((code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z'))
            return LETTER;
        if (code >= '0' && code <= '9')
            return DIGIT;
        return code == '\'' ? APOSTROPHE : code == '.' || code == ',' ? POINT : BREAK;
    }
    if (code == 0x2019)
        return APOSTROPHE;
    enum letter kind = by_category[utf8proc_category(code)];
    for (size_t i = 0; kind == LETTER && i < sizeof without_blanks / sizeof without_blanks[0]; i++)
        if (code >= without_blanks[i][0] && code <= without_blanks[i][1])
            return SINGLE;
    return kind;
}

/* Bytes of the next run: to the first blank, or to the last character that fits. */
static int64_t run_size(const char *text, int64_t size)
{
    int64_t n = 0;
    while (n < size && n < WORDS_RUN && (unsigned char)text[n] > ' ')
        n++;
    if (n == size || n < WORDS_RUN)
        return n;
    while (n > WORDS_RUN - 4 && ((unsigned char)text[n] & 0xC0) == 0x80)
        n--;
    return n;
}

/* A run in one form of each letter, into w->code; returns the count, 0 for what is not UTF-8. */
static int64_t codes_of(struct words *w, const char *text, int64_t size)
{
    int64_t n = 0;
    for (; n < size && (unsigned char)text[n] < 0x80; n++)
        w->code[n] = text[n] >= 'A' && text[n] <= 'Z' ? text[n] - 'A' + 'a' : text[n];
    if (n == size)
        return n;
    const utf8proc_option_t options =
        (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE |
                            UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
    n = utf8proc_decompose((const utf8proc_uint8_t *)text, size, w->code, WORDS_CODES, options);
    if (n <= 0 || n > WORDS_CODES)
        return 0;
    n = utf8proc_normalize_utf32(w->code, n, options);
    return n > 0 ? n : 0;
}

static int32_t append(char *out, int32_t size, int32_t most, int32_t code)
{
    utf8proc_uint8_t bytes[4];
    int32_t n = (int32_t)utf8proc_encode_char(code, bytes);
    if (size + n > most)
        return -1;
    memcpy(out + size, bytes, (size_t)n);
    return size + n;
}

/* ---- Words --------------------------------------------------------------------------------- */

/* The n-grams that end with the newest word. */
static akin_status emit(struct words *w, const char *word, int32_t size, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (w->ngrams == 1)
        return w->sink(w->arg, word, size, err);
    memmove(w->last + 1, w->last, sizeof w->last - sizeof w->last[0]);
    memcpy(w->last[0].text, word, (size_t)size);
    w->last[0].size = size;
    w->n_last += w->n_last < w->ngrams;
    for (int32_t n = 1; n <= w->n_last; n++) {
        int32_t at = 0;
        for (int32_t i = n - 1; i >= 0; i--) {
            memcpy(w->term + at, w->last[i].text, (size_t)w->last[i].size);
            at += w->last[i].size;
            w->term[at++] = ' ';
        }
        AKIN_TRY(w->sink(w->arg, w->term, at - 1, err));
    }
done:
    return status;
}

static akin_status end_word(struct words *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *word = w->word;
    int32_t size = w->size;
    w->size = 0;
    w->is_full = false;
    if (size == 0 || terms_find(&w->stop, word, size) >= 0)
        goto done;
    if (w->stemmer) {
        word = (const char *)sb_stemmer_stem(w->stemmer, (const sb_symbol *)word, size);
        if (!word)
            AKIN_FAIL(AKIN_E_MEMORY, "out of memory for a stem");
        size = sb_stemmer_length(w->stemmer);
    }
    if (size > 0 && size <= WORDS_MAX)
        status = emit(w, word, size, err);
done:
    return status;
}

static void add_letter(struct words *w, int32_t code)
{
    int32_t size = w->is_full ? -1 : append(w->word, w->size, WORDS_MAX, code);
    w->is_full = size < 0;
    w->size = size < 0 ? w->size : size;
}

/* Does a sign between two letters belong to the word? */
static bool joins(const struct words *w, enum letter sign, enum letter before, int32_t next)
{
    enum letter after = letter_of(next);
    if (sign == APOSTROPHE)
        return before == LETTER && after == LETTER && !w->language->is_elided;
    return sign == POINT && before == DIGIT && after == DIGIT;
}

static akin_status run_words(struct words *w, const char *text, int64_t size, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = codes_of(w, text, size);
    enum letter before = BREAK;
    w->code[n] = ' ';
    for (int64_t i = 0; i < n; i++) {
        enum letter kind = letter_of(w->code[i]);
        if (kind == LETTER || kind == DIGIT || kind == SINGLE) {
            if (kind == SINGLE || before == SINGLE)
                AKIN_TRY(end_word(w, err));
            add_letter(w, w->code[i]);
            before = kind;
        } else if (w->size > 0 && kind == MARK) {
            add_letter(w, w->code[i]);
        } else if (w->size > 0 && joins(w, kind, before, w->code[i + 1])) {
            add_letter(w, kind == APOSTROPHE ? '\'' : w->code[i]);
        } else {
            AKIN_TRY(end_word(w, err));
            before = BREAK;
        }
    }
    AKIN_TRY(end_word(w, err));
done:
    return status;
}

akin_status words_each(struct words *w, const char *text, int64_t size, words_sink sink, void *arg,
                       akin_error *err)
{
    akin_status status = AKIN_OK;
    w->sink = sink;
    w->arg = arg;
    w->n_last = w->size = 0;
    w->is_full = false;
    for (int64_t at = 0; at < size;) {
        int64_t n = run_size(text + at, size - at);
        if (n > 0)
            AKIN_TRY(run_words(w, text + at, n, err));
        at += n > 0 ? n : 1;
        AKIN_TRY(ctx_check(w->ctx, err));
    }
done:
    return status;
}

akin_status words_whole(struct words *w, const char *text, int64_t size, words_sink sink, void *arg,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t at = 0;
    if (size > WORDS_RUN)
        for (size = WORDS_RUN; size > WORDS_RUN - 4 && ((unsigned char)text[size] & 0xC0) == 0x80;)
            size--;
    int64_t n = codes_of(w, text, size);
    for (int64_t i = 0; i < n; i++) {
        int32_t next = append(w->term, at, WORDS_TERM_MAX, w->code[i] < ' ' ? ' ' : w->code[i]);
        if (next < 0)
            break;
        at = next;
    }
    if (at > 0)
        AKIN_TRY(sink(arg, w->term, at, err));
done:
    return status;
}
