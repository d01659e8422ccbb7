/* Rows of test_contract.c, one a line: {model, parameters}. */
/* clang-format off */
{"ials", "{\"solver\":\"cholesky\",\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"factors\":6,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"als", "{\"biases\":false,\"reg_exponent\":0,\"factors\":5,\"epochs\":4,\"tol\":0.01}"},
{"als", "{\"nonnegative\":true,\"factors\":6,\"epochs\":3}"},
{"svdpp", "{\"factors\":33,\"batch\":11,\"epochs\":4,\"decay\":0.9,\"learning_rate\":0.1}"},
