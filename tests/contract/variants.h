/* Rows of test_contract.c, one a line: {model, parameters}. */
/* clang-format off */
{"ials", "{\"solver\":\"cholesky\",\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"factors\":6,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"rp3beta", "{\"alpha\":0.7,\"neighbors\":5,\"keep\":\"target\"}"},
{"userknn", "{\"similarity\":\"tfidf\",\"neighbors\":12,\"shrinkage\":2}"},
{"userknn", "{\"mode\":\"rating\",\"similarity\":\"pearson\",\"damping\":0}"},
