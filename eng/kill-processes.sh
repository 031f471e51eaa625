#!/usr/bin/env bash
# Kills a random process of a training in two processes at a random moment, again and again. Each time all have to end within the limit,
# and the training that is resumed after the last kill has to end with the weights of an undisturbed one.
# Usage: eng/kill-processes.sh [kills] [limit in seconds] [seed]; needs mpirun and a build of the tests in Release.
set -euo pipefail
cd "$(dirname "$0")/.."
. eng/mpi-environment.sh
kills=${1:-20}
limit=${2:-30}
RANDOM=${3:-1}
program=$(ls tests/InterruptedTraining/bin/Release/*/InterruptedTraining.dll | head -1)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
epochs=300

works() {  # whether any of these processes has not ended
    ps -o stat= -p "$(IFS=,; echo "$*")" | grep -q '^[^Z]'
}

train() {  # file for what the model computes, folder for checkpoints
    mpirun -n 2 dotnet "$program" distributed "$1" train "$2" "$epochs"
}

train "$folder/undisturbed" "$folder/none" > /dev/null 2>&1
killed=0
slowest=0
while [ "$killed" -lt "$kills" ]; do
    (exec mpirun -n 2 dotnet "$program" distributed "$folder/killed" train "$folder/checkpoints" "$epochs") > "$folder/log" 2>&1 &
    launcher=$!
    touch "$folder/start"
    until mapfile -t ranks < <(pgrep -P "$launcher" dotnet); [ "${#ranks[@]}" -eq 2 ]; do
        works "$launcher" || { echo "The training ended by itself."; cat "$folder/log"; exit 1; }
        sleep 0.05
    done
    # One in four is killed while it starts, the others in a step, however long a busy machine takes to get there.
    if [ "$((RANDOM % 4))" -gt 0 ]; then
        until [ -n "$(find "$folder/checkpoints" -newer "$folder/start" -name '*.checkpoint' 2> /dev/null | head -1)" ]; do
            works "$launcher" || { echo "The training ended by itself."; cat "$folder/log"; exit 1; }
            sleep 0.05
        done
    fi
    sleep "0.$(printf %03d "$((RANDOM % 1000))")"
    kill -9 "${ranks[$((RANDOM % 2))]}" 2> /dev/null || { wait "$launcher" || true; continue; }
    start=$(date +%s%N)
    for ((i = 0; i < limit * 20; i++)); do
        works "$launcher" "${ranks[@]}" || break
        sleep 0.05
    done
    if works "$launcher" "${ranks[@]}"; then
        echo "A process was alive $limit seconds after kill $killed."
        exit 1
    fi
    wait "$launcher" && { echo "The training took a killed process for its end."; exit 1; }
    took=$((($(date +%s%N) - start) / 1000000))
    [ "$took" -gt "$slowest" ] && slowest=$took
    killed=$((killed + 1))
done

train "$folder/killed" "$folder/checkpoints" > "$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
for rank in 0 1; do
    cmp "$folder/undisturbed.$rank" "$folder/killed.$rank"
done
echo "$killed kills: all processes ended within $slowest ms, and the weights are those of an undisturbed training."
