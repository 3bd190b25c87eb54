#!/usr/bin/env bash
# Makes the run folders and the sweeps of the fixtures: `make.sh RUNNER OUT`, with the program that is to write them.
# OUT must not be there. Everything is computed on the portable kernel path, which every x86-64 processor has.
set -euo pipefail
program=$(realpath "$1")
mkdir "$2"
out=$(realpath "$2")
lab=$(mktemp -d)
trap 'rm -rf "$lab"' EXIT
mkdir "$lab/bin"
ln -s "$program" "$lab/bin/runner"
export PATH="$lab/bin:$PATH" HOME="$lab"
cd "$lab"

# Small images and networks; an epoch takes some tenths of a second, so that a signal can hit the middle of one.
spec() { # NAME EPOCHS BATCH FIGURES, further tables on stdin
  cat >"$1.toml" <<END
name = "$1"

[data]
dataset = "sprites"
count = 1200
image_size = 8
validation = 0.1

[model]
conv_filters = [3]
hidden = [4]

[training]
epochs = $2
batch_size = $3
device = "cpu"
threads = 1

[figures]
loss = false
manifold = false
clusters = false
reconstructions = $4
samples = false

$(cat)
END
}

# A run as if it had been started on the portable path and killed before its first checkpoint.
begun_on_portable() { # RUN
  sed -i -E 's/("kernel_path": )"[a-z0-9]+"/\1"portable"/; s/^  "status": "[a-z]+"/  "status": "interrupted"/; s/^(  "(why|finished)": ).*/\1null,/' \
    "$1/manifest.json"
  rm -rf "$1/checkpoints" "$1/metrics.parquet" "$1"/figures/*
}

start() { # SPEC: trains it and makes it one of the portable path
  runner "$1.toml" --quiet
  begun_on_portable "$(echo runs/*_"$1"_*)"
}

until_log() { # RUN TEXT
  until grep -qF -- "$2" "$1/log.txt" 2>/dev/null; do sleep 0.01; done
}

# 1. Completed, with a figure.
spec completed 3 40 true <<<'[optimizer.adam]
learning_rate = 3e-3'
start completed
runner resume runs/*_completed_* --quiet

# 2. Stopped by SIGTERM in the middle of epoch 2.
spec stopped 4 2 false <<<'[optimizer.rmsprop]
momentum = 0.5
centered = true
clip_norm = 50.0

[schedule.cosine]
warmup_epochs = 0.5'
start stopped
run=$(echo runs/*_stopped_*)
lines=$(wc -l <"$run/log.txt")
runner resume "$run" --quiet &
until tail -n +$((lines + 1)) "$run/log.txt" | grep -qF 'epoch 1/4'; do sleep 0.01; done
sleep 0.1
kill -TERM $!
wait $! || [ $? = 143 ]
grep -F '"why": "stopped by a signal in epoch' "$run/manifest.json"

# 3. Killed in epoch 3, with the checkpoint of epoch 2; the KL weight has not grown to its end.
spec killed 4 2 false <<<'[loss]
reconstruction = "mse"
kl_reduction = "mean"
kl_warmup_epochs = 2.5

[optimizer.adamw]'
start killed
run=$(echo runs/*_killed_*)
lines=$(wc -l <"$run/log.txt")
runner resume "$run" --quiet &
until tail -n +$((lines + 1)) "$run/log.txt" | grep -qF 'epoch 2/4'; do sleep 0.01; done
sleep 0.05
kill -KILL $!
wait $! || [ $? = 137 ]

# 4. A sweep of four trials: two completed, one stopped, one not begun.
spec half 2 4 false <<<'[optimizer.sgd]

[sweep.over]
"model.latent_dim" = [2, 3]
"optimizer.sgd.learning_rate" = [1e-5, 2e-4]'
runner half.toml --quiet --jobs 1
for run in runs/half.sweep/*/manifest.json; do begun_on_portable "${run%/manifest.json}"; done
last=$(ls -d runs/half.sweep/latent_dim-3_learning_rate-0.0002_*)
third=$(ls -d runs/half.sweep/latent_dim-3_learning_rate-1*_*)
rm -rf "$last"
lines=$(wc -l <"$third/log.txt")
runner sweep run runs/half.sweep --quiet --jobs 1 &
until tail -n +$((lines + 1)) "$third/log.txt" | grep -qF 'epoch 1/2'; do sleep 0.01; done
sleep 0.05
kill -TERM $!
wait $! || [ $? = 143 ]

# 5. A sweep with halving, stopped after the first of two decisions.
spec halved 4 4 false <<<'[sweep.over]
"optimizer.adam.learning_rate" = [1e-6, 1e-4, 1e-3, 5e-3]

[sweep.halving]
factor = 2
metric = "val_loss"'
runner halved.toml --quiet --jobs 1
for run in runs/halved.sweep/*/manifest.json; do begun_on_portable "${run%/manifest.json}"; done
rm runs/halved.sweep/halving.json
runner sweep run runs/halved.sweep --quiet --jobs 1 &
until [ -e runs/halved.sweep/halving.json ]; do sleep 0.01; done
sleep 0.1
kill -TERM $!
wait $! || [ $? = 143 ]

# What tells this machine is taken out; no digest is over any of it. Git keeps no empty folders.
host=$(hostname)
find runs -name manifest.json -o -name lock -o -name '*.txt' | xargs sed -i "s/\b$host\b/somewhere/g"
find runs -name manifest.json | xargs sed -i 's/"os": ".*"/"os": "linux x86_64"/'
sed -i 's/"base": ".*"/"base": "."/' runs/*.sweep/sweep.json
find runs -type d -empty -delete
if grep -rFl "$lab" runs || grep -rwl "$host" runs --include='*.json' --include='*.t*' --include=lock; then
  echo 'the files above still name this machine' >&2
  exit 1
fi
cp -r runs/. "$out"
du -sh "$out"
