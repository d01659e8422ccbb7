#!/bin/sh
# The server against its own OpenAPI document, with schemathesis: every route gets requests that the
# document allows and some that it does not; answers must have a status, a type and a shape that it
# names, and none is a server's error. And against a client that a generator makes of it, after
# openapi-spec-validator has found nothing. tests/openapi.sh [EXAMPLES of a route]. Exit 77: these
# tools are not here; they are fetched once into AKIN_OPENAPI_TOOLS (build/openapi).
set -eu
cd "$(dirname "$0")/.."
tools=${AKIN_OPENAPI_TOOLS:-build/openapi}
case $tools in /*) ;; *) tools=$PWD/$tools ;; esac
examples=${1:-60}
[ -n "${AKIN_PROGRAM:-}" ] || tools/build.sh
akin=${AKIN_PROGRAM:-$PWD/build/akin}
bin=$tools/venv/bin
if ! { "$bin/schemathesis" --version && "$bin/openapi-spec-validator" --help &&
    "$bin/openapi-python-client" --version; } >/dev/null 2>&1; then
    mkdir -p "$tools"
    if ! { python3 -m venv "$tools/venv" && "$bin/pip" install -q 'schemathesis>=4,<5' \
        'openapi-spec-validator>=0.7' 'openapi-python-client>=0.24'; } >"$tools/setup.log" 2>&1; then
        echo "SKIP: schemathesis and a generator cannot be installed (see $tools/setup.log)"
        exit 77
    fi
fi
work=$(mktemp -d)
server=
# shellcheck disable=SC2317
end() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

"$akin" synth --users 200 --items 150 --events 5000 -o "$work/s" --quiet >/dev/null
"$akin" prepare "$work/s/ratings.csv" --items "$work/s/items.csv" -o "$work/d.akin" --quiet >/dev/null
"$akin" train "$work/d.akin" --model popular -o "$work/popular.akin" --quiet >/dev/null
"$akin" train "$work/d.akin" --model ials --set factors=8 --set epochs=2 -o "$work/ials.akin" \
    --quiet >/dev/null
# With a key from the start: a POST /v1/keys among the examples would lock the others out.
"$akin" keys create --store "sqlite:$work/akin.db" --scopes admin --json >"$work/key"
key=$(sed -n 's/.*"key": *"\(akin_[^"]*\)".*/\1/p' "$work/key")
mkfifo "$work/address"
"$akin" serve --model "popular=$work/popular.akin" --model "ials=$work/ials.akin" \
    --store "sqlite:$work/akin.db" --listen 127.0.0.1:0 >"$work/address" 2>"$work/serve.log" &
server=$!
read -r url <"$work/address"
code=0 client=0
here=$PWD
cd "$work"
# The document as a file, and a client of it: before examples have changed what is served.
curl -sf "$url/v1/openapi.json" -o openapi.json || client=1
"$bin/openapi-spec-validator" openapi.json || client=1
PATH="$bin:$PATH" "$bin/openapi-python-client" generate --path openapi.json --meta none \
    --fail-on-warning --output-path akin_client >generated 2>&1 || { client=1 && cat generated; }
"$bin/python" "$here/tests/openapi_client.py" "$work" "$url" "$key" || client=1
[ "$client" = 0 ] && echo "a generated client: every route, and calls of each kind"
printf '[parameters]\n"path.id" = "1"\n"path.name" = "ials"\n' >known.toml
# attempt CONFIG OPTION...: the ids of a run are the examples' own, or those of CONFIG
attempt() {
    config=$1
    shift
    "$bin/schemathesis" --config-file "$config" run "$url/v1/openapi.json" \
        --header "X-Api-Key: $key" --checks "$checks" --phases examples,coverage,fuzzing --seed 1 \
        --no-shrink --continue-on-failure --suppress-health-check all --warnings off \
        --request-timeout 30 "$@" >out 2>&1 || code=1
    tail -"${AKIN_OPENAPI_LINES:-25}" out
}
checks=not_a_server_error,status_code_conformance,content_type_conformance
checks=$checks,response_schema_conformance
: >none.toml
attempt known.toml --exclude-method DELETE --max-examples $((examples / 3))
attempt none.toml --max-examples "$examples"
kill -0 "$server" || code=1
kill "$server"
wait "$server" || code=1
server=
failed=$((code + client))
echo "$((2 - failed)) passed, $failed failed"
[ "$failed" = 0 ]
