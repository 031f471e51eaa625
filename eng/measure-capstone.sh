#!/usr/bin/env bash
# Measures the capstone on a quiet machine: from the command to the page, from there to each room, and each room's first result.
# Prints a table for samples/Module10.Capstone/README.md. Usage: eng/measure-capstone.sh [--quick]
# Where CAPSTONE_MODELS names a folder, the models are kept there.
set -euo pipefail
cd "$(dirname "$0")/.."

port=5098
url=http://127.0.0.1:$port
work=$(mktemp -d)
begun=$(date +%s.%N)
dotnet run -c Release --project samples/Module10.Capstone -- --models "${CAPSTONE_MODELS:-$work/models}" --urls "$url" "$@" > "$work/log" 2>&1 &
run=$!
trap 'kill $run 2> /dev/null; wait $run 2> /dev/null; rm -rf "$work"' EXIT

since() { # since <time>: seconds from then on
  awk -v from="$1" -v to="$(date +%s.%N)" 'BEGIN { printf "%.1f", to - from }'
}

row() { # row <what> <seconds>
  echo "| $1 | $2 s |"
}

first() { # first <what> <path> <body>: the time of a request
  local start
  start=$(date +%s.%N)
  curl -sf -N -b "$work/cookies" -c "$work/cookies" -H "Content-Type: application/json" -d "$3" "$url$2" > "$work/answer"
  grep -q '^event: done' "$work/answer" || { tail -n 3 "$work/answer" >&2; exit 1; }
  row "$1" "$(since "$start")"
}

echo "| what | time |"
echo "|---|---|"
until curl -sf "$url/" > /dev/null; do
  kill -0 $run || { cat "$work/log" >&2; exit 1; }
  sleep 0.2
done
row "command to page, built before or not" "$(since "$begun")"
page=$(date +%s.%N)
left=$(curl -s "$url/api/status" | grep -oE '"name":"[a-z]+"' | cut -d'"' -f4)
while [[ -n $left ]]; do
  sleep 1
  status=$(curl -s "$url/api/status")
  waiting=
  for model in $left; do
    if grep -q "\"name\":\"$model\",\"state\":\"ready\"" <<< "$status"; then
      row "page to the model of $model" "$(since "$page")"
    else
      waiting="$waiting $model"
    fi
  done
  left=${waiting# }
done
first "Art: four images, 20 steps" /api/art/generate '{"prompt": "a red star"}'
first "Art: latent walk" /api/art/walk '{"prompt": "a red circle", "toPrompt": "a blue star"}'
first "Chat: an answer" /api/chat/reply '{"messages": [{"role": "user", "content": "What is the capital of France?"}]}'
grep -A1 '^event: text' "$work/answer" | grep -oE '"text":"[^"]*"' | cut -d'"' -f4 | tr -d '\n' >&2
echo >&2
first "Chat: an adapter of one example" /api/chat/adapters \
  '{"name": "mine", "examples": [{"question": "What is my dog called?", "answer": "Your dog is called Rex."}]}'
first "Chat: an answer with the adapter" /api/chat/reply \
  '{"adapter": "mine", "temperature": 0, "messages": [{"role": "user", "content": "What is my dog called?"}]}'
grep -A1 '^event: text' "$work/answer" | grep -oE '"text":"[^"]*"' | cut -d'"' -f4 | tr -d '\n' >&2
echo >&2
melody='[{"pitch": 67, "quarters": 1}, {"pitch": 71, "quarters": 1}, {"pitch": 74, "quarters": 2}, {"pitch": 69, "quarters": 2},
  {"pitch": 67, "quarters": 2}]'
first "Music: eight bars in four voices" /api/music/compose '{"bars": 8, "hasFourVoices": true}'
piece=$(grep -A1 '^event: piece' "$work/answer" | grep -oE '"number":[0-9]+' | cut -d: -f2)
start=$(date +%s.%N)
curl -sf -b "$work/cookies" "$url/api/music/pieces/$piece/wav" > "$work/piece.wav"
row "Music: its sound" "$(since "$start")"
first "Music: a melody of two bars, harmonized" /api/music/harmonize "{\"notes\": $melody}"
first "Music: a melody continued to eight bars" /api/music/continue "{\"bars\": 8, \"notes\": $melody}"
start=$(date +%s.%N)
head -c 100000 docs/training.md > "$work/text"
curl -sf -N -b "$work/cookies" -c "$work/cookies" -H "Content-Type: text/plain" --data-binary @"$work/text" "$url/api/writer/learn" > "$work/answer"
row "Domain writer: docs/training.md learned" "$(since "$start")"
grep -oE '"perplexity":[0-9.]+' "$work/answer" | cut -d: -f2 | awk 'NR == 1 { before = $1 } END { printf "| its perplexity before and after | %.1f, %.1f |\n", before, $1 }'
