#!/usr/bin/env bash
# Runs the programs of samples/Api and compares what each prints with the expected output in the comment at its end.
# Where that comment says that numbers depend on the processor, every number counts as the same.
# Usage: eng/check-api-samples.sh [program.cs ...], all by default
set -euo pipefail
cd "$(dirname "$0")/.."

expected() { # the comment at the end, without its slashes
  sed -n '/^\/\/ Expected output/,$p' "$1" | tail -n +2 | sed -E 's|^// ?||'
}

normalize() { # normalize <program>: masks numbers where they depend on the processor
  if grep -q '^// Expected output (numbers depend on the processor):$' "$1"; then
    sed -E 's/-?[0-9]+([.,][0-9]+)*/#/g'
  else
    cat
  fi
}

[[ $# -gt 0 ]] || set -- samples/Api/*.cs
failed=0
for program in "$@"; do
  started=$SECONDS
  if ! output=$(dotnet run -c Release "$program" < /dev/null); then
    echo "$program failed:"$'\n'"$output" >&2
    failed=$((failed + 1))
  elif ! diff --label "$program: expected" <(expected "$program" | normalize "$program") --label "$program: printed" <(normalize "$program" <<< "$output") -u >&2; then
    failed=$((failed + 1))
  else
    echo "$program: $((SECONDS - started)) s"
  fi
done
[[ $failed == 0 ]] || { echo "$failed of $# programs of samples/Api are not as expected." >&2; exit 1; }
