/*
 * What rows hold beside their values: a sum of 32 bits, as SQLite itself notices damage only where
 * it breaks the shape of its pages, and a compact form of event ids.
 *
 * Cost: some 20 ns a row.
 */
#include "store/store_impl.h"

#include "core/hash.h"

#include <string.h>

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A UUID as it is usually written (lower case) takes 16 bytes instead of 36. */
static bool pack_uuid(const char *text, unsigned char out[16])
{
    size_t n = 0;
    for (size_t i = 0; i < 36;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i++] != '-')
                return false;
            continue;
        }
        int high = hex_value(text[i]), low = high < 0 ? -1 : hex_value(text[i + 1]);
        if (low < 0)
            return false;
        out[n++] = (unsigned char)(high * 16 + low);
        i += 2;
    }
    return text[36] == '\0';
}

void row_event_id(struct event_id *id, const char *text)
{
    id->is_packed = pack_uuid(text, id->packed);
    id->bytes = id->is_packed ? (const void *)id->packed : text;
    id->size = id->is_packed ? sizeof id->packed : strlen(text);
}

void row_event_id_text(const unsigned char packed[16], char out[37])
{
    static const char digits[] = "0123456789abcdef";
    char *to = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = digits[packed[i] >> 4];
        *to++ = digits[packed[i] & 15];
    }
    *to = '\0';
}

int64_t row_event_hash(uint64_t salt, const struct event_id *id)
{
    return (int64_t)(hash_bytes(id->bytes, id->size, salt) >> 17) - ((int64_t)1 << 46);
}

int32_t row_event_sum(uint64_t salt, const int64_t numbers[5], double value,
                      const struct event_id *id, const char *context)
{
    int64_t fields[7];
    memcpy(fields, numbers, 5 * sizeof *fields);
    /* SQLite keeps NaN as NULL and -0 as 0. */
    if (value == 0)
        value = 0;
    memcpy(&fields[5], &value, sizeof value);
    if (value != value)
        fields[5] = -1;
    fields[6] = (int64_t)id->is_packed + 2 * (context != NULL);
    uint64_t sum = hash_bytes(fields, sizeof fields, salt);
    sum = hash_bytes(id->bytes, id->size, sum);
    if (context)
        sum = hash_bytes(context, strlen(context), sum);
    return (int32_t)(uint32_t)sum;
}

int32_t row_sum(uint64_t salt, const int64_t *numbers, int n_numbers, const char *const *texts,
                int n_texts)
{
    uint64_t sum = hash_bytes(numbers, (size_t)n_numbers * sizeof *numbers, salt);
    for (int i = 0; i < n_texts; i++)
        sum = hash_bytes(texts[i] ? texts[i] : "", texts[i] ? strlen(texts[i]) + 1 : 0, sum);
    return (int32_t)(uint32_t)sum;
}

int32_t row_key_sum(uint64_t salt, const struct store_key *key)
{
    const int64_t numbers[2] = {key->created, key->expires};
    const char *const texts[4] = {key->id, key->hash, key->scopes, key->note};
    return row_sum(salt, numbers, 2, texts, 4);
}

static int32_t counts_sum(uint64_t salt, const struct store_counts *counts)
{
    return row_sum(salt, &counts->seq, (int)(sizeof *counts / sizeof counts->seq), NULL, 0);
}

akin_status row_counts_get(struct sql_conn *c, struct store_counts *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    AKIN_TRY(sql_stmt(c, SQL_STATE_GET, &stmt, err));
    AKIN_TRY(sql_step(c, stmt, &row, err));
    if (!row)
        AKIN_TRY(sql_corrupt(c, err, "its state is gone"));
    out->seq = sqlite3_column_int64(stmt, 0);
    out->n_events = sqlite3_column_int64(stmt, 1);
    out->n_items = sqlite3_column_int64(stmt, 2);
    out->n_users = sqlite3_column_int64(stmt, 3);
    out->n_erased = sqlite3_column_int64(stmt, 4);
    c->salt = (uint64_t)sqlite3_column_int64(stmt, 5);
    if (sqlite3_column_int64(stmt, 6) != counts_sum(c->salt, out))
        AKIN_TRY(sql_corrupt(c, err, "its state has a wrong sum"));
done:
    sqlite3_reset(stmt);
    return status;
}

akin_status row_counts_set(struct sql_conn *c, const struct store_counts *counts, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    bool row;
    AKIN_TRY(sql_stmt(c, SQL_STATE_SET, &stmt, err));
    int rc = sqlite3_bind_int64(stmt, 1, counts->seq);
    rc |= sqlite3_bind_int64(stmt, 2, counts->n_events);
    rc |= sqlite3_bind_int64(stmt, 3, counts->n_items);
    rc |= sqlite3_bind_int64(stmt, 4, counts->n_users);
    rc |= sqlite3_bind_int64(stmt, 5, counts->n_erased);
    rc |= sqlite3_bind_int64(stmt, 6, counts_sum(c->salt, counts));
    if (rc != SQLITE_OK)
        SQL_FAIL(SQLITE_NOMEM, "write");
    AKIN_TRY(sql_step(c, stmt, &row, err));
done:
    return status;
}
