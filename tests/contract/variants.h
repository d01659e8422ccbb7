/* Rows of test_contract.c, one a line: {model, parameters}. */
/* clang-format off */
{"ials", "{\"solver\":\"cholesky\",\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"factors\":6,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"ials", "{\"biases\":true,\"solver\":\"block\",\"block\":8,\"factors\":12,\"reg\":0.1,\"unobserved_weight\":0.1}"},
{"markov", "{\"steps\":2,\"norm\":0.5,\"history\":20,\"history_decay\":\"div\",\"session_gap_seconds\":31536000}"},
{"stan", "{\"recency_days\":30,\"session_gap_seconds\":31536000,\"neighbors\":30,\"idf\":0.5}"},
{"rp3beta", "{\"alpha\":0.7,\"neighbors\":5,\"keep\":\"target\"}"},
{"ease", "{\"keep\":0,\"dropout\":0.3,\"diagonal\":0.2,\"reg\":2}"},
{"slim", "{\"negative\":true,\"l1\":0.2,\"l2\":1,\"damping\":0.5}"},
