"""A child process, its answer, its time and its memory."""

import json
import os
import subprocess
import sys
import tempfile
import time


def run_child(argv, env):
    """Runs to the end; (parsed last line of stdout, wall seconds, usage of the process)."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        child = subprocess.Popen(argv, stdout=out, stderr=errors, env=env)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if child.returncode != 0:
            sys.exit(f"bench: {' '.join(argv)}: {errors.read().decode(errors='replace')[-2000:]}")
        lines = out.read().decode().strip().splitlines()
    record = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    return record, wall, usage
