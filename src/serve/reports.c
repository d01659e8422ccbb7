/*
 * Reports over HTTP: the HTML and JSON files that `serve: reports` names, read when asked for.
 *
 * A browser that follows a link sends no Authorization header, so the list gives links that carry
 * their own proof: an expiry and an HMAC-SHA256 under a secret of this process. A report runs no
 * script: its policy is a sandbox, whatever its text holds. Cost: one read of the file a request.
 */
#include "serve/impl.h"

#include "core/file.h"
#include "core/text.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MAC_BYTES = 32, MAC_HEX = 2 * MAC_BYTES, LINK_SECONDS = 3600, REPORT_LIMIT = 256 << 20 };

static const char report_csp[] = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
                                 "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
                                 "sandbox";

struct link {
    int64_t until;
    const char *sig;
};
const akin_param report_query_rows[] = {
    PARAM_INT(struct link, until, "0", 0, 9e12, "Unix seconds", 0, "of a signed link: its end"),
    PARAM_TEXT(struct link, sig, NULL, 0, "of a signed link: its proof"),
    PARAM_END,
};

static const struct {
    const char *end, *type, *kind;
} kinds[] = {{".html", "text/html; charset=utf-8", "page"},
             {".json", "application/json", "figures"}};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Index in kinds, -1 = none of them. */
static int kind_of(const char *path)
{
    size_t n = strlen(path);
    for (int i = 0; i < N_KINDS; i++) {
        size_t m = strlen(kinds[i].end);
        if (n > m && strcmp(path + n - m, kinds[i].end) == 0)
            return i;
    }
    return -1;
}

akin_status reports_check(const json_t *reports, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t i, j;
    json_t *one, *other;
    json_array_foreach(reports, i, one) {
        const char *path = json_string_value(one);
        if (!path || kind_of(path) < 0)
            AKIN_FAIL(AKIN_E_ARG, "serve: reports: '%.100s' (must be a file .html or .json)",
                      path ? path : "?");
        json_array_foreach(reports, j, other)
            if (j < i && strcmp(name_of(json_string_value(other)), name_of(path)) == 0)
                AKIN_FAIL(AKIN_E_ARG, "serve: reports: two are called '%.100s'", name_of(path));
    }
done:
    return status;
}

static bool sign(const struct server *s, const char *name, int64_t until, char out[MAC_HEX + 1])
{
    unsigned char mac[MAC_BYTES];
    char text[PATH_TEXT_MAX + 32];
    int n = snprintf(text, sizeof text, "%lld %s", (long long)until, name);
    if (n < 0 || (size_t)n >= sizeof text ||
        gnutls_hmac_fast(GNUTLS_MAC_SHA256, s->link_secret, sizeof s->link_secret, text, (size_t)n,
                         mac) != 0)
        return false;
    for (int i = 0; i < MAC_BYTES; i++)
        snprintf(out + (size_t)(2 * i), 3, "%02x", mac[i]);
    return true;
}

static bool may_read(const struct request *r, const struct link *link)
{
    char want[MAC_HEX + 1];
    if (r->scopes & SCOPE_READ)
        return true;
    return link->sig && strlen(link->sig) == MAC_HEX && link->until >= live_time(r->server->live) &&
           sign(r->server, r->param, link->until, want) &&
           gnutls_memcmp(link->sig, want, MAC_HEX) == 0;
}

static void add_path(struct buf *out, const char *name)
{
    for (; *name; name++) {
        if (strchr("/?#%&+ \"<>\\^`{|}", *name) || (unsigned char)*name >= 0x7f || *name < 0x20)
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*name);
        else
            buf_char(out, *name);
    }
}

/* Nothing where the file is gone. */
static void write_report(struct request *r, struct jw *jw, const char *path, struct buf *href)
{
    struct stat st;
    char when[32], mac[MAC_HEX + 1];
    int64_t until = live_time(r->server->live) + LINK_SECONDS;
    if (stat(path, &st) != 0)
        return;
    text_from_unix(st.st_mtime, when, sizeof when);
    buf_clear(href);
    buf_text(href, "/v1/reports/");
    add_path(href, name_of(path));
    if (server_needs_key(r->server) && sign(r->server, name_of(path), until, mac))
        buf_printf(href, "?until=%lld&sig=%s", (long long)until, mac);
    jw_open(jw, '{');
    jw_key(jw, "name");
    jw_string(jw, name_of(path));
    jw_key(jw, "kind");
    jw_string(jw, kinds[kind_of(path)].kind);
    jw_key(jw, "bytes");
    jw_int(jw, st.st_size);
    jw_key(jw, "modified");
    jw_string(jw, when);
    jw_key(jw, "href");
    jw_string(jw, href->data ? href->data : "");
    jw_close(jw, '}');
}

enum handled handle_reports(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct buf href;
    struct jw jw;
    size_t i;
    json_t *one;
    buf_init(&href, r->server->ctx);
    AKIN_TRY(route_query(&r->target, NULL, &r->arena, NULL, NULL, NULL, NULL, err));
    jw_init(&jw, request_json(r, 200));
    jw_open(&jw, '{');
    jw_key(&jw, "reports");
    jw_open(&jw, '[');
    json_array_foreach(r->server->p.reports, i, one)
        write_report(r, &jw, json_string_value(one), &href);
    jw_close(&jw, ']');
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(&href, err));
done:
    buf_free(&href);
    return request_end(r, status, err);
}

static const char *find_report(const struct request *r)
{
    size_t i;
    json_t *one;
    json_array_foreach(r->server->p.reports, i, one)
        if (strcmp(name_of(json_string_value(one)), r->param) == 0)
            return json_string_value(one);
    return NULL;
}

enum handled handle_report(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct link link;
    char *data = NULL;
    int64_t size;
    AKIN_TRY(route_query(&r->target, report_query_rows, &r->arena, &link, NULL, NULL, NULL, err));
    if (!may_read(r, &link)) {
        request_problem(r, 401, "key: none given, or the link has ended (GET /v1/reports again)");
        return HANDLED;
    }
    const char *path = find_report(r);
    if (!path)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "report '%.100s': there is none", r->param);
    AKIN_TRY(file_read(r->server->ctx, path, REPORT_LIMIT, &data, &size, err));
    buf_add(request_json(r, 200), data, (size_t)size);
    int kind = kind_of(path);
    r->answer.type = kinds[kind].type;
    r->answer.csp = report_csp;
    AKIN_TRY(buf_check(&r->answer.body, err));
done:
    mem_free(r->server->ctx, data);
    return request_end(r, status, err);
}
