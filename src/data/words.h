/*
 * Words of texts in any script: one form of each letter (NFKC with case folding), cut at word
 * boundaries, stop words left out, the rest reduced to stems, runs of them joined to n-grams.
 */
#ifndef AKIN_DATA_WORDS_H
#define AKIN_DATA_WORDS_H

#include "data/terms.h"

#include <stdbool.h>

/* The choices of a parameter `language`, in the order of the table of words_stop.c. */
#define WORDS_LANGUAGES                                                                            \
    "none|english|arabic|armenian|basque|catalan|danish|dutch|finnish|french|german|greek|"        \
    "hungarian|indonesian|irish|italian|lithuanian|norwegian|portuguese|romanian|russian|"         \
    "serbian|spanish|swedish|tamil|turkish"

enum {
    WORDS_MAX = 63,       /* bytes of a word; the rest of a longer one is dropped */
    WORDS_NGRAMS = 3,     /* words joined at most */
    WORDS_TERM_MAX = 255, /* bytes of an n-gram or a whole */
    WORDS_NONE = 0,       /* language: neither stop words nor stems */
    WORDS_ENGLISH = 1
};

struct language {
    const char *name; /* of the Snowball algorithm; NULL past the end */
    bool is_elided;   /* an apostrophe ends a word: l'amour */
    const char *stop; /* stop words, a blank between; "" = none known */
};
/* Row of a language, in the order of WORDS_LANGUAGES; NULL past the end. */
const struct language *words_language(int64_t language);

/* What cuts texts: buffers and a stemmer. One thread at a time. */
struct words;
/* ngrams: 1..WORDS_NGRAMS. Fails: E_UNSUPPORTED (this libstemmer lacks the language), E_MEMORY. */
akin_status words_create(akin_ctx *ctx, int64_t language, int64_t ngrams, struct words **out,
                         akin_error *err);
void words_free(struct words *w); /* NULL allowed */

/*
 * Calls sink with each term of text (size bytes; what is not UTF-8 separates), in order: each word,
 * and each n-gram that ends with it, its words joined by a blank. A term is 1..WORDS_TERM_MAX bytes
 * of UTF-8, valid during the call.
 * A word is a run of letters, marks and digits; an apostrophe between letters belongs to it (unless
 * the language elides), and a point or comma between digits. In scripts that put no blanks between
 * words (Han, Hiragana, Thai, Lao, Burmese, Khmer) each letter is a word: n-grams of 2 then serve.
 * Cost: O(size), no allocation; 10 to 40 MB/s. Fails: what sink fails by, E_MEMORY, E_CANCELLED.
 */
typedef akin_status (*words_sink)(void *arg, const char *term, int32_t size, akin_error *err);
akin_status words_each(struct words *w, const char *text, int64_t size, words_sink sink, void *arg,
                       akin_error *err);
/* Calls sink once with the whole text in one form of each letter, its first WORDS_TERM_MAX bytes;
 * not at all if nothing is left of it. For tags. */
akin_status words_whole(struct words *w, const char *text, int64_t size, words_sink sink, void *arg,
                        akin_error *err);

#endif
