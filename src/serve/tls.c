/*
 * TLS: certificate and key as PEM files, chosen anew at every handshake, so that a reload takes
 * effect at once. Earlier pairs stay until the end: a handshake may still hold them, and reloads
 * are rare.
 */
#include "serve/impl.h"

#include "core/file.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <string.h>

enum { CHAIN_MOST = 16, PEM_MOST = 1 << 20 };

struct pair {
    struct pair *older;
    gnutls_pcert_st chain[CHAIN_MOST];
    unsigned n;
    gnutls_privkey_t key;
};

struct tls {
    akin_ctx *ctx;
    char *certificate_path, *key_path; /* owned */
    struct pair *_Atomic now;          /* owned, with its elders */
};

static void pair_free(akin_ctx *ctx, struct pair *p)
{
    for (unsigned i = 0; i < p->n; i++)
        gnutls_pcert_deinit(&p->chain[i]);
    if (p->key)
        gnutls_privkey_deinit(p->key);
    mem_free(ctx, p);
}

static akin_status pair_parse(struct pair *p, const struct tls *t, const char *certificate,
                              int64_t certificate_size, const char *key, int64_t key_size,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    gnutls_datum_t pem = {(unsigned char *)(uintptr_t)certificate, (unsigned)certificate_size};
    unsigned n = CHAIN_MOST;
    int code = gnutls_pcert_list_import_x509_raw(p->chain, &n, &pem, GNUTLS_X509_FMT_PEM, 0);
    if (code < 0)
        AKIN_FAIL(AKIN_E_FORMAT, "tls_certificate: %.100s: %.60s", t->certificate_path,
                  gnutls_strerror(code));
    p->n = n;
    pem = (gnutls_datum_t){(unsigned char *)(uintptr_t)key, (unsigned)key_size};
    code = gnutls_privkey_init(&p->key);
    if (code == 0)
        code = gnutls_privkey_import_x509_raw(p->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code < 0)
        AKIN_FAIL(AKIN_E_FORMAT, "tls_key: %.100s: %.60s", t->key_path, gnutls_strerror(code));
done:
    return status;
}

akin_status tls_reload(struct tls *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct pair *p = NULL;
    char *certificate = NULL, *key = NULL;
    int64_t certificate_size, key_size = 0;
    if (!t)
        return AKIN_OK;
    AKIN_TRY(
        file_read(t->ctx, t->certificate_path, PEM_MOST, &certificate, &certificate_size, err));
    AKIN_TRY(file_read(t->ctx, t->key_path, PEM_MOST, &key, &key_size, err));
    MEM_ZERO(t->ctx, p, 1);
    AKIN_TRY(pair_parse(p, t, certificate, certificate_size, key, key_size, err));
    p->older = atomic_load(&t->now);
    atomic_store(&t->now, p);
    p = NULL;
done:
    if (p)
        pair_free(t->ctx, p);
    if (key)
        gnutls_memset(key, 0, (size_t)key_size);
    mem_free(t->ctx, key);
    mem_free(t->ctx, certificate);
    return status;
}

akin_status tls_create(akin_ctx *ctx, const char *certificate, const char *key, struct tls **out,
                       akin_error *err)
{
    akin_status status = AKIN_OK;
    struct tls *t = NULL;
    MEM_ZERO(ctx, t, 1);
    t->ctx = ctx;
    t->certificate_path = mem_strdup(ctx, certificate, err);
    t->key_path = mem_strdup(ctx, key, err);
    if (!t->certificate_path || !t->key_path)
        AKIN_FAIL(AKIN_E_MEMORY, "tls: out of memory");
    AKIN_TRY(tls_reload(t, err));
    *out = t;
    t = NULL;
done:
    tls_free(t);
    return status;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    struct pair *p = atomic_load(&t->now);
    while (p) {
        struct pair *older = p->older;
        pair_free(t->ctx, p);
        p = older;
    }
    mem_free(t->ctx, t->certificate_path);
    mem_free(t->ctx, t->key_path);
    mem_free(t->ctx, t);
}

/* The library keeps its connection in the session's pointer; ours is found from there. */
static int choose(gnutls_session_t session, const gnutls_datum_t *req, int n_req,
                  const gnutls_pk_algorithm_t *algorithms, int n_algorithms,
                  gnutls_pcert_st **chain, unsigned *n, gnutls_privkey_t *key)
{
    (void)req;
    (void)n_req;
    (void)algorithms;
    (void)n_algorithms;
    struct tls *t = http_tls_of(gnutls_session_get_ptr(session));
    struct pair *p = t ? atomic_load(&t->now) : NULL;
    if (!p)
        return -1;
    *chain = p->chain;
    *n = p->n;
    *key = p->key;
    return 0;
}

void *tls_callback(void)
{
    void *pointer;
    gnutls_certificate_retrieve_function2 *function = choose;
    memcpy(&pointer, &function, sizeof pointer);
    return pointer;
}
