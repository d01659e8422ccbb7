/*
 * MovieLens for the demo: found on this machine, or fetched from its publisher, GroupLens.
 *
 * The "latest" sets change now and then and their checksums are not listed, so that none is
 * written here: what the archive says about itself (CRC-32) and what README.txt says about the
 * tables (counts) are checked instead, and a checksum beside the archive is used if there is one.
 *
 * Everything happens in ROOT/.SET-XXXXXX, of which the finished part is renamed to ROOT/SET. A
 * process that is killed leaves that directory, which does no harm.
 *
 * Cost: the transfer; unpacking; one pass over ratings.csv and movies.csv (about 1 GB/s).
 * Paper: F. M. Harper, J. A. Konstan, The MovieLens Datasets: History and Context, ACM TiiS 5(4),
 * 2015, doi:10.1145/2827872.
 */
#include "api/movielens.h"

#include "core/file.h"
#include "core/file_error.h"
#include "core/text.h"
#include "store/download.h"
#include "store/zip.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MB ((int64_t)1000000)

struct counts {
    int64_t ratings, users, movies;
};

struct release {
    const char *set;
    int64_t limit, unpacked_limit; /* bytes; several times what the set had in 2023 */
    struct counts tested;          /* what akin was tested with; 0 = it was not */
};
static const struct release releases[] = {
    {"ml-latest-small", 20 * MB, 200 * MB, {100836, 610, 9742}},
    {"ml-latest", 2000 * MB, 16000 * MB, {0, 0, 0}},
};

/* The files wanted; the first two must be there. */
static const char *const files[] = {"ratings.csv", "movies.csv", "tags.csv", "links.csv",
                                    "README.txt"};
enum { N_FILES = 5, N_NEEDED = 2 };

struct fetch {
    akin_ctx *ctx;
    const struct release *release;
    const char *base;
    char temporary[1024]; /* ROOT/.SET-XXXXXX, "" before it is made */
    char archive[1100];   /* in it */
    char sums[1100];      /* in it */
    char data[1100];      /* in it: what becomes ROOT/SET */
};

static bool has_ratings(const char *dir)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/ratings.csv", dir);
    return file_exists(path);
}

bool movielens_find(const char *set, char *dir, size_t size)
{
    const char *roots[] = {getenv("AKIN_DATA"), "demo-data"};
    for (size_t i = 0; i < 2; i++) {
        if (!roots[i] || !roots[i][0])
            continue;
        int n = snprintf(dir, size, "%s/%s", roots[i], set);
        if (n > 0 && (size_t)n < size && has_ratings(dir))
            return true;
    }
    return false;
}

/* Temporary names; ours alone, so that nothing here needs O_EXCL. */
static akin_status open_temporary(struct fetch *f, const char *root, akin_error *err)
{
    akin_status status = AKIN_OK;
    char path[sizeof f->temporary];
    AKIN_TRY(file_mkdirs(root, err));
    int n = snprintf(path, sizeof path, "%s/.%s-XXXXXX", root, f->release->set);
    if (n < 0 || (size_t)n >= sizeof path)
        AKIN_FAIL(AKIN_E_ARG, "movielens: path of %d bytes (at most %zu)", n, sizeof path - 1);
    if (!mkdtemp(path))
        FILE_FAIL("make a temporary directory in", root);
    memcpy(f->temporary, path, sizeof path);
    snprintf(f->archive, sizeof f->archive, "%s/set.zip", path);
    snprintf(f->sums, sizeof f->sums, "%s/set.zip.md5", path);
    snprintf(f->data, sizeof f->data, "%s/data", path);
    AKIN_TRY(file_mkdirs(f->data, err));
done:
    return status;
}

