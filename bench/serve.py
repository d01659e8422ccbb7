"""One run of bench_load against a server of its own: starts it, loads it, ends it; JSON on stdout.

    serve.py BUILD DATA ITEMS [--server akin|echo|none] [--cache SIZE] [--swap SECONDS]
             [-- OPTION of bench_load...]

DATA/serve-ITEMS is made when it is not there: `akin synth` with 60,000 users and 1.5 M ratings, and
`ials` with 64 factors. The store is a new SQLite file in a directory of its own. --swap: every so
many seconds the model is activated anew or rolled back, in turns, while the load goes on. Added to
the load's record: load averages, processor seconds of the server, its peak of memory, swaps. Exit
status 1 if a request or a swap failed. --server none: bench_answers on the same model instead.
"""

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

USERS, EVENTS, FACTORS = 60000, 1500000, 64


def make(akin, root, items):
    """The model file; made once."""
    out = f"{root}/serve-{items}"
    if not os.path.exists(f"{out}/ials.akin"):
        print(f"bench: making {out}", file=sys.stderr)
        synth = ["synth", "--users", USERS, "--items", items, "--events", EVENTS, "--seed", 42]
        for argv in (
            synth + ["-o", out],
            ["prepare", f"{out}/ratings.csv", "--items", f"{out}/items.csv"]
            + ["-o", f"{out}/data.akin"],
            ["train", f"{out}/data.akin", "--model", "ials", "--set", f"factors={FACTORS}"]
            + ["--set", "epochs=2", "-o", f"{out}/made.akin"],
        ):
            argv = [akin, *map(str, argv), "--quiet"]
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        os.replace(f"{out}/made.akin", f"{out}/ials.akin")
    return f"{out}/ials.akin"


class Swapper(threading.Thread):
    """Activates the model file and rolls back, in turns; remembers what was not 200."""

    def __init__(self, port, model, period):
        super().__init__()
        self.port, self.model, self.period = port, model, period
        self.over = threading.Event()
        self.swaps, self.failed = 0, []

    def run(self):
        while not self.over.wait(self.period):
            verb, body = ("activate", {"path": self.model}) if self.swaps % 2 == 0 else (
                "rollback", {})
            c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                c.request("POST", f"/v1/models/ials:{verb}", json.dumps(body),
                          {"Content-Type": "application/json"})
                answer = c.getresponse()
                text = answer.read().decode(errors="replace")
                if answer.status != 200:
                    self.failed.append(f"{verb}: {answer.status} {text[:200]}")
            except OSError as e:
                self.failed.append(f"{verb}: {e!r}")
            c.close()
            self.swaps += 1


def usage(pid):
    """Processor seconds and the peak of memory, from /proc."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), peak * 1024


def measure(o, model, store):
    if o.server == "echo":
        argv = [f"{o.build}/bench/bench_echo"]
    else:
        argv = [f"{o.build}/akin", "serve", "--listen", "127.0.0.1:0", "--model", f"ials={model}"]
        argv += ["--store", f"sqlite:{store}/bench.db", "--cache_bytes", o.cache, "--quiet"]
    server = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    swapper = None
    try:
        port = int(server.stdout.readline().strip().rsplit(":", 1)[1])
        if o.swap:
            swapper = Swapper(port, model, o.swap)
            swapper.start()
        before = os.getloadavg()
        # ids of events differ from run to run, as they do in life
        load = [f"{o.build}/bench/bench_load", "--port", str(port), "--tag", str(time.time_ns())]
        load += [*o.load, "--items", str(o.items), "--users", str(USERS)]  # the first one counts
        loader = subprocess.Popen(load, stdout=subprocess.PIPE, text=True)
        time.sleep(float(o.load[o.load.index("--warm") + 1]) if "--warm" in o.load else 1)
        cpu = usage(server.pid)[0]  # from about the end of the warm-up on
        out = loader.communicate()[0]
        if not out:
            sys.exit(f"bench: {' '.join(load)}: status {loader.returncode}")
        record = json.loads(out)
        cpu_end, peak = usage(server.pid)
        record.update(server=o.server, items=o.items, cache=o.cache, server_cpu=cpu_end - cpu,
                      server_peak_bytes=peak, load_before=before, load_after=os.getloadavg())
        record["cpu_seconds_per_million"] = (cpu_end - cpu) / max(1, record["answered"]) * 1e6
        if swapper:
            swapper.over.set()
            swapper.join()
            record.update(swaps=swapper.swaps, swaps_failed=swapper.failed)
        return record
    finally:
        if swapper:
            swapper.over.set()
            swapper.join()
        server.terminate()
        server.wait(60)
        server.stdout.close()


def main():
    argv = sys.argv[1:]
    at = argv.index("--") if "--" in argv else len(argv)
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("build")
    p.add_argument("data")
    p.add_argument("items", type=int)
    p.add_argument("--server", default="akin", choices=["akin", "echo", "none"])
    p.add_argument("--cache", default="0")
    p.add_argument("--swap", type=float, default=0)
    o = p.parse_args(argv[:at])
    o.load = argv[at + 1 :]
    model = make(f"{o.build}/akin", o.data, o.items) if o.server != "echo" else None
    if o.server == "none":
        sys.exit(subprocess.run([f"{o.build}/bench/bench_answers", model, *o.load]).returncode)
    store = tempfile.mkdtemp(prefix="bench-serve-", dir=o.data)
    try:
        record = measure(o, model, store)
        print(json.dumps(record))
    finally:
        shutil.rmtree(store)
    if record["errors"] or record.get("swaps_failed"):
        sys.exit(f"bench: {record['errors']} requests failed {record.get('swaps_failed', '')}")


if __name__ == "__main__":
    main()
