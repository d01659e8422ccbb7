/*
 * load: latencies and outcomes, counted and told. Latencies are in buckets of 1/64 of their value.
 */
#include "load.h"

#include <stdio.h>

static int bucket_of(int64_t ns)
{
    uint64_t v = ns > 0 ? (uint64_t)ns : 0;
    if (v < SUB)
        return (int)v;
    int top = 63 - __builtin_clzll(v); /* v in [2^top, 2^(top+1)), top >= 6 */
    int at = (top - 5) * SUB + (int)(v >> (top - 6)) - SUB;
    return at < BUCKETS ? at : BUCKETS - 1;
}

/* The greatest value of a bucket. */
static int64_t bucket_top(int at)
{
    if (at < SUB)
        return at;
    int shift = at / SUB - 1;
    return (((int64_t)(at % SUB) + SUB + 1) << shift) - 1;
}

static int64_t quantile(const struct tally *t, double q)
{
    int64_t rank = (int64_t)(q * (double)t->answered), seen = 0;
    for (int i = 0; i < BUCKETS; i++) {
        seen += t->bucket[i];
        if (seen > rank || seen == t->answered)
            return bucket_top(i) < t->longest ? bucket_top(i) : t->longest;
    }
    return t->longest;
}

void tally_answer(struct tally *t, int status, int64_t ns)
{
    t->answered++;
    t->status[status > 0 && status < STATUSES ? status : 0]++;
    t->bucket[bucket_of(ns)]++;
    t->longest = ns > t->longest ? ns : t->longest;
}

void tally_add(struct tally *to, const struct tally *t)
{
    to->sent += t->sent;
    to->answered += t->answered;
    to->late += t->late;
    to->wrong_body += t->wrong_body;
    to->empty += t->empty;
    to->broken += t->broken;
    to->longest = t->longest > to->longest ? t->longest : to->longest;
    for (int i = 0; i < STATUSES; i++)
        to->status[i] += t->status[i];
    for (int i = 0; i < BUCKETS; i++)
        to->bucket[i] += t->bucket[i];
}

int64_t tally_errors(const struct tally *t)
{
    return t->sent - t->status[200] + t->wrong_body;
}

void tally_json(const struct tally *t)
{
    static const struct {
        const char *name;
        double q;
    } quantiles[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}};
    printf("\"sent\":%lld,\"answered\":%lld,\"errors\":%lld,\"wrong_body\":%lld,\"empty\":%lld,"
           "\"broken\":%lld,"
           "\"late\":%lld,\"status\":{",
           (long long)t->sent, (long long)t->answered, (long long)tally_errors(t),
           (long long)t->wrong_body, (long long)t->empty, (long long)t->broken, (long long)t->late);
    const char *comma = "";
    for (int i = 0; i < STATUSES; i++) {
        if (t->status[i] > 0) {
            printf("%s\"%d\":%lld", comma, i, (long long)t->status[i]);
            comma = ",";
        }
    }
    printf("},\"ms\":{");
    for (int i = 0; i < 4; i++)
        printf("\"%s\":%.3f,", quantiles[i].name, (double)quantile(t, quantiles[i].q) / 1e6);
    printf("\"max\":%.3f}", (double)t->longest / 1e6);
}
