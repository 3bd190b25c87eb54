#!/usr/bin/env bash
# bundle.sh DEST: builds `runner` with CUDA and lays out in DEST all that a machine with a GPU needs to try it; no Rust
# there. On that machine: bash DEST/settle.sh
#
# Needs CUDA 13.0 at CUDA_PATH, or what stands in for it where there is no GPU (experiments/README.md, "CUDA").
set -euo pipefail
cd "$(dirname "$0")/../.."
dest=${1:?where to}
cargo build --release --features cuda
tests=$(cargo test --release --features cuda --lib --no-run --message-format=json |
  sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -1)
mkdir -p "$dest/tests"
cp target/release/runner "$dest/"
cp "$tests" "$dest/unit-tests"
strip "$dest/runner" "$dest/unit-tests"
cp -r tests/reference "$dest/tests/"
cp -r experiments "$dest/"
mkdir -p "$dest/benches"
cp -r benches/gpu benches/peers "$dest/benches/"
cp benches/gpu/settle.sh "$dest/"
du -sh "$dest"
