/* Rows of test_contract.c, one a line: {model, parameters}. */
/* clang-format off */
{"rules", "{\"score\":\"lift\",\"min_support\":6}"},
{"rules", "{\"max_antecedent\":3,\"max_sets\":400}"},
{"ials", "{\"solver\":\"cholesky\",\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"factors\":6,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
