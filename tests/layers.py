#!/usr/bin/env python3
"""Checks every #include under src/ against docs/layers.txt, file lengths, and model isolation.

Run from the source tree's root; exits 1 and prints file:line for each violation."""
import pathlib
import re
import sys

MAX_LINES = 800
allowed, libraries = {}, {}
for line in pathlib.Path("docs/layers.txt").read_text().splitlines():
    if not line.strip() or line.startswith("#"):
        continue
    name, rooms = line.split(":", 1)
    (libraries if name.startswith("<") else allowed)[name] = rooms.split()

models = re.findall(r"X\((\w+)\)", pathlib.Path("src/models/registry.c").read_text())
problems = []
for path in sorted(pathlib.Path("src").rglob("*.[ch]")):
    room = path.parts[1]
    text = path.read_text()
    if text.count("\n") > MAX_LINES:
        problems.append(f"{path}:1: {text.count(chr(10))} lines (at most {MAX_LINES})")
    if room not in allowed:
        problems.append(f"{path}:1: room '{room}' is not in docs/layers.txt")
        continue
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not match:
            continue
        quote, target = match.groups()
        if quote == "<":
            owners = libraries.get(f"<{target}>")
            here = "/".join(path.parts[1:])
            if owners is not None and room not in owners and here not in owners:
                problems.append(f"{path}:{number}: <{target}> belongs to {' '.join(owners)}")
            continue
        if target == "akin/akin.h":
            continue
        other = target.split("/")[0]
        if other != room and other not in allowed[room]:
            problems.append(f"{path}:{number}: {room} may not include {target}")
        if room == "models" and other == "models":
            stem = target.split("/")[1][:-2]
            owner = next((m for m in models if stem == m or stem.startswith(m + "_")), None)
            if owner and path.stem != owner and not path.stem.startswith(owner + "_"):
                problems.append(f"{path}:{number}: a model may not know another ({target})")

for problem in problems:
    print(problem)
print(f"layers: {len(problems)} problems")
sys.exit(1 if problems else 0)
