#!/usr/bin/env python3
"""Times `runner` beside Keras, PyTorch and JAX on the same models, and prints tables.

    python3 benches/peers/run.py

Installs the frameworks into a folder of its own, builds `runner`, compares what all of them compute, and then
times them in turn, each in a process of its own (benches/README.md says how).
"""
import argparse
import contextlib
import datetime
import json
import os
import platform
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import venv
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REFERENCE = ROOT / "tests/reference/latent1_rmsprop.safetensors"
PICTURES = 1280  # as many as the peers have in memory (common.py)


@dataclass
class Peer:
    title: str
    framework: str  # names the environment, the requirements and the script
    options: list[str] = field(default_factory=list)


PEERS = {
    "keras": Peer("Keras on TensorFlow, `fit`", "keras"),
    "keras-xla": Peer("Keras on TensorFlow, `fit`, `jit_compile`", "keras", ["--xla"]),
    "pytorch": Peer("PyTorch, channels_last", "pytorch"),
    "pytorch-compile": Peer("PyTorch, channels_last, `torch.compile`", "pytorch", ["--compile"]),
    "jax": Peer("JAX, `jit`, own convolution gradients", "jax"),
    "jax-plain": Peer("JAX, `jit`, `lax` convolutions", "jax", ["--plain"]),
}
MODELS = {
    "reference": (ROOT / "experiments/fmnist_vae.toml", "28x28x1, filters 32 and 64, hidden 16, latent 2"),
    "wide": (HERE / "wide.toml", "64x64x3, filters 64, 128 and 256, hidden 256, latent 32"),
    "narrow": (HERE / "narrow.toml", "28x28x1, one filter of 7, hidden 16, latent 1"),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["reference"], metavar="MODEL",
                        help=f"of {', '.join(MODELS)} (default: reference)")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=[n for n in PEERS if n != "jax-plain"],
                        metavar="PEER", help=f"of {', '.join(PEERS)} (default: all but jax-plain)")
    parser.add_argument("--rounds", type=int, default=3, help="times that each is started (default: 3)")
    parser.add_argument("--steps", type=int, default=100, help="timed steps of a peer in a round (default: 100)")
    parser.add_argument("--warm-up", type=int, default=10, help="steps before them (default: 10)")
    parser.add_argument("--threads", type=int, default=cores, help="cores for each (default: all)")
    parser.add_argument("--folder", type=Path, default=ROOT / "target/peers",
                        help="where the frameworks go (default: target/peers)")
    parser.add_argument("--check", type=Path, action="append", metavar="FILE", default=[],
                        help="another reference file that all must agree with")
    parser.add_argument("--check-only", action="store_true", help="compare values, time nothing")
    parser.add_argument("--runner", type=Path, metavar="FILE", help="a `runner` to time instead of building it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")
    parser.add_argument("--lock", type=Path, metavar="FILE",
                        help="hold an exclusive lock on FILE (`flock`) while a process is timed")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one process (default: 600)")
    args = parser.parse_args()
    if not 1 <= args.threads <= cores:
        parser.error(f"--threads {args.threads}: this process may use {cores} cores")
    if args.threads != cores and not hasattr(os, "sched_setaffinity"):
        parser.error("--threads needs a system on which a process can be kept to some cores")
    if min(args.rounds, args.steps) < 1 or args.warm_up < 0:
        parser.error("--rounds and --steps start at 1, --warm-up at 0")
    args.folder = args.folder.resolve()
    return args


def note(text):
    print(text, file=sys.stderr, flush=True)


def install(args, framework):
    """A virtual environment with exactly what the requirements file names; made anew where that file changed."""
    requirements, folder = HERE / "requirements" / f"{framework}.txt", args.folder / framework
    stamp = folder / "installed.txt"
    if not (stamp.exists() and stamp.read_text() == requirements.read_text()):
        note(f"installing {framework} into {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run([python(args, framework), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "--requirement", requirements], check=True, stdout=sys.stderr)
        shutil.copy(requirements, stamp)


def python(args, framework):
    return args.folder / framework / "bin" / "python"


def build():
    """The release build of `runner`: its path."""
    note("building runner")
    command = ["cargo", "build", "--release", "--bin", "runner", "--message-format=json-render-diagnostics"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    made = [message.get("executable") for message in map(json.loads, output.splitlines())]
    return Path([path for path in made if path][-1])


def draw(folder, count, side=64):
    """RGB pictures for `wide.toml`: stripes and a disc each, so that neighbours are alike as in photographs."""
    folder = folder / "drawn"
    last = folder / f"{count - 1:05}.png"
    if last.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        rows = bytearray()
        for y in range(side):
            rows.append(0)  # no filter
            for x in range(side):
                inside = (x - index * 7 % side) ** 2 + (y - index * 13 % side) ** 2 < (8 + index % 17) ** 2
                stripes = (x * (1 + index % 3) + y * (index % 5)) * 4 % 256
                rows += bytes((255 - stripes if inside else stripes, (x + index) * 4 % 256, 255 if inside else y * 3))
        chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
                  (b"IDAT", zlib.compress(bytes(rows), 1)), (b"IEND", b"")]
        (folder / f"{index:05}.png.tmp").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks))
        (folder / f"{index:05}.png.tmp").rename(folder / f"{index:05}.png")


