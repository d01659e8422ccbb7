/* Words of texts: letters in one form, boundaries, stop words, stems, n-grams, strange texts. */
#include "core/ctx.h"
#include "core/text.h"
#include "data/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct heard {
    char text[4096];
    size_t size;
    int64_t n;
};

static akin_status hear(void *arg, const char *term, int32_t size, akin_error *err)
{
    (void)err;
    struct heard *h = arg;
    assert_in_range(size, 1, WORDS_TERM_MAX);
    assert_true(text_is_utf8(term, (size_t)size));
    if (h->size + (size_t)size + 2 < sizeof h->text) {
        memcpy(h->text + h->size, term, (size_t)size);
        h->size += (size_t)size;
        h->text[h->size++] = '|';
        h->text[h->size] = '\0';
    }
    h->n++;
    return AKIN_OK;
}

static akin_ctx *ctx_of(void **state)
{
    return *state;
}

static int setup(void **state)
{
    akin_ctx *ctx = NULL;
    akin_error err;
    assert_int_equal(ctx_create(1, 1, 0, &ctx, &err), AKIN_OK);
    *state = ctx;
    return 0;
}

static int teardown(void **state)
{
    assert_int_equal(mem_used(ctx_of(state)->mem), 0);
    ctx_free(ctx_of(state));
    return 0;
}

static int64_t number_of(const char *language)
{
    for (int64_t l = 0; words_language(l); l++)
        if (strcmp(words_language(l)->name, language) == 0)
            return l;
    fail_msg("no language %s", language);
    return -1;
}

/* The terms of text, each with | behind it. */
static void expect(void **state, const char *language, int64_t ngrams, const char *text,
                   const char *terms)
{
    struct words *w = NULL;
    struct heard h = {.size = 0};
    akin_error err;
    assert_int_equal(words_create(ctx_of(state), number_of(language), ngrams, &w, &err), AKIN_OK);
    assert_int_equal(words_each(w, text, (int64_t)strlen(text), hear, &h, &err), AKIN_OK);
    assert_string_equal(h.text, terms);
    words_free(w);
}

static void test_letters(void **state)
{
    expect(state, "none", 1, "Toy Story (1995)", "toy|story|1995|");
    expect(state, "none", 1,
           "STRASSE Straße stra\xC3\x9F"
           "e",
           "strasse|strasse|strasse|");
    expect(state, "none", 1, "ﬁne ＡＢＣ ⅷ", "fine|abc|viii|");
    /* the same letter composed and not */
    expect(state, "none", 1, "Am\xC3\xA9lie Ame\xCC\x81lie", "am\xC3\xA9lie|am\xC3\xA9lie|");
    /* a soft hyphen, a mark of direction and a joiner are nothing */
    expect(state, "none", 1,
           "co\xC2\xADop a\xE2\x80\x8E"
           "b c\xE2\x80\x8D"
           "d",
           "coop|ab|cd|");
    expect(state, "none", 1, "Ἀθῆναι ΟΔΟΣ", "ἀθῆναι|οδοσ|");
}

static void test_boundaries(void **state)
{
    expect(state, "none", 1, "don't 'quoted' rock'n'roll it’s", "don't|quoted|rock'n'roll|it's|");
    expect(state, "none", 1, "3.14 1,000 a.b mp3 x_y C++", "3.14|1,000|a|b|mp3|x|y|c|");
    expect(state, "none", 1, "", "");
    expect(state, "none", 1, " \t\n--- ... '''", "");
}

static void test_scripts(void **state)
{
    expect(state, "none", 1, "שלום עולם", "שלום|עולם|");
    expect(state, "none", 1, "مرحبا بالعالم", "مرحبا|بالعالم|");
    expect(state, "none", 1, "👍🏽 good 😀😀 👨‍👩‍👧", "good|");
    /* no blanks between words: letters, and pairs of them */
    expect(state, "none", 2, "電影 テレビ", "電|影|電 影|テレビ|影 テレビ|");
    expect(state, "none", 1, "한국 영화", "한국|영화|");
    expect(state, "none", 1, "หนัง", "ห|นั|ง|");
}

static void test_stop_words_and_stems(void **state)
{
    /* stems as snowballstem.org publishes them */
    expect(state, "english", 1, "The running foxes were consistently knocking",
           "run|fox|consist|knock|");
    expect(state, "english", 1, "Isn't it the dog's ball", "dog|ball|");
    expect(state, "german", 1, "die aufeinanderfolgenden Häuser für Äpfel",
           "aufeinanderfolg|haus|apfel|");
    expect(state, "french", 1, "L'amour continue d’aujourd'hui", "amour|continu|aujourd|hui|");
    expect(state, "russian", 1, "и вечерами красивые", "вечер|красив|");
    expect(state, "none", 1, "the running", "the|running|");
}

