#!/usr/bin/env bash
# Builds Telegraf from its published Go module, with just what a comparison needs, into DIR. usage: telegraf.sh [DIR]
set -euo pipefail
dir=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/portolan-peers}
[ -x "$dir/telegraf" ] && { echo "$dir/telegraf"; exit 0; }
mkdir -p "$dir"; dir=$(cd "$dir" && pwd)
command -v go >/dev/null || { echo "telegraf.sh: go is missing" >&2; exit 2; }
cd "$(mktemp -d)"
GOBIN="$dir" go install -tags 'custom,inputs.mqtt_consumer,outputs.influxdb_v2,outputs.discard,outputs.file,parsers.json,parsers.json_v2,parsers.influx' \
  github.com/influxdata/telegraf/cmd/telegraf@v1.37.2
echo "$dir/telegraf"
