#!/usr/bin/env bash
# Rows per second of 2 processes that exchange gradients while the backward pass computes others, and after it, in turns, and the share of
# the exchange that is hidden.
# Usage: eng/measure-overlap.sh [seconds of each] [rounds]; needs mpirun and a build of benchmarks in Release.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20}
rounds=${2:-3}
program=$(ls benchmarks/bin/Release/*/Microsoft.ML.Generative.Benchmarks.dll | head -1)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 OMP_WAIT_POLICY=PASSIVE

for _ in $(seq "$rounds"); do
    for bucket in 5000000 1000000000; do
        mpirun -n 2 dotnet "$program" distributed --data gpt-10m --threads 1 --seconds "$seconds" --bucket-size "$bucket" | grep rows_per_s
    done
done