/* Stop words of every list are stop words in the form in which texts arrive. */
static void test_languages(void **state)
{
    int64_t n = 0;
    for (; words_language(n); n++) {
        const struct language *l = words_language(n);
        struct words *w = NULL;
        struct heard h = {.size = 0};
        akin_error err;
        assert_true(strstr("|" WORDS_LANGUAGES "|", l->name) != NULL);
        assert_int_equal(words_create(ctx_of(state), n, 1, &w, &err), AKIN_OK);
        assert_int_equal(words_each(w, l->stop, (int64_t)strlen(l->stop), hear, &h, &err), AKIN_OK);
        if (h.n != 0)
            fail_msg("%s: stop words that are none: %s", l->name, h.text);
        words_free(w);
    }
    int64_t choices = 1;
    for (const char *at = WORDS_LANGUAGES; *at; at++)
        choices += *at == '|';
    assert_int_equal(n, choices);
    assert_true(n >= 11);
}

static void test_ngrams(void **state)
{
    expect(state, "none", 3, "new york city", "new|york|new york|city|york city|new york city|");
    /* stop words are gone before words are joined; texts do not run into each other */
    expect(state, "english", 2, "Lord of the Rings", "lord|ring|lord ring|");
}

static void test_long(void **state)
{
    enum { SIZE = 10 << 20 };
    struct words *w = NULL;
    struct heard h = {.size = 0};
    akin_error err;
    char *text = malloc(SIZE);
    assert_non_null(text);
    assert_int_equal(words_create(ctx_of(state), WORDS_ENGLISH, 2, &w, &err), AKIN_OK);
    int64_t before = mem_peak(ctx_of(state)->mem);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = "alpha beta "[i % 11];
    assert_int_equal(words_each(w, text, SIZE, hear, &h, &err), AKIN_OK);
    assert_in_range(h.n, 4 * (SIZE / 11) - 4, 4 * (SIZE / 11) + 4);
    memset(text, 'x', SIZE); /* one word, cut where runs end */
    assert_int_equal(words_each(w, text, SIZE, hear, &h, &err), AKIN_OK);
    for (size_t i = 0; i + 3 <= SIZE; i += 3) /* U+FDFA is 18 letters */
        memcpy(text + i, "\xEF\xB7\xBA", 3);
    assert_int_equal(words_each(w, text, 1 << 20, hear, &h, &err), AKIN_OK);
    assert_int_equal(words_whole(w, text, SIZE, hear, &h, &err), AKIN_OK);
    memset(text, 0xC3, SIZE); /* no UTF-8 */
    assert_int_equal(words_each(w, text, SIZE, hear, &h, &err), AKIN_OK);
    assert_int_equal(mem_peak(ctx_of(state)->mem), before);
    atomic_store(&ctx_of(state)->cancelled, 1);
    assert_int_equal(words_each(w, text, SIZE, hear, &h, &err), AKIN_E_CANCELLED);
    atomic_store(&ctx_of(state)->cancelled, 0);
    words_free(w);
    free(text);
}

static void test_whole(void **state)
{
    struct words *w = NULL;
    struct heard h = {.size = 0};
    akin_error err;
    assert_int_equal(words_create(ctx_of(state), WORDS_ENGLISH, 1, &w, &err), AKIN_OK);
    assert_int_equal(words_whole(w, "Based on a TRUE Story", 21, hear, &h, &err), AKIN_OK);
    assert_string_equal(h.text, "based on a true story|");
    assert_int_equal(words_whole(w, "", 0, hear, &h, &err), AKIN_OK);
    assert_int_equal(h.n, 1);
    words_free(w);
}

static void test_memory(void **state)
{
    akin_ctx *ctx = ctx_of(state);
    for (int64_t n = 1;; n++) {
        struct words *w = NULL;
        akin_error err;
        mem_fail_at(ctx->mem, n);
        akin_status status = words_create(ctx, WORDS_ENGLISH, 1, &w, &err);
        mem_fail_at(ctx->mem, 0);
        words_free(w);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
        assert_int_equal(mem_used(ctx->mem), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_letters),   cmocka_unit_test(test_boundaries),
        cmocka_unit_test(test_scripts),   cmocka_unit_test(test_stop_words_and_stems),
        cmocka_unit_test(test_languages), cmocka_unit_test(test_ngrams),
        cmocka_unit_test(test_long),      cmocka_unit_test(test_whole),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
