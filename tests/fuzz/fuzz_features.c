/* Fuzz: samples and their features as DSSTNE has them (format dsstne). */
#include "fuzz_prepare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_prepare("f.txt", data, size,
                        "{\"format\":\"dsstne\",\"value_range\":[-1000,1000]}");
}
