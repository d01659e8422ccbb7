/* The operation `keys`: API keys of a store. A running server is the store's only writer; its keys
 * are made over HTTP (POST /v1/keys), which the error of a store that is in use does not say by
 * itself. */
#include "api/op.h"
#include "serve/key.h"

#include <string.h>

enum { KEYS_CREATE, KEYS_LIST, KEYS_REVOKE };

struct keys_op {
    int64_t action;
    const char *id, *store, *scopes, *note;
    int64_t expires_days;
};
static const akin_param keys_rows[] = {
    {"action", AKIN_PARAM_CHOICE, AKIN_PARAM_POSITIONAL | AKIN_PARAM_REQUIRED,
     offsetof(struct keys_op, action), NULL, 0, 0, "create|list|revoke", "", "what to do"},
    PARAM_TEXT(struct keys_op, id, NULL, AKIN_PARAM_POSITIONAL, "key to revoke, as list names it"),
    PARAM_TEXT(struct keys_op, store, "sqlite:akin.db", 0, "URL of the store"),
    PARAM_TEXT(struct keys_op, scopes, "read", 0, "of a new key: read, write, admin; by commas"),
    PARAM_TEXT(struct keys_op, note, "", 0, "who the new key is for"),
    PARAM_INT(struct keys_op, expires_days, "0", 0, 36500, "days", 0, "of a new key, 0 = never"),
    PARAM_END,
};

static bool list_key(void *arg, const struct store_key *key)
{
    json_t *list = arg;
    json_t *one = json_pack("{s:s,s:s,s:s,s:I}", "id", key->id, "scopes", key->scopes, "note",
                            key->note ? key->note : "", "created", (json_int_t)key->created);
    if (one)
        json_object_set_new(one, "expires",
                            key->expires ? json_integer(key->expires) : json_null());
    return one && json_array_append_new(list, one) == 0;
}

static akin_status run_create(struct store *store, const struct keys_op *p, json_t **result,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    struct key_secret key = {.id = ""};
    int64_t expires = p->expires_days ? clock_unix() + p->expires_days * 86400 : 0;
    AKIN_TRY(key_create(store, p->scopes, p->note, expires, &key, err));
    *result = json_pack("{s:s,s:s,s:s}", "id", key.id, "scopes", p->scopes, "key", key.text);
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "keys: out of memory");
    if (expires)
        json_object_set_new(*result, "expires", json_integer(expires));
done:
    memset(&key, 0, sizeof key);
    return status;
}

static akin_status run_list(struct store *store, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *list = json_array();
    if (list)
        AKIN_TRY(store_keys(store, list_key, list, err));
    *result = list ? json_pack("{s:O}", "keys", list) : NULL;
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "keys: out of memory");
done:
    json_decref(list);
    return status;
}

static akin_status run_keys(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct keys_op p;
    struct store *store = NULL;
    AKIN_TRY(op_parse(call, 0, &p, err));
    if ((p.action == KEYS_REVOKE) != (p.id != NULL))
        AKIN_FAIL(AKIN_E_ARG, "keys: %s", p.id ? "only revoke takes an ID" : "revoke needs an ID");
    const struct store_options options = {.read_only = p.action == KEYS_LIST,
                                          .must_exist = p.action != KEYS_CREATE};
    status = store_open(call->ctx, p.store, &options, &store, err);
    if (status == AKIN_E_LIMIT)
        AKIN_FAIL(AKIN_E_LIMIT, "keys: a server uses %.80s: ask it (POST or DELETE /v1/keys)",
                  p.store);
    AKIN_TRY(status);
    if (p.action == KEYS_CREATE)
        AKIN_TRY(run_create(store, &p, result, err));
    else if (p.action == KEYS_LIST)
        AKIN_TRY(run_list(store, result, err));
    else
        AKIN_TRY(key_revoke(store, p.id, err));
    if (!*result)
        *result = json_pack("{s:s}", "revoked", p.id);
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "keys: out of memory");
done:
    store_close(store);
    return status;
}

const struct op op_keys = {
    {"keys",
     "API keys of a server's store: create, list, revoke",
     "akin keys create --store sqlite:akin.db --scopes read,write --note shop\n"
     "akin keys list --store sqlite:akin.db\n"
     "akin keys revoke 0123456789ab --store sqlite:akin.db",
     {{"Options", keys_rows}},
     1},
    run_keys,
};
