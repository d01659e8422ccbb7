/* Item–item similarities: what a fit of itemknn computes and keeps. */
#ifndef AKIN_MODELS_ITEMKNN_SIMILARITY_H
#define AKIN_MODELS_ITEMKNN_SIMILARITY_H

#include "data/view.h"

enum similarity {
    SIM_COSINE,
    SIM_ADJUSTED_COSINE,
    SIM_ASYMMETRIC_COSINE,
    SIM_JACCARD,
    SIM_PEARSON,
    SIM_BM25,
    SIM_TFIDF,
    SIM_LLR
};
#define SIM_CHOICES "cosine|adjusted_cosine|asymmetric_cosine|jaccard|pearson|bm25|tfidf|llr"

enum keep { KEEP_HISTORY, KEEP_TARGET };

struct similarity_spec {
    enum similarity similarity;
    enum keep keep;
    int32_t neighbors;
    bool is_binary; /* weights of events count as 1 */
    double damping, alpha, shrinkage, bm25_k1, bm25_b;
};

/*
 * out: CSR (n_items, n_items), row j = history item, s(j → i) > 0 for the targets i it speaks for.
 * Cost: that of cooc_top; values and tf-idf or BM25 weights are copied. Fails: E_INPUT (ratings are
 * needed but there are none), E_MEMORY, E_CANCELLED.
 */
akin_status similarity_fit(const struct train_view *tv, const struct similarity_spec *spec,
                           struct csr *out, akin_error *err);

#endif
