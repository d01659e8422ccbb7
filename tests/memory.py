"""Memory of the server under an even mixed load: after the warm-up it grows by the events it holds
and by nothing else.

    memory.py [SECONDS]     600 by default; AKIN_PROGRAM, AKIN_LOAD: the program and the generator

Lists, histories, similar items and events at 500 requests a second, ids uniform over 2,000 users.
An event is held beside the models until the next training (docs/http.md): EVENT_BYTES each are taken
off. The first third is warm-up; of the rest, the median of the first fifth is compared with that of
the last one, so that what the machine does meanwhile does not matter."""
import http.client
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

PROGRAM = os.environ.get("AKIN_PROGRAM", "build/akin")
LOAD = os.environ.get("AKIN_LOAD", "build/tests/e2e/e2e_load")
RATE, USERS, ITEMS = 500, 2000, 1000
EVENT_BYTES = 160  # of the history, the counts and their growth by doubling
SLACK = 8 << 20
HOUR = 64 << 20  # at most, of what is left


def akin(*args):
    subprocess.run([PROGRAM, *map(str, args), "--quiet"], check=True, stdout=subprocess.DEVNULL)


def sample(pid, port):
    """(bytes of the process, bytes the engine counts, events held)"""
    with open(f"/proc/{pid}/status") as f:
        rss = int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) * 1024
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    c.request("GET", "/metrics")
    text = c.getresponse().read().decode()
    c.close()
    value = lambda name: int(re.search(rf"^{name} (\d+)$", text, re.M).group(1))
    return rss, value("akin_memory_bytes"), value("akin_overlay_events")


def verdict(samples, seconds):
    """Prints the figures; True if memory was flat. samples: (time, rss, engine, events)"""
    rest = samples[len(samples) // 3:]
    fifth = max(1, len(rest) // 5)
    ends = []
    for part in (rest[:fifth], rest[-fifth:]):
        ends.append([statistics.median(s[i] for s in part) for i in range(4)])
    (t0, rss0, engine0, events0), (t1, rss1, engine1, events1) = ends
    held = (events1 - events0) * EVENT_BYTES
    grown = rss1 - rss0 - held
    most = SLACK + HOUR * (t1 - t0) / 3600
    print(json.dumps({
        "seconds": seconds, "rate": RATE, "rss_after_warm_up": int(rss0), "rss_at_end": int(rss1),
        "engine_after_warm_up": int(engine0), "engine_at_end": int(engine1),
        "events_between": int(events1 - events0), "grown_without_events": int(grown),
        "bytes_an_hour": int(grown / (t1 - t0) * 3600), "most": int(most)}))
    return grown <= most


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600
    with tempfile.TemporaryDirectory() as tmp:
        where = pathlib.Path(tmp)
        akin("synth", "--users", USERS, "--items", ITEMS, "--events", 40000, "-o", where / "s")
        akin("prepare", where / "s/ratings.csv", "--items", where / "s/items.csv",
             "-o", where / "d.akin")
        akin("train", where / "d.akin", "--model", "ials", "--set", "factors=32", "--set",
             "epochs=2", "-o", where / "ials.akin")
        # A small cache is full, and lets entries go, before the warm-up ends.
        server = subprocess.Popen(
            [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--model", f"ials={where}/ials.akin",
             "--store", f"sqlite:{where}/akin.db", "--cache-bytes", "4MiB", "--quiet"],
            stdout=subprocess.PIPE, text=True)
        try:
            port = int(server.stdout.readline().strip().rsplit(":", 1)[1])
            load = subprocess.Popen(
                [LOAD, "--port", str(port), "--rate", str(RATE), "--seconds", str(seconds),
                 "--users", str(USERS), "--items", str(ITEMS), "--connections", "16",
                 "--tag", "memory"], stdout=subprocess.PIPE, text=True)
            samples, start = [], time.monotonic()
            while load.poll() is None:
                samples.append((time.monotonic() - start, *sample(server.pid, port)))
                time.sleep(max(0.2, min(2, seconds / 150)))
            record = json.loads(load.communicate()[0])
        finally:
            server.terminate()
            code = server.wait(60)
            server.stdout.close()
    print(f"{record['answered']} answered, {record['errors']} errors, p99 {record['ms']['p99']} ms")
    good = [verdict(samples, seconds), record["errors"] == 0, code == 0]
    print(f"{sum(good)} passed, {len(good) - sum(good)} failed")
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
