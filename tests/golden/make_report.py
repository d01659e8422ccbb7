#!/usr/bin/env python3
"""Golden numbers of the exploratory report, by NumPy and SciPy; they share no code with akin.

    python3 tests/golden/make_report.py small > tests/golden/report_golden.h
    python3 tests/golden/make_report.py ml-latest-small DIR > tests/golden/report_ml_latest_small.json

`small` draws a data set and writes it as C arrays together with the expected numbers;
`ml-latest-small` reads ratings.csv, movies.csv and tags.csv of DIR. The expected JSON has the
structure of akin's and only the parts that are compared.
"""
import csv
import datetime
import json
import pathlib
import sys

import numpy as np
from scipy import stats

TOP = 20


def summary(x):
    x = np.asarray(x, float)
    q = np.quantile(x, [0, .25, .5, .75, .9, .99, 1, .01])
    return {"n": len(x), "mean": x.mean(), "sd": x.std(ddof=1), "min": q[0], "q25": q[1],
            "median": q[2], "q75": q[3], "q90": q[4], "q99": q[5], "max": q[6],
            "q01": q[7]}


def octaves(x):
    x = np.asarray(x)
    edges = [2 ** b for b in range(int(np.floor(np.log2(x.max()))) + 2)]
    n, _ = np.histogram(x, np.array(edges, float) - 0.5)
    return [{"lo": lo, "hi": hi, "n": int(c), "share": c / len(x),
             "density": c / len(x) / (hi - lo)} for lo, hi, c in zip(edges, edges[1:], n)]


def by_octave(x, mean):
    rows = []
    for b in range(64):
        inside = mean[(x >= 2 ** b) & (x < 2 ** (b + 1))]
        if len(inside):
            q10, q90 = np.quantile(inside, [.1, .9])
            rows.append({"lo": 2 ** b, "hi": 2 ** (b + 1), "n": len(inside),
                         "mean": inside.mean(), "q10": q10, "q90": q90})
    return rows


def buckets(count, total, events):
    edges = [0, 50, 100, 200, None]
    rows = []
    for lo, hi in zip(edges, edges[1:]):
        inside = (count >= lo) & (count < (hi or 1 << 60))
        n = int(count[inside].sum())
        rows.append({"lo": lo, "hi": hi, "n": int(inside.sum()),
                     "share": inside.mean(), "events": n, "share_events": n / events,
                     "mean": total[inside].sum() / n if n else None})
    return rows


def tukey(x, events):
    q25, q50, q75 = np.quantile(x, [.25, .5, .75])
    lo, hi = q25 - 1.5 * (q75 - q25), q75 + 1.5 * (q75 - q25)
    held = int(x[x > hi].sum())
    return {"q25": q25, "median": q50, "q75": q75, "lower_fence": lo, "upper_fence": hi,
            "n_below": int((x < lo).sum()), "n_above": int((x > hi).sum()),
            "events_above": held, "share_events_above": held / events}


