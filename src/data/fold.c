/*
 * Folding of letters for search.
 *
 * Latin (with Extended-A, -B and Additional), Greek and Cyrillic letters become small letters
 * without marks, by tables taken from the Unicode character database; combining marks go; ligatures
 * and letters such as ß, æ, þ become two plain letters; full-width forms become plain. Everything
 * that is no letter or digit there separates words.
 *
 * Cost: one pass, and a look at the words so far for each word.
 * Not done: polytonic Greek, Arabic and Hebrew marks, kana or Han variants, other scripts' cases
 * (their letters stand for themselves); cutting of scripts that are written without blanks (a run
 * is one word, found by its beginning only); the Turkish dotless i (it is an i); stemming.
 */
#include "data/fold.h"

#include "core/text.h"

#include <string.h>

/* U+00C0..U+024F and U+1E00..U+1EFF. '-' separates, '?' stays, a digit is a row of `pairs`. */
static const char latin[] = "aaaaaa1ceeeeiiiidnooooo-ouuuuy32aaaaaa1ceeeeiiiidnooooo-ouuuuy3y"
                            "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii44jjkkkllllll?"
                            "?llnnnnnnnnnoooooo55rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs"
                            "bbbb???ccdddd????ffg???ikkl??nnooo??pp?????ttttuu?vyyzz?????????"
                            "????888666777aaiioouuuuuuuuuu?aaaa11ggggkkoooo??j888gg??nnaa11oo"
                            "aaaaeeeeiiiioooorrrruuuusstt??hhnd??zzaaeeooooooooyylntj??acclts"
                            "z??bu?eejjqqrryy";
static const char latin_more[] = "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmm"
                                 "mmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvv"
                                 "wwwwwwwwwwxxxxyyzzzzzzhtwy?sss2?aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeee"
                                 "eeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy??????";
static const char pairs[] = "aessthijoeljnjdz"; /* of '1', '2', … */
/* U+0386..U+03CE: 'A' = alpha; U+0400..U+045F: '0' = a. */
static const char greek[] =
    "A?EGI?O?UYIABCDEFGHIJKLMNOPQ?STUVWXYIUAEGIUABCDEFGHIJKLMNOPQSSTUVWXYIUOUY";
static const char cyrillic[] = "55R3TUVVXYZ[:8C_0123456788:;<=>?@ABCDEFGHIJKLMNO"
                               "0123456788:;<=>?@ABCDEFGHIJKLMNO55R3TUVVXYZ[:8C_";

enum { SEPARATES = -1 };

static uint32_t decode(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    if (length == 1)
        return s[0];
    uint32_t code = s[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (s[i] & 0x3Fu);
    return code;
}

static int encode(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

static int fold_ascii(uint32_t code, char *out)
{
    bool is_upper = code >= 'A' && code <= 'Z';
    if (!is_upper && !(code >= 'a' && code <= 'z') && !(code >= '0' && code <= '9'))
        return SEPARATES;
    out[0] = (char)(is_upper ? code + 0x20 : code);
    return 1;
}

static int fold_latin(uint32_t code, char to, char *out)
{
    if (to == '-')
        return SEPARATES;
    if (to == '?')
        return encode(code, out);
    if (to >= '1' && to <= '8') {
        memcpy(out, pairs + 2 * (to - '1'), 2);
        return 2;
    }
    out[0] = to;
    return 1;
}

static uint32_t fold_cyrillic(uint32_t code)
{
    if (code <= 0x45F)
        return 0x430u + (uint32_t)(cyrillic[code - 0x400] - '0');
    if (code == 0x4C0)
        return 0x4CF;
    if (code >= 0x4C1 && code <= 0x4CE) /* capitals are odd here, even elsewhere */
        return code + (code & 1);
    if (code >= 0x482 && code <= 0x489)
        return code;
    return code | 1;
}

/* U+0080..U+00BF: signs, but for a few letters and digits. */
static int fold_sign(uint32_t code, char *out)
{
    switch (code) {
    case 0xAA:
        return encode('a', out);
    case 0xB2:
    case 0xB3:
        return encode(code - 0xB0 + '0', out);
    case 0xB5: /* micro: a mu */
        return encode(0x3BC, out);
    case 0xB9:
        return encode('1', out);
    case 0xBA:
        return encode('o', out);
    case 0xAD: /* soft hyphen */
        return 0;
    default:
        return SEPARATES;
    }
}

static bool is_mark(uint32_t code)
{
    return (code >= 0x300 && code <= 0x36F) || (code >= 0x483 && code <= 0x489) ||
           (code >= 0x200B && code <= 0x200D) || code == 0x2060 ||
           (code >= 0xFE00 && code <= 0xFE0F) || code == 0xFEFF;
}

static bool is_separator(uint32_t code)
{
    return (code >= 0x2000 && code <= 0x206F) || (code >= 0x20A0 && code <= 0x20CF) ||
           (code >= 0x2190 && code <= 0x2BFF) || (code >= 0x3000 && code <= 0x3004) ||
           (code >= 0x3008 && code <= 0x3020) || code == 0x30FB || code == 0x37E || code == 0x387;
}

/* Bytes of the folded letter into out (at most 4), 0 = drops out, or SEPARATES. */
static int fold_code(uint32_t code, char *out)
{
    if (code >= 0xFF01 && code <= 0xFF5E) /* full-width forms */
        code -= 0xFEE0;
    if (code < 0x80)
        return fold_ascii(code, out);
    if (code < 0xC0)
        return fold_sign(code, out);
    if (code <= 0x24F)
        return fold_latin(code, latin[code - 0xC0], out);
    if (is_mark(code))
        return 0;
    if (is_separator(code))
        return SEPARATES;
    if (code >= 0x386 && code <= 0x3CE && greek[code - 0x386] != '?')
        code = 0x3B1u + (uint32_t)(greek[code - 0x386] - 'A');
    else if (code >= 0x400 && code <= 0x52F)
        code = fold_cyrillic(code);
    else if (code >= 0x1E00 && code <= 0x1EFF)
        return fold_latin(code, latin_more[code - 0x1E00], out);
    return encode(code, out);
}

/* Ends the word that stands behind f->size, `length` bytes, and keeps it if it is new. */
static void end_word(struct folded *f, int32_t length)
{
    if (length == 0)
        return;
    char *word = f->text + f->size;
    word[length] = ' ';
    for (int32_t at = 0; at < f->size;) {
        if (fold_compare(f->text + at, word) == 0)
            return;
        while (f->text[at++] != ' ')
            continue;
    }
    f->size += length + 1;
    f->n_words++;
}

void fold_add(struct folded *f, const char *text, size_t size)
{
    int32_t length = 0; /* of the word at hand */
    bool is_cut = false;
    for (size_t i = 0; i < size && f->n_words < FOLD_WORDS;) {
        char to[4];
        size_t n = text_utf8_length(text + i, size - i);
        int n_to = n ? fold_code(decode(text + i, n), to) : SEPARATES;
        i += n ? n : 1;
        if (n_to == SEPARATES) {
            end_word(f, length);
            length = 0;
            is_cut = false;
            continue;
        }
        is_cut = is_cut || length + n_to > FOLD_WORD_MAX;
        if (is_cut)
            continue;
        memcpy(f->text + f->size + length, to, (size_t)n_to);
        length += n_to;
    }
    if (f->n_words < FOLD_WORDS)
        end_word(f, length);
}
