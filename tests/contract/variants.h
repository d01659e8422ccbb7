/* Rows of test_contract.c, one a line: {model, parameters}. */
/* clang-format off */
{"ials", "{\"solver\":\"cholesky\",\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"factors\":6,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ease", "{\"keep\":0,\"dropout\":0.3,\"diagonal\":0.2,\"reg\":2}"},
{"slim", "{\"negative\":true,\"l1\":0.2,\"l2\":1,\"damping\":0.5}"},
{"ease", "{\"solver\":\"local\",\"neighbors\":12,\"reg\":5}"},
