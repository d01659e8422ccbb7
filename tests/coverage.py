"""coverage.py BUILD_DIR: line coverage by room out of what gcov counted (see coverage.sh)."""
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

ROOMS, LEAST, LEAST_FILE = ("core", "data", "rank", "eval", "models"), 90, 85
ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = (ROOT / sys.argv[1]).resolve()


def lines_of(notes):
    """{file: {line: count}} of one object file; one that never ran has no .gcda and counts 0."""
    done = subprocess.run([os.environ.get("GCOV", "gcov"), "--json-format", "--stdout", notes],
                          capture_output=True, text=True, cwd=BUILD)
    files = {}
    for text in done.stdout.splitlines():
        for file in json.loads(text)["files"]:
            name = os.path.relpath(BUILD / file["file"], ROOT)
            if name.startswith("src/"):
                counts = files.setdefault(name, {})
                for line in file["lines"]:
                    number = line["line_number"]
                    counts[number] = max(counts.get(number, 0), line["count"])
    return files


def main():
    # The rooms' object files; headers' inline functions count once, wherever they ran.
    notes = sorted(str(path) for path in BUILD.glob("src/**/*.gcno"))
    merged = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for files in pool.map(lines_of, notes):
            for name, counts in files.items():
                into = merged.setdefault(name, {})
                for number, count in counts.items():
                    into[number] = max(into.get(number, 0), count)
    covered, total, low = collections.Counter(), collections.Counter(), []
    for name, counts in merged.items():
        room = name.split("/")[1]
        hit = sum(count > 0 for count in counts.values())
        covered[room] += hit
        total[room] += len(counts)
        if 100 * hit < LEAST_FILE * len(counts):
            missed = sorted(number for number, count in counts.items() if count == 0)
            low.append((hit / len(counts), len(counts), name, missed))
    for share, lines, name, missed in sorted(low):
        print(f"low  {100 * share:5.1f} % of {lines:4} lines  {name}: "
              f"{' '.join(map(str, missed[:12]))}{' …' if len(missed) > 12 else ''}")
    failed = 0
    for room in sorted(set(total) | set(ROOMS)):
        share = 100 * covered[room] / total[room] if total[room] else 0
        word = ""
        if room in ROOMS:
            word = " ok" if share >= LEAST else f" FAILED, at least {LEAST} %"
            failed += share < LEAST
        print(f"coverage {room:8} {share:5.1f} % of {total[room]} lines{word}")
    print(f"{len(ROOMS) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
