"""Reference values of tf-idf and BM25 for tests/unit/data/test_features.c.

Run: python3 tests/golden/make_features.py > tests/unit/data/features_golden.h
(plain Python; with scikit-learn installed the tf-idf half is compared with its TfidfVectorizer)

Written from docs/models/content.md, without a look at the C code: NFKC and case folding by
`unicodedata`, words by a regular expression, no stop words, no stems.
"""
import math
import re
import sys
import unicodedata

DOCS = [
    "The QUICK brown fox; the quick, quick dog!",
    "Brown bread and butter - bread, bread, BREAD",
    "Straße nach Süden, strasse nach Norden",
    "Ａｍｅ́lie & the dog",
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd, the dog says \u05e9\u05dc\u05d5\u05dd",
    "1995 don't 3.14 don't \U0001F600",
    "",
    "\U0001F600\U0001F44D\U0001F3FD",
]


def words(text):
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return re.findall(r"\d+[.,]\d+|[^\W_]+(?:'[^\W_]+)*", text)


counts = []
for doc in DOCS:
    tf = {}
    for w in words(doc):
        tf[w] = tf.get(w, 0) + 1
    counts.append(tf)
vocabulary = sorted({w for tf in counts for w in tf}, key=lambda w: w.encode())
df = {w: sum(w in tf for tf in counts) for w in vocabulary}
N = sum(bool(tf) for tf in counts)


def tfidf(tf):
    x = {w: (1 + math.log(n)) * (1 + math.log((1 + N) / (1 + df[w]))) for w, n in tf.items()}
    norm = math.sqrt(sum(v * v for v in x.values()))
    return {w: v / norm for w, v in x.items()}


def bm25(tf, k1, b):
    avg = sum(sum(t.values()) for t in counts) / N
    norm = k1 * (1 - b + b * sum(tf.values()) / avg)
    return {w: math.log(1 + (N - df[w] + .5) / (df[w] + .5)) * n * (k1 + 1) / (norm + n)
            for w, n in tf.items()}


def compare():
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        return
    docs = [d for d, tf in zip(DOCS, counts) if tf]
    vec = TfidfVectorizer(analyzer=words, sublinear_tf=True, smooth_idf=True, norm="l2")
    theirs = vec.fit_transform(docs).toarray()
    worst = 0
    for row, tf in zip(theirs, [t for t in counts if t]):
        ours = tfidf(tf)
        for w, column in vec.vocabulary_.items():
            worst = max(worst, abs(row[column] - ours.get(w, 0)))
    print(f"scikit-learn differs by at most {worst:.2e}", file=sys.stderr)
    assert worst < 1e-12


def text(s):
    out = ""
    for byte in s.encode():
        out += f'\\{byte:03o}' if byte > 126 or byte < 32 or chr(byte) in '"\\?' else chr(byte)
    return f'"{out}"'


def show(name, rows):
    print(f"static const double {name}[{len(rows)}][{len(vocabulary)}] = {{")
    for row in rows:
        print("    {" + ", ".join(f"{row.get(w, 0):.12g}" for w in vocabulary) + "},")
    print("};")


compare()
print("/* Made by tests/golden/make_features.py. */")
print("#ifndef AKIN_TESTS_FEATURES_GOLDEN_H\n#define AKIN_TESTS_FEATURES_GOLDEN_H\n")
print("/* clang-format off */")
print(f"enum {{ GOLDEN_DOCS = {len(DOCS)}, GOLDEN_WORDS = {len(vocabulary)} }};")
for name, rows in (("golden_docs", DOCS), ("golden_words", vocabulary)):
    print(f"static const char *const {name}[] = {{")
    for row in rows:
        print(f"    {text(row)},")
    print("};")
show("golden_tfidf", [tfidf(tf) if tf else {} for tf in counts])
show("golden_bm25", [bm25(tf, 1.2, .75) for tf in counts])
show("golden_bm25_long", [bm25(tf, 2, .3) for tf in counts])
print("/* clang-format on */\n\n#endif")
