#!/bin/sh
# Remake the embedded model: train (or resume), export and verify, write the data beside it, measure it.
set -eu
hours=${1:-1.2}
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$root/build/organism/run
export PYTHONPATH="$root/tools"
cd "$root"
python -m organism.train --folder "$folder" --hours "$hours"
mkdir -p build/organism/export
python -m organism.verify --checkpoint "$folder/checkpoint.pt" --tokenizer "$folder/tokenizer.json" --folder build/organism/export
cp build/organism/export/organism-q8_0.gguf pysteer/demo/organism-q8_0.gguf
python -m organism.demo_data --output pysteer/demo
python -m organism.acceptance --model pysteer/demo/organism-q8_0.gguf --also build/organism/export/organism-q4_0.gguf \
    --card docs/model-organism.md --results build/organism/acceptance.json --losses "$folder/losses.jsonl"
