/*
 * Names of columns: the well-known ones in their order of preference, and how a name that a user
 * gives finds its column. Cost: a comparison a column and name; headers are short.
 */
#include "data/format.h"

#include <stdio.h>
#include <string.h>

/* Normalised; earlier ones are preferred. */
const char *const known_user[] = {"userid",    "user",       "uid",      "reviewerid",
                                  "visitorid", "customerid", "customer", "memberid",
                                  "accountid", "personid",   "clientid", "profileid",
                                  "buyerid",   "listenerid", "readerid", NULL};
const char *const known_session[] = {"basketid",  "basket",        "sessionid", "session",
                                     "invoiceno", "invoice",       "invoiceid", "orderid",
                                     "order",     "transactionid", "cartid",    NULL};
const char *const known_item[] = {"itemid",  "item",     "movieid",    "productid", "product",
                                  "asin",    "artistid", "stockcode",  "sku",       "trackid",
                                  "songid",  "bookid",   "isbn",       "articleid", "newsid",
                                  "videoid", "gameid",   "businessid", "listingid", "parentasin",
                                  "id",      NULL};
const char *const known_value[] = {"value",     "rating", "overall", "score", "stars",    "weight",
                                   "playcount", "plays",  "listens", "count", "quantity", NULL};
const char *const known_time[] = {
    "time",        "timestamp", "unixreviewtime", "ts",   "eventtime", "datetime",
    "invoicedate", "createdat", "ratedat",        "date", NULL};
const char *const known_type[] = {"eventtype",       "event", "behaviortype", "behavior", "action",
                                  "interactiontype", NULL};
const char *const known_text[] = {"text", "reviewtext", "reviewbody", "review", "comment", NULL};
const char *const known_title[] = {"title", "name", "itemname", "productname", "description", NULL};
const char *const known_categories[] = {"categories", "genres", "category", "genre", NULL};
const char *const known_tag[] = {"tag", "tagvalue", "tagid", "keyword", NULL};

void name_normalise(const char *text, int64_t n, char *out, size_t size)
{
    size_t k = 0;
    for (int64_t i = 0; i < n && k + 1 < size; i++) {
        char c = text[i];
        if (c == '_' || c == '-' || c == ' ' || c == '.' || c == '"' || c == '\r' || c == '\t')
            continue;
        out[k++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    out[k] = '\0';
}

int plan_column_normal(const struct read_plan *plan, const char *normal)
{
    char name[64];
    for (int i = 0; i < plan->n_cols; i++) {
        name_normalise(plan->name[i], (int64_t)strlen(plan->name[i]), name, sizeof name);
        if (strcmp(name, normal) == 0)
            return i;
    }
    return -1;
}

int plan_column(const struct read_plan *plan, const char *name)
{
    char normal[64];
    uint32_t number;
    for (int i = 0; i < plan->n_cols; i++)
        if (strcmp(plan->name[i], name) == 0)
            return i;
    name_normalise(name, (int64_t)strlen(name), normal, sizeof normal);
    int col = plan_column_normal(plan, normal);
    if (col >= 0)
        return col;
    if (id_to_u32(name, (int64_t)strlen(name), &number) && number >= 1 &&
        (int64_t)number <= plan->n_cols && plan->format != FORMAT_JSONL)
        return (int)number - 1;
    return -1;
}

int plan_known_from(const struct read_plan *plan, const char *const *names, int *from)
{
    char name[64];
    int best = -1;
    int n = *from; /* names before that of the best column: those still worth a look */
    while (names[n])
        n++;
    for (int c = 0; c < plan->n_cols && n > *from; c++) {
        name_normalise(plan->name[c], (int64_t)strlen(plan->name[c]), name, sizeof name);
        for (int i = *from; i < n; i++) {
            if (strcmp(name, names[i]) == 0) {
                best = c;
                n = i;
            }
        }
    }
    *from = n;
    return best;
}

int plan_known(const struct read_plan *plan, const char *const *names)
{
    int from = 0;
    return plan_known_from(plan, names, &from);
}

void plan_names(const struct read_plan *plan, char *out, size_t size)
{
    size_t k = 0;
    out[0] = '\0';
    for (int i = 0; i < plan->n_cols && k + 4 < size; i++)
        k += (size_t)snprintf(out + k, size - k, "%s%s", i ? ", " : "", plan->name[i]);
}
