#!/usr/bin/env bash
# Runs every fuzz target for some seconds (60 unless said otherwise), starting from the golden frames and facts.
#   fuzz/run.sh [SECONDS] [TARGET...]
set -eu
cd "$(dirname "$0")"
secs=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- topic fact frame network line mapping route_file route_json route_map
golden=../firmware-schemas/golden

mkdir -p corpus/frame corpus/fact corpus/topic corpus/network corpus/line corpus/mapping
mkdir -p corpus/route_file corpus/route_json corpus/route_map
at=0
for channel in birth telemetry event position status reported ack; do
    for file in "$golden"/valid/$channel-*.json "$golden"/valid/$channel-*.cbor "$golden"/bad/$channel-*.json "$golden"/bad/$channel-*.cbor; do
        case $file in *'*'* | *.expected.json) continue ;; esac
        { printf %s "$at"; cat "$file"; } >"corpus/frame/$(basename "$file")"
    done
    printf 'portolan/v1/acme/WH-01/cold:7/%s' "$channel" >"corpus/topic/$channel"
    at=$((at + 1))
done
while read -r name hex; do
    # shellcheck disable=SC2059 # the format is the bytes
    printf "$(printf %s "$hex" | sed 's/../\\x&/g')" >"corpus/fact/$name"
done <"$golden/facts-v1.txt"
cp seeds/network/* corpus/network/
cp seeds/mapping/* corpus/mapping/
for target in route_file route_json route_map; do cp seeds/$target/* corpus/$target/; done

for target in "$@"; do
    cargo +nightly fuzz run "$target" -- -max_total_time="$secs" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -dict="dict/$target.dict" -print_final_stats=1
done
