/* Fuzz: jsonl. */
#include "fuzz_prepare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_prepare("f.jsonl", data, size, "{\"format\":\"jsonl\",\"context\":[]}");
}
