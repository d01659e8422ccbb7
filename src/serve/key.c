/* API keys: making, hashing, checking. GnuTLS gives randomness, SHA-256 and the comparison. */
#include "serve/key.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_BYTES = 6, SECRET_BYTES = 32, SALT_BYTES = 16, SUM_BYTES = 32 };

struct key {
    char id[KEY_ID_SIZE];
    unsigned char salt[SALT_BYTES];
    unsigned char sum[SUM_BYTES];
    unsigned scopes;
    int64_t expires;
};

struct key_table {
    akin_ctx *ctx;
    pthread_rwlock_t lock;
    struct key *keys; /* (n) owned, by id */
    int64_t n;
};

akin_status key_scopes_parse(const char *text, unsigned *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    unsigned scopes = 0;
    while (*text) {
        size_t n = strcspn(text, ", ");
        if (n == 4 && memcmp(text, "read", n) == 0)
            scopes |= SCOPE_READ;
        else if (n == 5 && memcmp(text, "write", n) == 0)
            scopes |= SCOPE_WRITE;
        else if (n == 5 && memcmp(text, "admin", n) == 0)
            scopes |= SCOPE_ALL;
        else if (n > 0)
            AKIN_FAIL(AKIN_E_ARG, "scopes: '%.*s' (must be read, write or admin)",
                      n < 40 ? (int)n : 40, text);
        text += n;
        text += strspn(text, ", ");
    }
    if (scopes == 0)
        AKIN_FAIL(AKIN_E_ARG, "scopes: none given (read, write, admin)");
    *out = scopes;
done:
    return status;
}

static void to_hex(const unsigned char *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

static bool from_hex(const char *text, unsigned char *out, size_t n)
{
    for (size_t i = 0; i < 2 * n; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        out[i / 2] = (unsigned char)(i % 2 ? out[i / 2] | digit : digit << 4);
    }
    return true;
}

/* SHA-256 of salt and the secret's text. */
static bool sum_of(const unsigned char salt[SALT_BYTES], const char *secret,
                   unsigned char out[SUM_BYTES])
{
    unsigned char text[SALT_BYTES + 2 * SECRET_BYTES];
    size_t n = strlen(secret);
    if (n > 2 * SECRET_BYTES)
        n = 2 * SECRET_BYTES;
    memcpy(text, salt, SALT_BYTES);
    memcpy(text + SALT_BYTES, secret, n);
    bool ok = gnutls_hash_fast(GNUTLS_DIG_SHA256, text, SALT_BYTES + n, out) == 0;
    gnutls_memset(text, 0, sizeof text);
    return ok;
}

akin_status key_make(struct key_secret *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    unsigned char bytes[ID_BYTES + SALT_BYTES + SECRET_BYTES], sum[SUM_BYTES];
    char secret[2 * SECRET_BYTES + 1];
    if (gnutls_rnd(GNUTLS_RND_KEY, bytes, sizeof bytes) != 0)
        AKIN_FAIL(AKIN_E_IO, "keys: the system gives no random numbers");
    to_hex(bytes, ID_BYTES, out->id);
    to_hex(bytes + ID_BYTES, SALT_BYTES, out->hash);
    to_hex(bytes + ID_BYTES + SALT_BYTES, SECRET_BYTES, secret);
    if (!sum_of(bytes + ID_BYTES, secret, sum))
        AKIN_FAIL(AKIN_E_INTERNAL, "keys: SHA-256 failed");
    to_hex(sum, SUM_BYTES, out->hash + 2 * SALT_BYTES);
    snprintf(out->text, sizeof out->text, "akin_%s_%s", out->id, secret);
done:
    gnutls_memset(bytes, 0, sizeof bytes);
    gnutls_memset(secret, 0, sizeof secret);
    return status;
}

akin_status key_create(struct store *store, const char *scopes, const char *note, int64_t expires,
                       struct key_secret *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    unsigned bits;
    AKIN_TRY(key_scopes_parse(scopes, &bits, err));
    AKIN_TRY(key_make(out, err));
    struct store_key key = {.id = out->id,
                            .hash = out->hash,
                            .scopes = scopes,
                            .note = note ? note : "",
                            .created = clock_unix(),
                            .expires = expires};
    struct store_write write = {.op = STORE_PUT_KEY, .key = &key};
    AKIN_TRY(store_write_wait(store, &write, err));
done:
    return status;
}

struct key_search {
    const char *id;
    bool found;
};

static bool search_key(void *arg, const struct store_key *key)
{
    struct key_search *search = arg;
    search->found = strcmp(key->id, search->id) == 0;
    return !search->found;
}

akin_status key_revoke(struct store *store, const char *id, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct key_search search = {id, false};
    AKIN_TRY(store_keys(store, search_key, &search, err));
    if (!search.found)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "keys: there is no key '%.40s'", id);
    struct store_write write = {.op = STORE_DELETE_KEY, .id = id};
    AKIN_TRY(store_write_wait(store, &write, err));
done:
    return status;
}

