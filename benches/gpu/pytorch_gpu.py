"""The model in PyTorch on a GPU: milliseconds a training step, by batch size and way of running.

    python3 benches/gpu/pytorch_gpu.py experiments/fmnist_vae.toml 64 512 4096

A step is what it is for `runner bench --device cuda`: taking the batch from images on the GPU, noise, forward, backward,
update, and reading the losses. Single precision in all products (no TF32). The network is that of
`benches/peers/pytorch_vae.py`, whose values `benches/peers/run.py --check-only` compares with Keras'.
"""
import json
import pathlib
import statistics
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "peers"))
import common
from pytorch_vae import Vae

WARM_UP, STEPS, IMAGES = 30, 200, 8192


def measure(model, batch, mode):
    torch.manual_seed(0)
    vae = Vae(model).cuda().to(memory_format=torch.channels_last)
    run = vae if mode == "eager" else torch.compile(vae, mode="reduce-overhead")
    optimizer = torch.optim.RMSprop(
        vae.parameters(), model.learning_rate, alpha=model.rho, eps=model.epsilon, foreach=True)
    images = torch.rand(IMAGES, *model.image, device="cuda")
    stamps = []
    while len(stamps) <= WARM_UP + STEPS:
        for rows in torch.randperm(IMAGES, device="cuda").split(batch):
            if len(rows) < batch:
                continue
            x = images[rows].permute(0, 3, 1, 2)
            optimizer.zero_grad()
            losses, _ = run(x, torch.randn(batch, model.latent, device="cuda"))
            losses[0].backward()
            optimizer.step()
            torch.stack([loss.detach() for loss in losses]).tolist()
            stamps.append(time.perf_counter())
    times = [1e3 * (b - a) for a, b in zip(stamps[WARM_UP:], stamps[WARM_UP + 1:])]
    return statistics.median(times), min(times)


def main():
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    model = common.from_spec(sys.argv[1])
    for batch in map(int, sys.argv[2:]):
        for mode in ("eager", "compile with CUDA graphs"):
            median, fastest = measure(model, batch, mode)
            print(json.dumps({
                "peer": f"PyTorch {torch.__version__}, {mode}", "device": torch.cuda.get_device_name(),
                "batch_size": batch, "step_ms": median, "fastest_ms": fastest}), flush=True)


if __name__ == "__main__":
    main()
