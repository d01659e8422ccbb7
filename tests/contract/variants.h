/* Rows of test_contract.c, one a line: {model, parameters}. */
/* clang-format off */
{"ials", "{\"solver\":\"cholesky\",\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"factors\":6,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"content", "{\"weighting\":\"tfidf\",\"ngrams\":2,\"mean\":\"whole\"}"},
{"content", "{\"columns\":[\"genre\",\"year\"],\"number_weight\":0.5}"},
