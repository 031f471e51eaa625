#!/usr/bin/env bash
# Runs the Quickstart, which has been built, and checks that it writes its images, and no control characters into a file.
# Usage: eng/check-quickstart.sh
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dotnet run -c Release --no-build --project samples/Quickstart -- --output "$work" < /dev/null > "$work/log" || { tail -n 20 "$work/log"; exit 1; }
tail -n 12 "$work/log"
for image in loss samples reconstructions latent-space latent-grid; do
  signature=$(head -c 8 "$work/$image.png" | od -An -tx1 | tr -d ' \n')
  [[ $signature == 89504e470d0a1a0a ]] || { echo "$image.png is not a PNG file." >&2; exit 1; }
done
if grep -q $'\r\|\x1b' "$work/log"; then
  echo "The Quickstart writes control characters into a redirected output." >&2
  exit 1
fi
