/* Fuzz: delimited text under every option that changes how it is cut; the first byte chooses. */
#include "fuzz_prepare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const params[] = {
        "{}",
        "{\"format\":\"csv\",\"header\":\"no\",\"duplicates\":\"sum\"}",
        ("{\"format\":\"csv\",\"columns\":{\"user_id\":\"1\",\"item_id\":\"2\"},"
         "\"duplicates\":\"keep\"}"),
        "{\"format\":\"tsv\",\"value_range\":[0,5],\"min_user_events\":2}",
        "{\"format\":\"movielens\",\"duplicates\":\"mean\"}",
        "{\"format\":\"csv\",\"sep\":\"space\",\"order\":\"rows\"}",
        ("{\"format\":\"csv\",\"columns\":{\"user_id\":\"1\",\"item_id\":\"2\",\"time\":\"3\","
         "\"event_type\":\"4\",\"text\":\"5\"},\"event_types\":[\"view\",\"buy\"]}"),
        ("{\"format\":\"csv\",\"header\":\"yes\",\"time_unit\":\"iso\",\"context\":[\"device\"],"
         "\"columns\":{\"value\":\"\"}}"),
    };
    if (size == 0)
        return 0;
    return fuzz_prepare("f.csv", data + 1, size - 1, params[data[0] % 8]);
}
