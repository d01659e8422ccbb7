/* TLS: a handshake with a certificate made here, another one after a reload, bad files refused. */
#include "serve/serve.h"
#include "unit/serve/fake_live.c"

#include "serve/impl.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/akin-tls-XXXXXX";
static char certificate_path[64], key_path[64];

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
}

/* A self-signed pair with this serial number, into the two files. */
static void make_pair(unsigned char serial)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t pem;
    time_t now = time(NULL);
    gnutls_x509_privkey_init(&key);
    assert_int_equal(gnutls_x509_privkey_generate(
                         key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, &serial, 1);
    gnutls_x509_crt_set_activation_time(crt, now - 3600);
    gnutls_x509_crt_set_expiration_time(crt, now + 3600);
    gnutls_x509_crt_set_dn(crt, "CN=localhost", NULL);
    gnutls_x509_crt_set_key(crt, key);
    assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
    write_file(certificate_path, pem.data, pem.size);
    gnutls_free(pem.data);
    assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
    write_file(key_path, pem.data, pem.size);
    gnutls_free(pem.data);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

/* Asks /healthz; returns the serial number of the certificate that was shown. */
static int ask(int port)
{
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    gnutls_x509_crt_t crt;
    unsigned n;
    unsigned char serial[32];
    size_t size = sizeof serial;
    char text[512] = "";
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), code;
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    gnutls_certificate_allocate_credentials(&credentials);
    gnutls_init(&session, GNUTLS_CLIENT);
    gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_int(session, fd);
    do {
        code = gnutls_handshake(session);
    } while (code < 0 && !gnutls_error_is_fatal(code));
    assert_int_equal(code, 0);
    int m =
        snprintf(text, sizeof text,
                 "GET /healthz HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n\r\n", port);
    assert_int_equal(gnutls_record_send(session, text, (size_t)m), m);
    memset(text, 0, sizeof text);
    assert_true(gnutls_record_recv(session, text, sizeof text - 1) > 0);
    assert_memory_equal(text, "HTTP/1.1 200", 12);
    const gnutls_datum_t *shown = gnutls_certificate_get_peers(session, &n);
    gnutls_x509_crt_init(&crt);
    assert_int_equal(gnutls_x509_crt_import(crt, shown, GNUTLS_X509_FMT_DER), 0);
    gnutls_x509_crt_get_serial(crt, serial, &size);
    gnutls_x509_crt_deinit(crt);
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    close(fd);
    return serial[size - 1];
}

static void test_handshake_and_reload(void **state)
{
    (void)state;
    akin_ctx *ctx;
    akin_error err;
    struct server *s;
    struct live *live = fake_live_new();
    struct serve_params p = {.listen = "127.0.0.1:0",
                             .max_connections = 10,
                             .max_header_bytes = 8192,
                             .max_body_bytes = 8192,
                             .queue = 4,
                             .timeout_ms = 20000,
                             .idle_ms = 20000,
                             .tls_certificate = certificate_path,
                             .tls_key = key_path};
    assert_int_equal(ctx_create(1, 42, 0, &ctx, NULL), AKIN_OK);
    make_pair(7);
    if (server_start(ctx, &p, live, &s, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    assert_memory_equal(server_url(s), "https://127.0.0.1:", 18);
    int port = (int)strtol(strrchr(server_url(s), ':') + 1, NULL, 10);
    assert_int_equal(ask(port), 7);
    make_pair(8);
    assert_int_equal(ask(port), 7);
    assert_int_equal(server_reload(s, &err), AKIN_OK);
    assert_int_equal(ask(port), 8);
    write_file(certificate_path, "nonsense", 8);
    assert_int_equal(server_reload(s, &err), AKIN_E_FORMAT);
    assert_non_null(strstr(err.message, "tls_certificate"));
    assert_int_equal(ask(port), 8);
    server_stop(s, 1000);
    assert_int_equal(server_start(ctx, &p, live, &s, &err), AKIN_E_FORMAT);
    p.tls_certificate = "/nowhere.pem";
    assert_int_not_equal(server_start(ctx, &p, live, &s, &err), AKIN_OK);
    assert_non_null(strstr(err.message, "/nowhere.pem"));
    fake_live_free(live);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_handshake_and_reload)};
    assert_non_null(mkdtemp(dir));
    snprintf(certificate_path, sizeof certificate_path, "%s/c.pem", dir);
    snprintf(key_path, sizeof key_path, "%s/k.pem", dir);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(certificate_path);
    unlink(key_path);
    rmdir(dir);
    return failed;
}