static void remove_temporary(struct fetch *f)
{
    char path[1200];
    if (!f->temporary[0])
        return;
    for (int i = 0; i < N_FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", f->data, files[i]);
        unlink(path);
    }
    rmdir(f->data);
    unlink(f->archive);
    unlink(f->sums);
    rmdir(f->temporary);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The first 32 hex digits that stand alone, lower case: "SUM  NAME" and "MD5 (NAME) = SUM". */
static bool find_md5(const char *text, char out[33])
{
    for (size_t n = 0; *text; text += n > 0 ? n : 1) {
        for (n = 0; is_hex(text[n]);)
            n++;
        if (n != 32)
            continue;
        for (size_t i = 0; i < n; i++)
            out[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 'a' : text[i]);
        out[n] = '\0';
        return true;
    }
    return false;
}

/* Compares with the sum beside the archive. That there is none is said and no reason to stop. */
static akin_status check_md5(struct fetch *f, const char *got, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct download_options options = {.limit = 4096};
    char url[DOWNLOAD_URL_MAX + 1], want[33];
    char *text = NULL;
    int64_t size = 0;
    akin_error why;
    snprintf(url, sizeof url, "%s/%s.zip.md5", f->base, f->release->set);
    akin_status fetched = download_file(f->ctx, url, f->sums, &options, NULL, &why);
    if (fetched == AKIN_E_CANCELLED || fetched == AKIN_E_MEMORY)
        AKIN_FAIL(fetched, "%s", why.message);
    if (fetched == AKIN_OK)
        AKIN_TRY(file_read(f->ctx, f->sums, options.limit, &text, &size, err));
    if (!text || !find_md5(text, want)) {
        bool is_absent = fetched == AKIN_OK || fetched == AKIN_E_NOT_FOUND;
        log_write(f->ctx, is_absent ? AKIN_LOG_INFO : AKIN_LOG_WARN,
                  "movielens: no MD5 of %s.zip is published%s%s; CRC-32 and counts are checked",
                  f->release->set,
                  is_absent ? "" : " as far as one sees: ", is_absent ? "" : why.message);
        goto done;
    }
    if (strcmp(got, want) != 0)
        AKIN_FAIL(AKIN_E_FORMAT, "movielens: MD5 of %s.zip is %s, published is %s", f->release->set,
                  got, want);
done:
    mem_free(f->ctx, text);
    return status;
}

static akin_status get_archive(struct fetch *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct download_options options = {.limit = f->release->limit};
    struct download_result result;
    char url[DOWNLOAD_URL_MAX + 1];
    int n = snprintf(url, sizeof url, "%s/%s.zip", f->base, f->release->set);
    if (n < 0 || (size_t)n >= sizeof url)
        AKIN_FAIL(AKIN_E_ARG, "movielens: address of %d bytes (at most %d)", n, DOWNLOAD_URL_MAX);
    log_write(f->ctx, AKIN_LOG_INFO, "movielens: downloading %s", url);
    AKIN_TRY(download_file(f->ctx, url, f->archive, &options, &result, err));
    AKIN_TRY(check_md5(f, result.md5, err));
done:
    return status;
}

static akin_status unpack(struct fetch *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct zip_limits limits = {.total_bytes = f->release->unpacked_limit};
    struct zip *z = NULL;
    int64_t member[N_FILES], total = 0;
    bool in_progress = false;
    char path[1200];
    AKIN_TRY(zip_open(f->ctx, f->archive, &limits, &z, err));
    for (int i = 0; i < N_FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", f->release->set, files[i]);
        AKIN_TRY(zip_find(z, path, &member[i], err));
        if (i < N_NEEDED && member[i] < 0)
            AKIN_FAIL(AKIN_E_FORMAT, "movielens: %s.zip has no '%s'", f->release->set, path);
        total += member[i] < 0 ? 0 : zip_size(z, member[i]);
    }
    progress_begin(f->ctx, "unpack", total);
    in_progress = true;
    for (int i = 0; i < N_FILES; i++) {
        if (member[i] < 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", f->data, files[i]);
        AKIN_TRY(zip_extract(z, member[i], path, err));
    }
done:
    if (in_progress)
        progress_end(f->ctx);
    zip_close(z);
    return status;
}

/* The rows behind a header that must start with `header`, and the runs of equal first columns. */
static akin_status count_rows(struct fetch *f, const char *file, const char *header, int64_t *rows,
                              int64_t *runs, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct file_map map = {0};
    char path[1200];
    size_t n_header = strlen(header), n_last = 0;
    const char *last = "";
    snprintf(path, sizeof path, "%s/%s", f->data, file);
    AKIN_TRY(file_map_open(path, &map, err));
    const char *at = (const char *)map.data;
    const char *end = map.size > 0 ? at + map.size : at;
    if ((size_t)map.size <= n_header || memcmp(at, header, n_header) != 0)
        AKIN_FAIL(AKIN_E_FORMAT, "movielens: %s does not start with '%s'", file, header);
    *rows = *runs = 0;
    for (int64_t line = 0; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        if (line % 65536 == 0)
            AKIN_TRY(ctx_check(f->ctx, err));
        if (line > 0 && stop > at) {
            const char *comma = memchr(at, ',', (size_t)(stop - at));
            size_t n = (size_t)((comma ? comma : stop) - at);
            if (n != n_last || memcmp(at, last, n) != 0 || *rows == 0)
                ++*runs;
            ++*rows;
            last = at;
            n_last = n;
        }
        at = stop < end ? stop + 1 : end;
    }
done:
    file_map_close(&map);
    return status;
}

/* The number right before the words; 0 if the text does not say. */
static int64_t number_before(const char *text, const char *words)
{
    const char *at = strstr(text, words);
    int64_t value = 0;
    if (!at)
        return 0;
    const char *start = at;
    while (start > text && ((start[-1] >= '0' && start[-1] <= '9') || start[-1] == ','))
        start--;
    for (; start < at && value < INT64_MAX / 100; start++)
        if (*start != ',')
            value = value * 10 + (*start - '0');
    return value;
}

/* README: "It contains N ratings and M tag applications across K movies. … created by U users". */
static akin_status read_readme(struct fetch *f, struct counts *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    char *text = NULL;
    char path[1200];
    int64_t size = 0;
    *out = (struct counts){0};
    snprintf(path, sizeof path, "%s/README.txt", f->data);
    if (!file_exists(path))
        return AKIN_OK;
    AKIN_TRY(file_read(f->ctx, path, MB, &text, &size, err));
    *out = (struct counts){number_before(text, " ratings and "), number_before(text, " users "),
                           number_before(text, " movies. ")};
done:
    mem_free(f->ctx, text);
    return status;
}

static akin_status check_tables(struct fetch *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *set = f->release->set;
    const struct counts *tested = &f->release->tested;
    struct counts said, found;
    int64_t runs;
    AKIN_TRY(count_rows(f, "ratings.csv", "userId,movieId,rating,timestamp", &found.ratings,
                        &found.users, err)); /* sorted by user: a run is a user */
    AKIN_TRY(count_rows(f, "movies.csv", "movieId,title,genres", &found.movies, &runs, err));
    AKIN_TRY(read_readme(f, &said, err));
    if (said.ratings == 0 || said.users == 0 || said.movies == 0) {
        log_write(f->ctx, AKIN_LOG_WARN,
                  "movielens: README.txt of %s does not state its counts; they are not checked",
                  set);
        goto done;
    }
    if (said.ratings != found.ratings)
        AKIN_FAIL(AKIN_E_FORMAT,
                  "movielens: %s has %" PRId64 " ratings, its README.txt says %" PRId64, set,
                  found.ratings, said.ratings);
    if (said.users != found.users || said.movies != found.movies)
        log_write(f->ctx, AKIN_LOG_WARN,
                  "movielens: %s has %" PRId64 " users and %" PRId64
                  " movies, its README.txt says %" PRId64 " and %" PRId64,
                  set, found.users, found.movies, said.users, said.movies);
    if (tested->ratings > 0 && memcmp(&said, tested, sizeof said) != 0)
        log_write(f->ctx, AKIN_LOG_WARN,
                  "movielens: %s is another release than akin was tested with: %" PRId64
                  " ratings, not %" PRId64 "; numbers in akin's documents will differ",
                  set, said.ratings, tested->ratings);
done:
    return status;
}

/* Another process may have been faster: then its result is as good. */
static akin_status publish(struct fetch *f, const char *dir, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (rename(f->data, dir) != 0 && !has_ratings(dir))
        FILE_FAIL("rename the unpacked data to", dir);
    log_write(f->ctx, AKIN_LOG_INFO, "movielens: %s is ready; README.txt has its terms of use",
              dir);
done:
    return status;
}

akin_status movielens_fetch(akin_ctx *ctx, const char *base, const char *set, const char *root,
                            char *dir, size_t size, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fetch f = {.ctx = ctx, .base = base};
    for (size_t i = 0; i < sizeof releases / sizeof *releases; i++)
        if (strcmp(releases[i].set, set) == 0)
            f.release = &releases[i];
    if (!f.release)
        AKIN_FAIL(AKIN_E_ARG, "movielens: set '%.60s' (ml-latest-small or ml-latest)", set);
    int n = snprintf(dir, size, "%s/%s", root, set);
    if (n < 0 || (size_t)n >= size)
        AKIN_FAIL(AKIN_E_ARG, "movielens: path of %d bytes (at most %zu)", n, size - 1);
    AKIN_TRY(open_temporary(&f, root, err));
    AKIN_TRY(get_archive(&f, err));
    AKIN_TRY(unpack(&f, err));
    AKIN_TRY(check_tables(&f, err));
    AKIN_TRY(publish(&f, dir, err));
done:
    remove_temporary(&f);
    return status;
}
