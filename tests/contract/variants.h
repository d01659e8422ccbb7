/* Rows of test_contract.c, one a line: {model, parameters}. */
/* clang-format off */
{"ials", "{\"solver\":\"cholesky\",\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"factors\":6,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"svd", "{\"grid\":5,\"factors\":6,\"epochs\":4}"},
{"nmf", "{\"grid\":3,\"factors\":5,\"epochs\":4}"},
{"bpr", "{\"grid\":4,\"negative_exponent\":0.5,\"epochs\":60}"},