akin_status key_table_create(akin_ctx *ctx, struct key_table **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct key_table *t = NULL;
    MEM_ZERO(ctx, t, 1);
    t->ctx = ctx;
    if (pthread_rwlock_init(&t->lock, NULL) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "keys: no lock");
    *out = t;
    t = NULL;
done:
    mem_free(ctx, t);
    return status;
}

void key_table_free(struct key_table *t)
{
    if (!t)
        return;
    pthread_rwlock_destroy(&t->lock);
    mem_free(t->ctx, t->keys);
    mem_free(t->ctx, t);
}

struct key_load {
    akin_ctx *ctx;
    struct key *keys;
    int64_t n, cap;
    akin_status status;
    akin_error *err;
};

static akin_status load_one(struct key_load *load, const struct store_key *key, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_GROW(load->ctx, load->keys, load->cap, load->n + 1);
    struct key *to = &load->keys[load->n];
    *to = (struct key){.expires = key->expires};
    if (strlen(key->id) != KEY_ID_SIZE - 1 || strlen(key->hash) != KEY_HASH_SIZE - 1 ||
        !from_hex(key->hash, to->salt, SALT_BYTES) ||
        !from_hex(key->hash + 2 * SALT_BYTES, to->sum, SUM_BYTES))
        AKIN_FAIL(AKIN_E_FORMAT, "store: key '%.20s' is not one of ours", key->id);
    memcpy(to->id, key->id, KEY_ID_SIZE);
    AKIN_TRY(key_scopes_parse(key->scopes, &to->scopes, err));
    load->n++;
done:
    return status;
}

static bool load_key(void *arg, const struct store_key *key)
{
    struct key_load *load = arg;
    load->status = load_one(load, key, load->err);
    return load->status == AKIN_OK;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const struct key *)a)->id, ((const struct key *)b)->id);
}

akin_status key_table_load(struct key_table *t, struct store *store, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct key_load load = {.ctx = t->ctx, .status = AKIN_OK, .err = err};
    if (store)
        AKIN_TRY(store_keys(store, load_key, &load, err));
    AKIN_TRY(load.status);
    if (load.n > 1)
        qsort(load.keys, (size_t)load.n, sizeof *load.keys, compare_keys);
    pthread_rwlock_wrlock(&t->lock);
    struct key *old = t->keys;
    t->keys = load.keys;
    t->n = load.n;
    pthread_rwlock_unlock(&t->lock);
    load.keys = old;
done:
    mem_free(t->ctx, load.keys);
    return status;
}

int64_t key_table_count(struct key_table *t)
{
    pthread_rwlock_rdlock(&t->lock);
    int64_t n = t->n;
    pthread_rwlock_unlock(&t->lock);
    return n;
}

/* "akin_<id>_<secret>" in its two parts; false if it has another form. */
static bool split_key(const char *text, char id[KEY_ID_SIZE], const char **secret)
{
    if (strlen(text) != KEY_TEXT_SIZE - 1 || memcmp(text, "akin_", 5) != 0 ||
        text[5 + KEY_ID_SIZE - 1] != '_')
        return false;
    memcpy(id, text + 5, KEY_ID_SIZE - 1);
    id[KEY_ID_SIZE - 1] = '\0';
    *secret = text + 5 + KEY_ID_SIZE;
    return true;
}

enum key_verdict key_table_check(struct key_table *t, const char *text, int64_t now,
                                 char id[KEY_ID_SIZE], unsigned *scopes)
{
    struct key wanted = {.id = ""}, found = {.id = ""};
    const char *secret = "";
    unsigned char sum[SUM_BYTES];
    bool is_known = false;
    *scopes = 0;
    id[0] = '\0';
    if (split_key(text, wanted.id, &secret)) {
        pthread_rwlock_rdlock(&t->lock);
        const struct key *at =
            t->n ? bsearch(&wanted, t->keys, (size_t)t->n, sizeof wanted, compare_keys) : NULL;
        if (at)
            found = *at;
        is_known = at != NULL;
        pthread_rwlock_unlock(&t->lock);
    }
    if (!sum_of(found.salt, secret, sum) || gnutls_memcmp(sum, found.sum, SUM_BYTES) != 0 ||
        !is_known)
        return KEY_WRONG;
    memcpy(id, found.id, KEY_ID_SIZE);
    if (found.expires != 0 && now >= found.expires)
        return KEY_EXPIRED;
    *scopes = found.scopes;
    return KEY_GOOD;
}
