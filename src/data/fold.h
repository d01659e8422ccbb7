/* Text folded for search: words in lower case without accents, so that "Amélie" meets "amelie". */
#ifndef AKIN_DATA_FOLD_H
#define AKIN_DATA_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FOLD_WORDS = 64,                            /* of a text; further ones are left out */
    FOLD_WORD_MAX = 63,                         /* bytes; longer words are cut at a character */
    FOLD_MAX = FOLD_WORDS * (FOLD_WORD_MAX + 1) /* bytes of a folded text */
};

/* Distinct words in the order they came, a blank behind each. */
struct folded {
    int32_t n_words;
    int32_t size;
    char text[FOLD_MAX];
};

/* Appends the words of text (UTF-8) that are not there yet. n_words = size = 0 to begin with. */
void fold_add(struct folded *f, const char *text, size_t size);

/* Words in folded form, each ended by a blank: does `word` begin as `prefix` does? */
static inline bool fold_begins(const char *word, const char *prefix)
{
    while (*prefix != ' ' && *word == *prefix) {
        word++;
        prefix++;
    }
    return *prefix == ' ';
}

/* Order of two folded words by bytes; a blank is below everything a word has. */
static inline int fold_compare(const char *a, const char *b)
{
    while (*a == *b && *a != ' ') {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

#endif
