#!/usr/bin/env bash
# Checks the formatting of the whole solution, which has been built.
# Usage: eng/check-format.sh
set -euo pipefail
cd "$(dirname "$0")/.."

dotnet format GenAI.sln --no-restore --verify-no-changes
