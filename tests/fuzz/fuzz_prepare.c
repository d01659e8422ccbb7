/*
 * Fuzz: the whole of prepare: guessing the format, reading, numbering, sorting, filters, the report
 * and the dataset that comes out. The first byte chooses name and options.
 */
#include "fuzz_prepare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        const char *name, *params;
    } ways[] = {
        {"f.csv", "{}"},
        {"f.tsv", "{\"duplicates\":\"sum\",\"max_user_events\":3}"},
        {"f.jsonl", "{\"duplicates\":\"mean\"}"},
        {"f.txt", "{\"order\":\"rows\",\"duplicates\":\"keep\"}"},
        {"f.txt", "{\"format\":\"sessions\",\"min_item_events\":2}"},
        {"f.txt", "{\"format\":\"basket\",\"min_user_events\":2}"},
        {"f.svm", "{\"format\":\"libsvm\",\"value_range\":[-1000,1000]}"},
        {"f.dat", "{\"format\":\"movielens\",\"duplicates\":\"max\"}"},
        {"f.txt", "{\"format\":\"adjacency\",\"lead\":\"count\"}"},
        {"f.txt", "{\"format\":\"adjacency\",\"lead\":\"none\",\"sep\":\";\"}"},
        {"f.csv", ("{\"header\":\"no\",\"format\":\"csv\",\"max_user_rate\":2,"
                   "\"duplicates\":\"first\"}")},
        {"f.csv", ("{\"columns\":{\"user_id\":\"1\",\"item_id\":\"2\",\"time\":\"3\","
                   "\"event_type\":\"4\",\"text\":\"5\"},\"context\":[\"6\"]}")},
        {"f.txt", "{\"format\":\"dsstne\",\"duplicates\":\"sum\"}"},
    };
    enum { WAYS = sizeof ways / sizeof ways[0] };
    if (size == 0 || size > 1 << 16)
        return 0;
    int w = data[0] % WAYS;
    fuzz_whole(ways[w].name, data + 1, size - 1, fuzz_params(ways[w].params));
    return 0;
}
