/*
 * Fuzz: numbers, times and texts of one field, against the C library and against their own way
 * back. The first byte is the number of bytes of the first of two fields, which are also ordered.
 */
#include "fuzz_base.h"

#include "core/text.h"
#include "data/column_id.h"

#include <errno.h>
#include <math.h>

static void check_int(const char *text, size_t size)
{
    int64_t value, canonical;
    char written[24];
    char *end;
    bool is_canonical = text_is_canonical_int(text, size, &canonical);
    if (!text_to_int(text, size, &value)) {
        if (is_canonical)
            abort();
        return;
    }
    errno = 0;
    if (strtoll(text, &end, 10) != value || errno != 0 || end != text + size)
        fuzz_fail(text, NULL);
    int n = snprintf(written, sizeof written, "%lld", (long long)value);
    if (is_canonical != ((size_t)n == size && memcmp(written, text, size) == 0) ||
        (is_canonical && canonical != value))
        fuzz_fail(text, NULL);
}

static void check_double(const char *text, size_t size)
{
    double value, same;
    char *end;
    if (!text_to_double(text, size, &value))
        return;
    same = strtod(text, &end);
    if (end != text + size || (isnan(value) ? !isnan(same) : memcmp(&value, &same, sizeof same)))
        fuzz_fail(text, NULL);
}

static void check_time(const char *text, size_t size)
{
    int64_t time, again;
    char written[64];
    if (!text_to_unix(text, size, &time))
        return;
    text_from_unix(time, written, sizeof written);
    /* A zone may move a time out of the years 0000 to 9999, which have no text. */
    bool is_plain = strlen(written) == 20 && written[0] != '-';
    if (is_plain && (!text_to_unix(written, strlen(written), &again) || again != time))
        fuzz_fail(written, NULL);
}

static void check_id(const char *text, size_t size)
{
    uint32_t id;
    char written[16];
    if (!id_to_u32(text, (int64_t)size, &id))
        return;
    int n = id_from_u32(id, written);
    if ((size_t)n != size || memcmp(written, text, size) != 0)
        fuzz_fail(text, NULL);
}

static void check_utf8(char *text, size_t size)
{
    size_t at = 0, length;
    while (at < size && text[at] && (length = text_utf8_length(text + at, size - at)) > 0)
        at += length;
    if (text_is_utf8(text, size) != (at == size))
        abort();
    text_clean(text); /* up to its first NUL */
    length = strlen(text);
    if (length > size || !text_is_utf8(text, length))
        fuzz_fail("cleaned text is not UTF-8", NULL);
    for (at = 0; at < length; at++)
        if ((unsigned char)text[at] < 0x20 || text[at] == 0x7f)
            fuzz_fail("cleaned text has control bytes", NULL);
}

static void check_order(const char *a, size_t na, const char *b, size_t nb)
{
    int order = text_compare(a, na, b, nb), back = text_compare(b, nb, a, na);
    bool is_same = na == nb && memcmp(a, b, na) == 0;
    if ((order < 0) != (back > 0) || (order == 0) != is_same)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t first = data[0] < size - 1 ? data[0] : size - 1;
    char *part[2] = {fuzz_text(data + 1, first), fuzz_text(data + 1 + first, size - 1 - first)};
    size_t length[2] = {first, size - 1 - first};
    check_order(part[0], length[0], part[1], length[1]);
    for (int i = 0; i < 2; i++) {
        check_int(part[i], length[i]);
        check_double(part[i], length[i]);
        check_time(part[i], length[i]);
        check_id(part[i], length[i]);
        check_utf8(part[i], length[i]);
        free(part[i]);
    }
    return 0;
}
