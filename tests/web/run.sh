#!/bin/sh
# Tests of the page in a real Chromium: tests/web/run.sh [test …]. Exit 77: no browser here.
# AKIN_URL=http://127.0.0.1:8080 runs them against that server (AKIN_KEY: its key, with all scopes),
# else against tests/web/mock.py. AKIN_REPORTS is a demo's folder, whose two reports are looked at.
# AKIN_CHROMIUM names the browser. Playwright and axe-core are fetched once into AKIN_WEB_TOOLS
# (build/web); screenshots are left there.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
tools=${AKIN_WEB_TOOLS:-$root/build/web}
AKIN_CHROMIUM=${AKIN_CHROMIUM:-$(command -v chromium || command -v chromium-browser ||
    command -v google-chrome || true)}
if [ -z "$AKIN_CHROMIUM" ]; then
    echo "SKIP: no Chromium (Debian: apt-get install chromium)"
    exit 77
fi
mkdir -p "$tools/shots"
if ! "$tools/venv/bin/python" -c 'import playwright, axe_playwright_python' 2>/dev/null; then
    if ! { python3 -m venv "$tools/venv" &&
        "$tools/venv/bin/pip" install -q 'playwright>=1.40' axe-playwright-python; } \
        >"$tools/setup.log" 2>&1; then
        echo "SKIP: Playwright cannot be installed (see $tools/setup.log)"
        exit 77
    fi
fi
AKIN_AXE=$("$tools/venv/bin/python" -c 'import axe_playwright_python as a, pathlib
print(pathlib.Path(a.__file__).with_name("axe.min.js"))')
export AKIN_CHROMIUM
export AKIN_SHOTS="$tools/shots"
export AKIN_AXE
exec "$tools/venv/bin/python" "$root/tests/web/test_page.py" "$@"
