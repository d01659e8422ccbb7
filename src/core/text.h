/* Text scraps: strict number and time parsing without locale, UTF-8 checks, safe copies. */
#ifndef AKIN_CORE_TEXT_H
#define AKIN_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The whole of text[0..size) must be the number. Decimal only; no locale; correctly rounded. */
bool text_to_int(const char *text, size_t size, int64_t *out);
bool text_to_double(const char *text, size_t size, double *out); /* accepts nan, inf */
/* Canonical integer: "0" or [-]digits without leading zero, within int64. */
bool text_is_canonical_int(const char *text, size_t size, int64_t *out);
/* ISO 8601 / RFC 3339 date or date-time (T or space, fraction, Z or ±hh:mm) → Unix seconds. */
bool text_to_unix(const char *text, size_t size, int64_t *out);
/* Unix seconds → "YYYY-MM-DDThh:mm:ssZ" (out at least 32 bytes). */
void text_from_unix(int64_t unix_seconds, char *out, size_t size);
bool text_is_utf8(const char *text, size_t size); /* and no NUL */
/* Bytes of the UTF-8 character at text, 1..4, or 0 if there is none (size >= 1). */
size_t text_utf8_length(const char *text, size_t size);
/* Bytes first, then length: memcmp order, as DESIGN's "by bytes". */
int text_compare(const char *a, size_t na, const char *b, size_t nb);
/* In place: control bytes and what is not UTF-8 become '?'; a character cut off at the end goes. */
void text_clean(char *text);
/* Copies with truncation and a NUL; out size >= 1. */
void text_copy(char *out, size_t out_size, const char *text);

#endif
