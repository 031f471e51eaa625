#!/usr/bin/env bash
# Makes the folder and runs its checks on this machine's CPU, small ones, with the libtorch of the package that the tests use.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/build.sh" "$work" > "$work/build.log" || { tail -n 30 "$work/build.log"; exit 1; }
tail -n 1 "$work/build.log"
cache=${NUGET_PACKAGES:-$HOME/.nuget/packages}
GENERATIVE_LIBTORCH=$cache/libtorch-cpu-linux-x64/2.10.0/runtimes/linux-x64/native "$work/gpu-check/gpu-check" --small --seconds 180 \
  > "$work/result.jsonl" || { grep -v '"result":"passed"' "$work/result.jsonl"; exit 1; }
tail -n 1 "$work/result.jsonl"