def environment(args):
    """What the children see; the same for all."""
    kept = {name: value for name, value in os.environ.items() if name not in {
        # Where a machine has them set, they choose kernels of an older processor for OpenBLAS, for the sake of old
        # builds of it. They would slow numpy down.
        "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE",
        # Paths and settings of the user's own that would change what is compared.
        "PYTHONPATH", "PYTHONHOME", "XLA_FLAGS", "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "RUNNER_KERNELS"}}
    return kept | {
        "PYTHONNOUSERSITE": "1",
        "OMP_NUM_THREADS": str(args.threads),
        "CUDA_VISIBLE_DEVICES": "",  # the processor is compared
        "KERAS_HOME": str(args.folder / "keras-home"),
        "TORCHINDUCTOR_CACHE_DIR": str(args.folder / "torch-cache"),
    }


class Failed(Exception):
    pass


@dataclass
class Outcome:
    output: str
    peak_mb: float
    first_step_s: float | None  # from the start of the process to the event of that name


def start(args, command):
    """Runs a command to its end on the cores of this comparison."""
    cores = sorted(os.sched_getaffinity(0))[: args.threads] if hasattr(os, "sched_setaffinity") else None

    def pin():
        if cores:
            os.sched_setaffinity(0, cores)

    errors = args.folder / "stderr.txt"
    first_step, lines, begin = None, [], time.monotonic()
    with errors.open("w") as stderr:
        child = subprocess.Popen([str(part) for part in command], cwd=ROOT, env=environment(args), text=True,
                                 stdout=subprocess.PIPE, stderr=stderr, preexec_fn=pin)
        limit = threading.Timer(args.timeout, os.kill, (child.pid, signal.SIGKILL))
        limit.start()
        for line in child.stdout:
            if first_step is None and line.startswith('{"event": "first step"'):
                first_step = time.monotonic() - begin
            else:
                lines.append(line)
        _, status, usage = os.wait4(child.pid, 0)
        limit.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        words = " ".join(map(str, command))
        raise Failed(f"exit code {child.returncode} of {words}\n{''.join(lines)}{errors.read_text()}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return Outcome("".join(lines), usage.ru_maxrss * unit / 1e6, first_step)


def script(args, peer):
    return [python(args, peer.framework), HERE / f"{peer.framework}_vae.py", "--threads", args.threads, *peer.options]


def check(args, runner):
    """Compares what all compute, on the files in the tree and on values of Keras for each model: whether they agree."""
    files, written = [REFERENCE, *args.check], []
    if "keras" in args.peers:
        for name in args.models:
            written.append(args.folder / f"keras_{name}.safetensors")
            start(args, [*script(args, PEERS["keras"]), MODELS[name][0], "--write", written[-1]])
    agree = True
    for file in files + written:
        note(f"values of {file.name}")
        commands = {"runner": [runner, "verify", file]}
        commands |= {name: [*script(args, PEERS[name]), "--check", file] for name in args.peers
                     if (name, file) not in [("keras", own) for own in written]}
        for name, command in commands.items():
            try:
                note(f"  {name:<16} {start(args, command).output.strip().splitlines()[-1]}")
            except Failed as failure:
                note(f"  {name}: {failure}")
                agree = False
    return agree


def measure_runner(args, runner, spec, model):
    command = [runner, "bench", spec, "--threads", args.threads, "--json"]
    if model == "wide":
        command += ["--set", f"data.path={json.dumps(str(args.folder / 'images'))}"]
    outcome = start(args, command)
    found = json.loads(outcome.output)
    return {"step_ms": found["step_ms"], "first_step_s": found["start_to_first_step_s"], "peak_mb": outcome.peak_mb,
            "kernels": found["kernel_path"], "over_floor": found["step_over_floor"]}


def measure(args, runner, model, who):
    """One process: ms a step, start to first step in seconds, peak MB, and what else it says of itself."""
    spec = MODELS[model][0]
    if who == "runner":
        return measure_runner(args, runner, spec, model)
    outcome = start(args, [*script(args, PEERS[who]), spec, "--steps", args.steps, "--warm-up", args.warm_up])
    found = json.loads(outcome.output.strip().splitlines()[-1])
    return found | {"first_step_s": outcome.first_step_s, "peak_mb": outcome.peak_mb}


@contextlib.contextmanager
def locked(path):
    """Holds a lock on a file by the command `flock`; waits for it."""
    if path is None:
        yield
        return
    with subprocess.Popen(["flock", "-x", path, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdin.write(b"held\n")
        holder.stdin.flush()
        if not holder.stdout.readline():
            sys.exit(f"no lock on {path}")
        yield
        holder.stdin.close()


def rounds(args, runner):
    """Every one in turn, round by round; each round starts with another, so that none always follows the same."""
    results = {model: {who: [] for who in ("runner", *args.peers)} for model in args.models}
    for number in range(args.rounds):
        for model in args.models:
            order = list(results[model])
            shift = number % len(order)
            for who in order[shift:] + order[:shift]:
                try:
                    with locked(args.lock):
                        found = measure(args, runner, model, who)
                    note(f"round {number + 1}  {model:<10} {who:<16} {found['step_ms']:8.2f} ms a step")
                except Failed as failure:
                    found = None
                    note(f"round {number + 1}  {model:<10} {who:<16} failed: {failure}")
                results[model][who].append(found)
    return results


def table(results, runner_title):
    """Medians over the rounds; the ratio is the median of the rounds' own ratios."""
    lines = ["| | ms a step | in each round | of `runner`'s time | peak MB | start to first step, s |",
             "| --- | --- | --- | --- | --- | --- |"]
    for who, found in results.items():
        title = runner_title if who == "runner" else PEERS[who].title
        if None in found:
            lines.append(f"| {title} | failed | | | | |")
            continue
        column = {key: [round_[key] for round_ in found] for key in ("step_ms", "peak_mb", "first_step_s")}
        pairs = [a["step_ms"] / b["step_ms"] for a, b in zip(found, results["runner"]) if b is not None]
        lines.append(
            f"| {title} | {median(column['step_ms']):.1f} | {', '.join(f'{t:.1f}' for t in column['step_ms'])} "
            f"| {f'{median(pairs):.2f}' if pairs else ''} | {median(column['peak_mb']):.0f} "
            f"| {median(column['first_step_s']):.2f} |")
    return "\n".join(lines)


def machine(args):
    name, flags = platform.processor() or platform.machine(), ""
    with contextlib.suppress(OSError):
        info = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
        info = {key.strip(): value.strip() for key, value in info.items()}
        name = info.get("model name", name)
        flags = next((f" ({label})" for flag, label in (("avx512f", "AVX-512"), ("avx2", "AVX2, no AVX-512"))
                      if flag in info.get("flags", "").split()), "")
    return f"{args.threads} of {os.cpu_count()} cores of {name}{flags}, {platform.system()} {platform.machine()}"


def git(*command):
    return subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True).stdout.strip()


def main():
    args, load = arguments(), f"{os.getloadavg()[0]:.1f}"
    args.folder.mkdir(parents=True, exist_ok=True)
    for framework in dict.fromkeys(PEERS[name].framework for name in args.peers):
        install(args, framework)
    if "wide" in args.models:
        draw(args.folder / "images", PICTURES)
    runner = args.runner.resolve() if args.runner else build()
    if not check(args, runner):
        sys.exit("the values differ: a comparison of times would say nothing")
    if args.check_only:
        return
    results = rounds(args, runner)
    title = subprocess.run([runner, "--version"], capture_output=True, text=True).stdout.strip()
    version = title.split()[-1]
    if not args.runner:
        version += f" ({git('rev-parse', '--short', 'HEAD')}{', changed' if git('status', '--porcelain') else ''})"
    kernels = {round_["kernels"] for found in results.values() for round_ in found["runner"] if round_}
    title += f", {' and '.join(kernels)} kernels" if kernels else ""
    versions = {"python": platform.python_version(), "runner": version}
    for found in results.values():
        for round_ in (one for list_ in found.values() for one in list_ if one):
            versions |= round_.get("versions", {})
    about = dict(date=datetime.date.today().isoformat(), machine=machine(args), load=load, versions=versions,
                 rounds=args.rounds, steps=args.steps, warm_up=args.warm_up)
    if args.json:
        args.json.write_text(json.dumps(about | {"results": results}, indent=1) + "\n")
    print(f"{about['date']}, {about['machine']}, load {load} at the beginning. Medians of {args.rounds} rounds, "
          f"each of {args.steps} steps after {args.warm_up} of warm-up.\n"
          f"{', '.join(f'{name} {version}' for name, version in versions.items())}.")
    for model, found in results.items():
        print(f"\n**{model}**: {MODELS[model][1]}, batch 64, f32\n\n{table(found, title)}")
    if any(None in found for models in results.values() for found in models.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
