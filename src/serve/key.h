/*
 * API keys: `akin_<id>_<secret>`. The id names a key in lists and logs; the secret has 256 random
 * bits, of which the store holds a salted SHA-256 only. A slow hash would add nothing: there is no
 * dictionary of 256-bit secrets.
 */
#ifndef AKIN_SERVE_KEY_H
#define AKIN_SERVE_KEY_H

#include "core/ctx.h"
#include "store/store.h"

enum key_scope { SCOPE_NONE = 0, SCOPE_READ = 1, SCOPE_WRITE = 2, SCOPE_ADMIN = 4 };
enum { SCOPE_ALL = SCOPE_READ | SCOPE_WRITE | SCOPE_ADMIN };

enum {
    KEY_ID_SIZE = 13,   /* 12 hex digits */
    KEY_TEXT_SIZE = 83, /* the key as its owner holds it */
    KEY_HASH_SIZE = 97  /* salt and sum in hex */
};

/* "read,write" → bits; admin contains the other two. Fails: E_ARG names the word. */
akin_status key_scopes_parse(const char *text, unsigned *out, akin_error *err);

struct key_secret {
    char id[KEY_ID_SIZE];
    char text[KEY_TEXT_SIZE]; /* shown once */
    char hash[KEY_HASH_SIZE];
};
/* A new key. Fails: E_IO (no random numbers). */
akin_status key_make(struct key_secret *out, akin_error *err);
/* Makes one and stores it; expires: Unix seconds, 0 = never. Waits for the store. */
akin_status key_create(struct store *store, const char *scopes, const char *note, int64_t expires,
                       struct key_secret *out, akin_error *err);
/* Fails: E_NOT_FOUND. Waits for the store. */
akin_status key_revoke(struct store *store, const char *id, akin_error *err);

/* The keys of a store in memory. Threads: all functions from any. */
struct key_table;
akin_status key_table_create(akin_ctx *ctx, struct key_table **out, akin_error *err);
void key_table_free(struct key_table *t);
/* Reads all keys anew; on failure the table stays as it is. store NULL = no keys. */
akin_status key_table_load(struct key_table *t, struct store *store, akin_error *err);
int64_t key_table_count(struct key_table *t);

enum key_verdict { KEY_GOOD, KEY_WRONG, KEY_EXPIRED };
/* Takes the same time for a wrong id and a wrong secret. id: of a good or expired key. */
enum key_verdict key_table_check(struct key_table *t, const char *text, int64_t now,
                                 char id[KEY_ID_SIZE], unsigned *scopes);

#endif
