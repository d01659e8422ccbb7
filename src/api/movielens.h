/*
 * MovieLens for the demo: found on this machine, or fetched from its publisher, GroupLens.
 */
#ifndef AKIN_API_MOVIELENS_H
#define AKIN_API_MOVIELENS_H

#include "core/ctx.h"

#include <stddef.h>

#define MOVIELENS_URL "https://files.grouplens.org/datasets/movielens"

/* The directory of the set under $AKIN_DATA or ./demo-data, if one holds its ratings.csv. */
bool movielens_find(const char *set, char *dir, size_t size);

/*
 * Fetches BASE/SET.zip and unpacks ratings.csv, movies.csv and, where they are in it, tags.csv,
 * links.csv and README.txt into ROOT/SET, which appears whole or not at all.
 *   base   MOVIELENS_URL
 *   set    "ml-latest-small" (1 MB) or "ml-latest" (some 350 MB, 1.2 GB unpacked)
 *   root   made if needed; dir receives ROOT/SET
 * Checked: TLS, status 200 and length; the MD5 of BASE/SET.zip.md5 where that is published; the
 * CRC-32 and size of each file; the column names; the count of ratings against README.txt. Other
 * counts of users or movies there, or another release than akin was tested with, are warnings.
 * Fails: E_IO (no network), E_NOT_FOUND, E_FORMAT (a check), E_LIMIT, E_ARG, E_CANCELLED.
 */
akin_status movielens_fetch(akin_ctx *ctx, const char *base, const char *set, const char *root,
                            char *dir, size_t size, akin_error *err);

#endif
