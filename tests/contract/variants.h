/* Rows of test_contract.c, one a line: {model, parameters}. */
/* clang-format off */
{"ials", "{\"solver\":\"cholesky\",\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"factors\":6,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"puresvd", "{\"factors\":5,\"user_damping\":0,\"item_damping\":0}"},
{"gfcf", "{\"factors\":0,\"weighting\":\"binary\"}"},
{"turbocf", "{\"power\":0.7,\"filter\":\"second\"}"},
{"turbocf", "{\"user_damping\":1,\"history_damping\":0.5,\"target_damping\":0.5,\"filter\":\"third\"}"},
{"bspm", "{\"factors\":6,\"solver\":\"rk4\",\"steps\":2,\"merge\":\"late\"}"},
