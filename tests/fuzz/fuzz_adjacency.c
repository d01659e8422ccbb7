/* Fuzz: lists with an id or a count in front, and baskets. */
#include "fuzz_prepare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_prepare("f.txt", data, size, "{\"order\":\"rows\",\"duplicates\":\"keep\"}");
}