def long_tail(x):
    x = np.sort(np.asarray(x))[::-1]
    held = np.concatenate([[0], np.cumsum(x)])
    n, total = len(x), held[-1]
    pairs = np.abs(x[:, None] - x[None, :]).sum() if n <= 2000 else None
    gini = pairs / (2 * n * total) if pairs is not None else \
        1 - 2 * np.trapezoid(np.concatenate([[0], np.cumsum(x[::-1])]) / total) / n
    return {"gini": gini, "n_for_half": int(np.argmax(held * 2 >= total)),
            "n_for_80_percent": int(np.argmax(held * 5 >= 4 * total)),
            "shares": [{"top": t / 100, "n": -(-t * n // 100),
                        "share_events": held[-(-t * n // 100)] / total}
                       for t in (1, 5, 10, 20, 50)]}


def side(count, total, label, events):
    """Items or users in akin's order; label[i] names the i-th."""
    active = np.flatnonzero(count)
    x, mean = count[active], total[active] / count[active]
    fence = tukey(x, events)
    order = active[np.lexsort((active, -x))]
    top = [{"n": int(count[i]), "mean": total[i] / count[i], **label(i)}
           for i in order if count[i] > fence["upper_fence"]][:TOP]
    return {"with_events": len(active), "without_events": len(count) - len(active),
            "count": summary(x), "buckets": buckets(count, total, events),
            "histogram": octaves(x), "tukey": fence, "outliers": top, "long_tail": long_tail(x),
            "mean": summary(mean), "mean_by_count": by_octave(x, mean)}


def residual(y, z):
    design = np.column_stack([np.ones(len(z)), z])
    return y - design @ np.linalg.lstsq(design, y, rcond=None)[0]


def correlations(**v):
    """Partial ones as the correlation of residuals: another way than akin's formula."""
    rows, names = [], list(v)
    rank = {k: stats.rankdata(x) for k, x in v.items()}
    for a in range(len(names)):
        for b in range(a + 1, len(names)):
            x, y = names[a], names[b]
            row = {"x": x, "y": y, "n": len(v[x]), "pearson": stats.pearsonr(v[x], v[y])[0],
                   "spearman": stats.spearmanr(v[x], v[y])[0]}
            if len(names) == 3:
                z = names[3 - a - b]
                row["partial"] = {"controlling": z}
                for name, s in (("pearson", v), ("spearman", rank)):
                    row["partial"][name] = stats.pearsonr(
                        residual(s[x].astype(float), s[z].astype(float)),
                        residual(s[y].astype(float), s[z].astype(float)))[0]
            rows.append(row)
    return rows


def timeline(time, users, items):
    """Months, as the data here need no more and no less."""
    def month(t):
        d = datetime.datetime.fromtimestamp(int(t), datetime.timezone.utc)
        return d.year * 12 + d.month - 1
    def label(m):
        return f"{m // 12:04d}-{m % 12 + 1:02d}"
    m = np.array([month(t) for t in time])
    first_user, first_item = {}, {}
    for u, i, t in zip(users, items, m):
        first_user[u] = min(first_user.get(u, t), t)
        first_item[i] = min(first_item.get(i, t), t)
    new_users = np.bincount(np.array(list(first_user.values())) - m.min(), minlength=m.max() - m.min() + 1)
    new_items = np.bincount(np.array(list(first_item.values())) - m.min(), minlength=m.max() - m.min() + 1)
    n = np.bincount(m - m.min())
    span = [np.ptp(time[users == u]) for u in sorted(set(users))]
    return {"unit": "month", "first_unix": int(time.min()), "last_unix": int(time.max()),
            "user_span_days": summary(np.array(span) / 86400.0),
            "users_within_a_day": int((np.array(span) < 86400).sum()),
            "bins": [{"label": label(m.min() + b), "n": int(n[b]), "new_users": int(new_users[b]),
                      "new_items": int(new_items[b])} for b in range(len(n))]}


def numbers(users, items, value, time, n_users, n_items, tag_items, user_label, item_label,
            genres=None):
    """users, items: indices of the events; n_*: whole tables; tag_items: one index a tag."""
    events = len(users)
    ic, uc = np.bincount(items, minlength=n_items), np.bincount(users, minlength=n_users)
    isum = np.bincount(items, value, n_items)
    usum = np.bincount(users, value, n_users)
    tags = np.bincount(tag_items, minlength=n_items)
    pairs = len(set(zip(users.tolist(), items.tolist())))
    cells = int((ic > 0).sum()) * int((uc > 0).sum())
    level, n = np.unique(value, return_counts=True)
    out = {"data": {"events": events, "users": int((uc > 0).sum()),
                    "items": int((ic > 0).sum()), "catalog_users": n_users,
                    "catalog_items": n_items, "pairs": pairs,
                    "repeated_events": events - pairs, "density": pairs / cells,
                    "sparsity": 1 - pairs / cells, "tags": len(tag_items)},
           "values": {"summary": summary(value),
                      "levels": [{"value": v, "n": int(c), "share": c / events}
                                 for v, c in zip(level, n)]},
           "items": side(ic, isum, item_label, events),
           "users": side(uc, usum, user_label, events)}
    active = ic > 0
    out["correlations"] = {
        "items": correlations(count=ic[active], mean=isum[active] / ic[active],
                              tags=tags[active]),
        "users": correlations(count=uc[uc > 0], mean=usum[uc > 0] / uc[uc > 0])}
    both = (tags > 0) & active
    out["tags"] = {"n": len(tag_items), "items": int((tags > 0).sum()),
                   "per_item": summary(tags[tags > 0]), "histogram": octaves(tags[tags > 0]),
                   "mean_by_tags": by_octave(tags[both], isum[both] / ic[both])}
    out["time"] = timeline(time, users, items)
    if genres:
        rows = []
        for g in sorted(set().union(*genres)):
            has = np.array([g in s for s in genres])
            rows.append({"value": g, "members": int(has.sum()), "events": int(ic[has].sum()),
                         "mean": isum[has].sum() / ic[has].sum()})
        rows.sort(key=lambda r: -r["events"])
        out["item_categories"] = [{"distinct": len(rows), "rows": rows[:TOP],
                                   "without": sum(not s for s in genres)}]
    return out


def plain(x):
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, list):
        return [plain(v) for v in x]
    if isinstance(x, np.integer):
        return int(x)
    return float(x) if isinstance(x, np.floating) else x


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def movielens(folder):
    folder = pathlib.Path(folder)
    movies, ratings = rows_of(folder / "movies.csv"), rows_of(folder / "ratings.csv")
    tags = rows_of(folder / "tags.csv")
    movies.sort(key=lambda m: int(m["movieId"]))
    number = {m["movieId"]: i for i, m in enumerate(movies)}
    ids = sorted({r["userId"] for r in ratings} | {t["userId"] for t in tags}, key=int)
    user = {u: i for i, u in enumerate(ids)}

    def item_label(i):
        return {"id": movies[i]["movieId"], "title": movies[i]["title"]}

    out = numbers(np.array([user[r["userId"]] for r in ratings]),
                  np.array([number[r["movieId"]] for r in ratings]),
                  np.array([float(r["rating"]) for r in ratings]),
                  np.array([int(r["timestamp"]) for r in ratings]), len(ids), len(movies),
                  np.array([number[t["movieId"]] for t in tags]),
                  lambda i: {"id": ids[i]}, item_label,
                  [set(m["genres"].split("|")) for m in movies])
    out["users"].pop("outliers")  # equal counts come by shard, which this script does not know
    print(json.dumps(plain(out), indent=1))


def array(kind, name, values):
    text = ", ".join(str(v) for v in values)
    lines, line = [], "   "
    for word in text.split(" "):
        if len(line) + len(word) > 98:
            lines.append(line)
            line = "   "
        line += " " + word
    return f"static const {kind} {name}[] = {{\n" + "\n".join(lines + [line]) + "};\n"


def small():
    """60 users, 40 items (three of them without events), 1,500 events with repeats, 90 tags."""
    rng = np.random.default_rng(7)
    n_users, n_items, n = 60, 40, 1500
    popularity = 1 / np.arange(1, n_items + 1) ** 1.3
    popularity[[5, 17, 39]] = 0
    items = rng.choice(n_items, n, p=popularity / popularity.sum())
    users = np.concatenate([np.arange(n_users), rng.choice(n_users, n - n_users)])
    value = rng.integers(1, 11, n) / 2
    time = rng.integers(1_400_000_000, 1_560_000_000, n)
    order = np.lexsort((items, time, users))
    users, items, value, time = users[order], items[order], value[order], time[order]
    tag_items = np.sort(rng.choice(n_items, 90, p=rng.dirichlet(np.ones(n_items) * .4)))
    out = plain(numbers(users, items, value, time, n_users, n_items, tag_items,
                        lambda i: {}, lambda i: {"id": str(i)}))
    text = json.dumps(out, separators=(",", ":")).replace("\\", "\\\\").replace('"', '\\"')
    chunks, at = [], 0
    while at < len(text):
        end = min(at + 90, len(text))
        while text[end - 1] == "\\":
            end += 1
        chunks.append(f'    "{text[at:end]}",')
        at = end
    print("/* Made by make_report.py small; not edited by hand. */\n"
          "/* clang-format off */\n"
          "#ifndef AKIN_TESTS_REPORT_GOLDEN_H\n#define AKIN_TESTS_REPORT_GOLDEN_H\n\n"
          "#include <stdint.h>\n\n"
          f"enum {{ GOLDEN_USERS = {n_users}, GOLDEN_ITEMS = {n_items}, GOLDEN_EVENTS = {n}, "
          f"GOLDEN_TAGS = {len(tag_items)} }};")
    print(array("int32_t", "golden_user", users), end="")
    print(array("int32_t", "golden_item", items), end="")
    print(array("float", "golden_value", value), end="")
    print(array("int64_t", "golden_time", time), end="")
    print(array("int32_t", "golden_tag_item", tag_items), end="")
    print("static const char *const golden_numbers[] = {\n" + "\n".join(chunks) + "\n    0};\n\n"
          "#endif")


if __name__ == "__main__":
    if sys.argv[1:] == ["small"]:
        small()
    elif sys.argv[1:2] == ["ml-latest-small"] and len(sys.argv) == 3:
        movielens(sys.argv[2])
    else:
        sys.exit(__doc__)
