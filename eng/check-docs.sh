#!/usr/bin/env bash
# Builds the documentation site from docs, the lessons and the API, without the network, into artifacts/site.
# A link to a page, a heading or a member that is not there is an error.
# Usage: eng/check-docs.sh
set -euo pipefail
cd "$(dirname "$0")/.."

dotnet tool restore
rm -rf artifacts/api artifacts/site
dotnet docfx metadata docfx.json --warningsAsErrors
dotnet docfx build docfx.json --warningsAsErrors
for page in index.html docs/index.html docs/course.html api/Microsoft.ML.Generative.html index.json; do
  [[ -s artifacts/site/$page ]] || { echo "The site lacks $page." >&2; exit 1; }
done
echo "$(find artifacts/site -name '*.html' | wc -l) pages are in artifacts/site."
