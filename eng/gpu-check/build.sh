#!/usr/bin/env bash
# Makes a folder that checks the library on a device of another machine, and an archive of it: the program with .NET and all it needs
# except libtorch, which it takes from GENERATIVE_LIBTORCH or from the PyTorch of python3 there.
# Usage: eng/gpu-check/build.sh OUT     makes OUT/gpu-check and OUT/gpu-check.tar.xz
# There: tar -xJf gpu-check.tar.xz && gpu-check/gpu-check --seconds 450 > result.jsonl
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh OUT}
most=$((60 * 1000 * 1000))

mkdir -p "$out"
rm -rf "$out/gpu-check" "$out/gpu-check.tar.xz"
dotnet publish "$here/GpuCheck.csproj" -c Release -r linux-x64 --self-contained -o "$out/gpu-check" -p:RunAnalyzers=false
find "$out/gpu-check" \( -name '*.xml' -o -name '*.pdb' \) -delete
XZ_OPT="-6 -T0" tar -cJf "$out/gpu-check.tar.xz" -C "$out" gpu-check
size=$(stat -c %s "$out/gpu-check.tar.xz")
((size < most)) || { echo "gpu-check.tar.xz has $size bytes; at most $most are wanted." >&2; exit 1; }
echo "$out/gpu-check.tar.xz: $size bytes"
