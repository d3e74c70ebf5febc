#!/usr/bin/env bash
# Starts the emulator in the background, waits until it listens, and tells its URL to the rest of a CI job.
#   TARGET     virtual environment that azdicom is installed in
#   PORT       port to listen on, 0 for a free one
#   SCENARIOS  scenario files to preload, one a line
#   OPTIONS    more options of `azdicom serve`
set -euo pipefail

folder="${RUNNER_TEMP:-$(mktemp -d)}/azdicom-run"
mkdir -p "$folder"
rm -f "$folder/port"

arguments=(--ephemeral --port "${PORT:-0}" --port-file "$folder/port")
while IFS= read -r scenario; do
    if [ -n "$scenario" ]; then arguments+=(--scenario "$scenario"); fi
done <<<"${SCENARIOS:-}"
read -r -a more <<<"${OPTIONS:-}"

nohup "$TARGET/bin/azdicom" serve "${arguments[@]}" ${more[@]+"${more[@]}"} >"$folder/log" 2>&1 &
server=$!

for _ in $(seq 300); do
    if [ -s "$folder/port" ]; then break; fi
    if ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
done
if [ ! -s "$folder/port" ]; then
    echo "The emulator did not start:" >&2
    cat "$folder/log" >&2
    exit 1
fi

url="http://127.0.0.1:$(cat "$folder/port")"
echo "Listening on $url (process $server, log $folder/log)"
if [ -n "${GITHUB_OUTPUT:-}" ]; then echo "url=$url" >>"$GITHUB_OUTPUT"; fi
if [ -n "${GITHUB_ENV:-}" ]; then echo "AZDICOM_URL=$url" >>"$GITHUB_ENV"; fi
