#!/usr/bin/env bash
# Rows per second of 1 process with 1 thread, 2 and 4 processes with 1 thread each, and 1 process with 2 threads, in turns.
# Usage: eng/measure-distributed.sh [seconds of each] [rounds]; needs mpirun and a build of benchmarks in Release.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20}
rounds=${2:-3}
program=$(ls benchmarks/bin/Release/*/Microsoft.ML.Generative.Benchmarks.dll | head -1)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 OMP_WAIT_POLICY=PASSIVE

measure() {  # threads, then the launcher
    local threads=$1
    shift
    "$@" dotnet "$program" distributed --data "$model" --threads "$threads" --seconds "$seconds" | grep rows_per_s
}

for model in gpt ddpm vae; do
    for _ in $(seq "$rounds"); do
        measure 1
        measure 1 mpirun -n 2
        measure 1 mpirun -n 4
        measure 2
    done
done
