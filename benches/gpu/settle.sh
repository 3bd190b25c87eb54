#!/usr/bin/env bash
# settle.sh: what can only be tried on a GPU, in a folder that `bundle.sh` made. Prints PASS or FAIL for each claim, and
# the times; exit code 0 if nothing failed.
#
# GPU=cpu-dfdx bash settle.sh tries the script itself where there is no GPU.
set -uo pipefail
gpu=${GPU:-cuda}
cd "$(dirname "$0")"
[ -x ./runner ] || { echo "start it in a folder made by benches/gpu/bundle.sh" >&2; exit 2; }

# The CUDA libraries: the toolkit's, or those of Python packages.
dirs=$(ls -d /usr/local/cuda/lib64 /usr/local/cuda-13*/lib64 2>/dev/null)
dirs+=" $(python3 -c 'import importlib.util as u
s = u.find_spec("nvidia")
print(" ".join(p + "/cu13/lib" for p in s.submodule_search_locations) if s else "")' 2>/dev/null)"
for dir in $dirs; do export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$dir; done
if ldd ./runner | grep 'not found'; then echo "libraries are missing; searched $LD_LIBRARY_PATH" >&2; exit 2; fi
nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null

failed=0
claim() { # WHAT COMMAND...
  local what=$1; shift
  if "$@" > last.log 2>&1; then echo "PASS  $what"; else echo "FAIL  $what"; tail -20 last.log; failed=1; fi
}
work=$(mktemp -d); trap 'rm -rf "$work" last.log' EXIT

claim "a GPU answers: every layer, loss and update rule agrees with the processor's kernels within 1e-3" \
  bash -c './unit-tests on_cuda --nocapture > unit.log 2>&1; code=$?; cat unit.log; ! grep -q -e skipped: -e " 0 passed" unit.log && exit $code'
for file in tests/reference/*.safetensors; do
  claim "runner verify $(basename "$file") on the GPU within 1e-3" \
    ./runner verify "$file" --device "$gpu" --tolerance 1e-3
done

# Real images where they are; else drawn ones.
spec=experiments/fmnist_vae.toml
./runner check "$spec" > /dev/null 2>&1 || spec=experiments/quickstart.toml
train() { # DEVICE
  ./runner "$spec" --runs-dir "$work/$1" --device "$1" --quiet --set training.epochs=3 --set figures.loss=false \
    --set figures.manifold=false --set figures.clusters=false --set figures.reconstructions=false --set figures.samples=false
}
claim "three epochs on the processor ($spec)" train cpu
claim "three epochs on the GPU" train "$gpu"
losses() { sed -n 's/.*  epoch [0-9]*\/3  loss \([0-9.]*\).*/\1/p' "$work/$1"/*/log.txt; }
paste <(losses cpu) <(losses "$gpu") > "$work/curve"
echo "      loss on the processor, on the GPU:"; sed 's/^/      /' "$work/curve"
claim "the curves differ by at most 0.5 %" awk '
  { difference = $1 - $2; if (difference < 0) difference = -difference; if (difference > 0.005 * $1) bad = 1 }
  END { exit (NR == 3 && !bad) ? 0 : 1 }' "$work/curve"
claim "a checkpoint of the processor goes on on the GPU" \
  ./runner resume "$work"/cpu/* --epochs 4 --device "$gpu" --allow-other-bits --quiet
claim "and back" ./runner resume "$work"/cpu/* --epochs 5 --device cpu --allow-other-bits --quiet
claim "a learning rate that is too high stops both at the same step" bash -c '
  for device in cpu "$1"; do
    ./runner experiments/quickstart.toml --runs-dir "$0/high-$device" --device $device --quiet \
      --set optimizer.sgd.learning_rate=100 2>&1 | grep -o "[a-z ]* is not finite at step.*" > "$0/$device.why"
  done
  cat "$0/cpu.why" "$0/$1.why"; test -s "$0/cpu.why" && cmp "$0/cpu.why" "$0/$1.why"' "$work" "$gpu"

echo "milliseconds a step, the losses read after each:"
for batch in 64 512 4096; do
  ./runner bench "$spec" --device "$gpu" --seconds 5 --json --set training.batch_size=$batch |
    sed -n 's/.*"batch_size":\([0-9]*\),"step_ms":\([0-9.]*\).*/runner, batch \1: \2/p'
done
if python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
  python3 benches/gpu/pytorch_gpu.py "$spec" 64 512 4096
else
  echo "no PyTorch that sees the GPU: nothing to compare with"
fi
exit $failed
