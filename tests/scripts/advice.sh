#!/bin/sh
# How quick an explained replenishment answer is: vegeta (https://github.com/tsenart/vegeta) asks the demo for one
# position after the other, so many times a second.
#
#   tests/scripts/advice.sh [PORTOLAN] [RATE] [SECONDS]      go install github.com/tsenart/vegeta/v12@v12.12.0
set -eu
portolan=${1:-target/release/portolan}
rate=${2:-2000}
seconds=${3:-20}
url=http://127.0.0.1:18460
targets=$(mktemp)
"$portolan" demo --pace 1 --http 127.0.0.1:18460 --mqtt 127.0.0.1:18883 2>/dev/null &
demo=$!
trap 'kill $demo; wait $demo || true; rm -f "$targets"' EXIT
until curl -sf $url/v1/replenishment/planner | grep -q '"state":"idle","planned_at":"'; do sleep 1; done
curl -sf "$url/v1/forecasts?limit=1000" | python3 -c "
import json, sys
for it in json.load(sys.stdin)['items']:
    print(f\"GET $url/v1/replenishment/advice/{it['site']}/{it['sku']}\")" > "$targets"
vegeta attack -targets="$targets" -rate="$rate" -duration="${seconds}s" | vegeta report | head -8
