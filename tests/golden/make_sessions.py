"""Reference scores of vsknn, stan and markov for tests/unit/models/test_sessions.c.

Run: python3 tests/golden/make_sessions.py > tests/unit/models/sessions_golden.h

Written from docs/models/vsknn.md and markov.md, without a look at the C code. Random events of few
users with pauses; some items repeat within a session.
"""

import math
import random

USERS, ITEMS, GAP, DAY = 30, 14, 1800, 86400
rng = random.Random(11)
events = []  # (user, item, time), in order of user and time
for u in range(USERS):
    t = 1_600_000_000 + rng.randrange(5 * DAY)
    for _ in range(rng.randrange(2, 14)):
        t += rng.choice([60, 120, 300, 900, 5000, 40000])
        events.append((u, min(int(rng.expovariate(0.25)), ITEMS - 1), t))
NOW = max(t for _, _, t in events)


def distinct(items):
    """Of repeats the last place."""
    out = []
    for i in reversed(items):
        if i not in out:
            out.insert(0, i)
    return out


def sessions(gap, keeps_repeats=False):
    runs, last = [], None
    for u, i, t in events:
        if last is None or last[0] != u or (gap and t - last[1] > gap):
            runs.append([u, [], 0])
        runs[-1][1].append(i)
        runs[-1][2] = t
        last = (u, t)
    runs = sorted((t, n, items) for n, (_, items, t) in enumerate(runs) if len(items) > 1)
    return [(t, items if keeps_repeats else distinct(items)) for t, _, items in runs]


def decay(kind, scale, steps):
    return {
        "same": 1,
        "linear": max(0, 1 - steps / scale),
        "div": 1 / (steps + 1),
        "exp": math.exp(-steps / scale),
    }[kind]


def own_items(history, times, gap, length):
    h = list(zip(history, times))
    keep = [h[-1][0]]
    for (i, t), (_, after) in zip(reversed(h[:-1]), reversed(h[1:])):
        if gap and after - t > gap:
            break
        keep.append(i)
    out = []
    for i in keep:
        if i not in out:
            out.append(i)
    return out[:length]


def vsknn(p, history, times):
    ss = sessions(p["session_gap_seconds"])
    own = own_items(history, times, p["session_gap_seconds"], p["length"])
    reachable = set()
    by_item = {i: [r for r in reversed(range(len(ss))) if i in ss[r][1]] for i in range(ITEMS)}
    listed = {i: by_item[i][: p["recent"]] for i in by_item}
    for i in own:
        reachable.update(listed[i])
    found = []
    for r in reachable:
        t, items = ss[r]
        shared = [k for k, i in enumerate(own) if r in listed[i] and decay(p["decay"], p["decay_scale"], k) > 0]
        if not shared:
            continue
        sim = sum(decay(p["decay"], p["decay_scale"], k) for k in shared)
        if p["cosine"]:
            sim /= math.sqrt(len(own) * len(items))
        if p["recency_days"]:
            sim *= math.exp(-(NOW - t) / (DAY * p["recency_days"]))
        found.append((-sim, -r, min(shared)))
    score = [0.0] * ITEMS
    for sim, r, latest in sorted(found)[: p["neighbors"]]:
        items = ss[-r][1]
        at = (items.index(own[latest]) if p["spread_from"] == "asker" else
              max(k for k, i in enumerate(items) if i in own))
        for k, i in enumerate(items):
            score[i] += (-sim * decay(p["last_decay"], p["last_scale"], latest)
                         * decay(p["spread"], p["spread_scale"], abs(k - at)))
    return [s * (1 + p["idf"] * math.log(len(ss) / max(1, len(by_item[i])))) for i, s in enumerate(score)]


