/* Fuzz: libsvm. */
#include "fuzz_prepare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_prepare("f.svm", data, size,
                        "{\"format\":\"libsvm\",\"value_range\":[-1000,1000]}");
}
