#!/usr/bin/env bash
# Rows per second of one training in 1 process with 1 thread and with 2 threads, and in 2 processes (and 4, for gpt) with 1 thread each; and
# those of a larger one whose gradients are exchanged in the backward pass, and after it. All take turns, so that a drift of the machine
# does not look like a difference. The last lines are medians, with the least and the most.
# Usage: eng/measure-distributed.sh [seconds of each] [rounds]; needs mpirun and a build of benchmarks in Release.
set -euo pipefail
cd "$(dirname "$0")/.."
. eng/mpi-environment.sh
seconds=${1:-20}
rounds=${2:-3}
program=$(ls benchmarks/bin/Release/*/Microsoft.ML.Generative.Benchmarks.dll | head -1)
results=$(mktemp)
trap 'rm -f "$results"' EXIT

measure() {  # name, model, processes, threads, then other options
    # One process has the processors for itself: its threads may wait as they are used to.
    local name=$1 model=$2 processes=$3 threads=$4 launcher=(env -u OMP_WAIT_POLICY)
    shift 4
    [ "$processes" -eq 1 ] || launcher=(mpirun -n "$processes")
    "${launcher[@]}" dotnet "$program" distributed --data "$model" --threads "$threads" --seconds "$seconds" "$@" | grep rows_per_s \
        | sed "s/^/$name /" | tee -a "$results"
}

for _ in $(seq "$rounds"); do
    for model in gpt ddpm vae; do
        measure "$model,_1_process,_1_thread" "$model" 1 1
        measure "$model,_2_processes,_1_thread" "$model" 2 1
        measure "$model,_1_process,_2_threads" "$model" 1 2
    done
    measure "gpt,_4_processes,_1_thread" gpt 4 1
    measure "gpt-10m,_in_the_backward_pass" gpt-10m 2 1 --bucket-size 5000000
    measure "gpt-10m,_after_it" gpt-10m 2 1 --bucket-size 1000000000
done

summarize() {  # field
    echo "$1: median, least, most"
    sed -nE "s/^([^ ]+) .*\"$1\": ?([0-9.]+).*/\1 \2/p" "$results" | sort -k1,1 -k2,2n | awk '
        function show() { if (n) printf "    %s: %s, %s, %s\n", name, values[int((n + 1) / 2)], values[1], values[n] }
        $1 != name { show(); name = $1; n = 0 }
        { values[++n] = $2 }
        END { show() }' | tr _ ' '
}

summarize rows_per_s
summarize exchange_share
summarize hidden_share
