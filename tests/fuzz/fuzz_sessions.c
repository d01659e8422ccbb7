/* Fuzz: sessions with and without TAB. */
#include "fuzz_prepare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_prepare("f.txt", data, size, "{\"format\":\"sessions\"}");
}
