/*
 * Fuzz: texts cut into words, in every language. The first byte chooses the language, the second
 * the n-grams; the rest is the text. Terms are UTF-8 within their limits, the same each time, and
 * a whole is one term at most.
 */
#include "fuzz_base.h"

#include "core/hash.h"
#include "core/text.h"
#include "data/words.h"

struct heard {
    uint64_t sum;
    int64_t n;
};

static akin_status hear(void *arg, const char *term, int32_t size, akin_error *err)
{
    (void)err;
    struct heard *h = arg;
    if (size < 1 || size > WORDS_TERM_MAX || !text_is_utf8(term, (size_t)size))
        abort();
    h->sum = hash_bytes(term, (size_t)size, h->sum);
    h->n++;
    return AKIN_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    akin_ctx *ctx = fuzz_ctx();
    struct words *w = NULL;
    struct heard first = {0}, again = {0}, whole = {0};
    akin_error err = {0};
    int64_t n_languages = 0;
    if (size < 2)
        return 0;
    while (words_language(n_languages))
        n_languages++;
    char *text = fuzz_text(data + 2, size - 2);
    akin_status status =
        words_create(ctx, data[0] % n_languages, 1 + data[1] % WORDS_NGRAMS, &w, &err);
    fuzz_refused(status, &err); /* an older libstemmer lacks a language */
    if (status == AKIN_OK) {
        if (words_each(w, text, (int64_t)size - 2, hear, &first, &err) != AKIN_OK ||
            words_whole(w, text, (int64_t)size - 2, hear, &whole, &err) != AKIN_OK ||
            words_each(w, text, (int64_t)size - 2, hear, &again, &err) != AKIN_OK)
            fuzz_fail("words", &err);
        if (first.sum != again.sum || first.n != again.n || whole.n > 1)
            abort();
    }
    words_free(w);
    free(text);
    fuzz_clean(ctx, 0);
    return 0;
}
