"""Runs the workloads of workloads.py: akin and peers in turns (A B C, A B C, …), a warm-up round
first; medians; bench/results/NAME.json and one table. See README.md for what the numbers mean.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

import workloads
from child import run_child

HERE = os.path.dirname(os.path.abspath(__file__))


def reading(record, key):
    """A number, or the median of a list; also from the first row of akin's table of results."""
    value = record.get(key, record.get("results", [{}])[0].get(key))
    return statistics.median(value) if isinstance(value, list) else value


def ratios(rows, name, peer, key):
    """Peer over akin in the same round: what shares the machine shares the round."""
    pairs = zip(rows[name][key], rows[peer][key])
    return (
        statistics.median(b / a for a, b in pairs)
        if rows[name][key][0] and rows[peer][key][0]
        else None
    )


def cpu_model():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def versions(akin):
    answer = subprocess.run([akin, "--version"], capture_output=True, text=True)
    out = {"akin": answer.stdout.split()[-1]}
    with open(f"{HERE}/requirements.txt") as f:
        out.update(line.strip().split("==") for line in f if "==" in line)
    out["python"] = platform.python_version()
    return out


class Runner:
    def __init__(self, options):
        self.o = options
        self.akin = f"{options.build}/akin"
        self.env = dict(os.environ, OMP_NUM_THREADS=str(options.threads))

    def measure(self, contender):
        record, wall, usage = run_child(contender["argv"], self.env)
        seconds, cpu = wall, usage.ru_utime + usage.ru_stime
        if contender["key"]:
            seconds = reading(record, contender["key"])
            cpu = reading(record, contender["key"].replace("seconds", "cpu_seconds"))
        peak = usage.ru_maxrss * 1024
        return {"seconds": seconds, "cpu_seconds": cpu, "peak_rss": peak, "record": record}

    def rounds(self, work):
        contenders = work["contenders"]
        samples = {c["name"]: [] for c in contenders}
        for r in range(self.o.rounds + 1):
            for c in contenders:
                if sys.stderr.isatty():
                    print(
                        f"\rbench: {work['name']}: round {r} {c['name']:30}",
                        end="",
                        file=sys.stderr,
                    )
                sample = self.measure(c)
                if r > 0:  # round 0 warms the page cache and the clock
                    samples[c["name"]].append(sample)
        if sys.stderr.isatty():
            print("\r" + " " * 78 + "\r", end="", file=sys.stderr)
        return samples

    def summarise(self, work, samples):
        rows = {}
        for c in work["contenders"]:
            s = [x["seconds"] for x in samples[c["name"]]]
            rows[c["name"]] = {
                "is_akin": c["is_akin"],
                "timing": "library" if c["key"] else "process",
                "median": statistics.median(s),
                "min": min(s),
                "max": max(s),
                "seconds": s,
                "cpu_seconds": [x["cpu_seconds"] for x in samples[c["name"]]],
                "peak_rss": max(x["peak_rss"] for x in samples[c["name"]]),
                "argv": [os.path.relpath(a, HERE) if a.startswith(HERE) else a for a in c["argv"]],
                "last": samples[c["name"]][-1]["record"],
            }
        peers = [n for n, r in rows.items() if not r["is_akin"]]
        for name, row in rows.items():
            if not row["is_akin"] or not peers:
                continue
            row["ratios"] = {p: ratios(rows, name, p, "seconds") for p in peers}
            row["cpu_ratios"] = {p: ratios(rows, name, p, "cpu_seconds") for p in peers}
            row["best_peer"] = min(row["ratios"], key=row["ratios"].get)
        return rows

    def before(self, data, model, params, rule):
        """A model file that a workload needs."""
        argv = [self.akin, "train", data, "--model", "ials", "-o", model, "--quiet"]
        argv += [x for k, v in params.items() for x in ("--set", f"{k}={v}")]
        argv += [x for k, v in (rule or {}).items() for x in (f"--{k}", v)]
        run_child(argv, self.env)

    def run(self, work):
        if work.get("before"):
            self.before(*work["before"])
        samples = self.rounds(work)
        out = {
            "name": work["name"],
            "what": work["what"],
            "unit": work["unit"],
            "threads": self.o.threads,
            "rounds": self.o.rounds,
            "cpu": cpu_model(),
            "cores": os.cpu_count(),
            "versions": versions(self.akin),
            "contenders": self.summarise(work, samples),
        }
        if work.get("after"):
            out["quality"] = work["after"](self, out["contenders"])
        os.makedirs(f"{HERE}/results", exist_ok=True)
        with open(f"{HERE}/results/{work['name']}.json", "w") as f:
            json.dump(out, f, indent=1)
            f.write("\n")
        return out


def table(results):
    head = [
        "workload",
        "akin",
        "seconds",
        "min–max",
        "fastest peer",
        "seconds",
        "peer/akin",
        "cpu",
        "MB",
        "peer MB",
        "note",
    ]
    rows = []
    for r in results:
        for name, c in r["contenders"].items():
            if not c["is_akin"]:
                continue
            quality = r.get("quality", {})
            peer = r["contenders"].get(c.get("best_peer"))
            note = quality.get(name, "")
            if peer and quality.get(c["best_peer"]):
                note += f" (peer {quality[c['best_peer']]})"
            spread = f"{c['min']:.3g}–{c['max']:.3g}"
            row = [r["name"], name, f"{c['median']:.3f}", spread]
            if peer:
                cpu = c["cpu_ratios"][c["best_peer"]]
                row += [
                    c["best_peer"],
                    f"{peer['median']:.3f}",
                    f"{c['ratios'][c['best_peer']]:.2f}",
                ]
                row += [f"{cpu:.2f}" if cpu else ""]
            else:
                row += ["", "", "", ""]
            row += [
                f"{c['peak_rss'] / 1e6:.0f}",
                f"{peer['peak_rss'] / 1e6:.0f}" if peer else "",
                note,
            ]
            rows.append(row)
    widths = [max(len(x[i]) for x in [head] + rows) for i in range(len(head))]
    for row in [head] + rows:
        print("  ".join(x.ljust(w) for x, w in zip(row, widths)).rstrip())


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("names", nargs="*")
    p.add_argument("--small", action="store_true")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--list", action="store_true")
    o = p.parse_args()
    o.build = os.environ.get("BENCH_BUILD", f"{HERE}/../build")
    o.events = int(os.environ.get("BENCH_EVENTS", 2000000 if o.small else 20000000))
    o.data = f"{HERE}/data"
    if o.list:
        for w in workloads.all_workloads(o):
            print(f"{w['name']:26} {w['what']}")
        return
    make = [sys.executable, f"{HERE}/data.py", o.data, str(o.events), f"{o.build}/akin"]
    subprocess.run(make, check=True)
    known = [w for w in workloads.all_workloads(o) if all(os.path.exists(f) for f in w["needs"])]
    chosen = [w for w in known if not o.names or any(w["name"].startswith(n) for n in o.names)]
    if not chosen:
        sys.exit(f"bench: no workload {' '.join(o.names)} (bench/run --list)")
    runner = Runner(o)
    results = [runner.run(w) for w in chosen]
    print(
        f"{cpu_model()}, {o.threads} threads, {o.rounds} rounds in turns, {o.events} synthetic rows"
    )
    table(results)


if __name__ == "__main__":
    main()