def markov(p, history, times):
    ss = sessions(p["session_gap_seconds"], keeps_repeats=True)
    s = [[0.0] * ITEMS for _ in range(ITEMS)]
    n = [0] * ITEMS
    for _, items in ss:
        for a, j in enumerate(items[:-1]):
            n[j] += 1
            for d, i in enumerate(items[a + 1 : a + 1 + p["steps"]]):
                s[j][i] += decay(p["decay"], p["decay_scale"], d)
    score = [0.0] * ITEMS
    for k, j in enumerate(own_items(history, times, p["session_gap_seconds"], p["history"])):
        row = [x / n[j] ** p["norm"] if n[j] else 0 for x in s[j]]
        kept = sorted((-x, i) for i, x in enumerate(row) if x > 0)[: p["top_n"]]
        for x, i in kept:
            score[i] += decay(p["history_decay"], p["history_scale"], k) * -x
    return score


BASE = dict(neighbors=500, recent=2500, length=50, decay="linear", decay_scale=10, last_decay="linear",
            last_scale=10, spread="same", spread_scale=2, spread_from="asker", cosine=False, recency_days=0, idf=1,
            session_gap_seconds=0)
STAN = dict(BASE, decay="exp", decay_scale=1, last_decay="same", spread="exp", cosine=True, idf=0)
CHAIN = dict(steps=10, decay="div", decay_scale=10, norm=0, top_n=200, history=3, history_decay="exp",
             history_scale=0.5, session_gap_seconds=0)
CASES = [
    ("vsknn", vsknn, BASE, {}),
    ("vsknn", vsknn, BASE, dict(neighbors=3, recent=4, length=2, decay="div", session_gap_seconds=GAP)),
    ("vsknn", vsknn, BASE, dict(decay="linear", decay_scale=1.5, idf=0.5, recency_days=2, spread="linear")),
    ("stan", vsknn, STAN, {}),
    ("stan", vsknn, STAN, dict(neighbors=5, recency_days=1.5, session_gap_seconds=GAP, spread_scale=0.7)),
    ("stan", vsknn, STAN, dict(spread_from="neighbor", decay_scale=2)),
    ("markov", markov, CHAIN, {}),
    ("markov", markov, CHAIN, dict(steps=1, norm=1, history=1)),
    ("markov", markov, CHAIN, dict(steps=3, decay="linear", decay_scale=2.5, norm=0.5, top_n=4,
                                   history_decay="div", session_gap_seconds=GAP)),
]
QUERIES = [([2], [NOW]), ([5, 1, 2, 1], [NOW - 9000, NOW - 5000, NOW - 300, NOW]),
           ([9, 0, 3, 4, 7], [NOW - 400, NOW - 300, NOW - 200, NOW - 100, NOW])]


def numbers(values):
    return ", ".join(repr(v) for v in values)


def json_of(changes):
    parts = []
    for k, v in changes.items():
        text = str(v).lower() if isinstance(v, bool) else f'\\"{v}\\"' if isinstance(v, str) else str(v)
        parts.append(f'\\"{k}\\":{text}')
    return "{" + ",".join(parts) + "}"


print("/* Made by tests/golden/make_sessions.py. */")
print("/* clang-format off */")
print(f"enum {{ GOLDEN_ITEMS = {ITEMS}, GOLDEN_USERS = {USERS}, GOLDEN_QUERIES = {len(QUERIES)} }};")
print(f"static const int64_t golden_now = {NOW};")
print("static const struct { int user, item; int64_t time; } golden_events[] = {")
for e in events:
    print(f"    {{{numbers(e)}}},")
print("};")
print("static const struct { int n; int32_t item[8]; int64_t time[8]; } golden_queries[] = {")
for history, times in QUERIES:
    print(f"    {{{len(history)}, {{{numbers(history)}}}, {{{numbers(times)}}}}},")
print("};")
print("static const struct { const char *model, *params; double score[GOLDEN_QUERIES][GOLDEN_ITEMS]; }")
print("golden_cases[] = {")
for name, fn, base, changes in CASES:
    print(f'    {{"{name}", "{json_of(changes)}", {{')
    for q in QUERIES:
        print(f"        {{{', '.join(f'{s:.9g}' for s in fn(dict(base, **changes), *q))}}},")
    print("    }},")
print("};")
