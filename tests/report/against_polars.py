"""Makes the tables of `runner report` anew from the run folders with polars, and compares."""

import json
import tomllib
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal


def flat(table, prefix=""):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


metrics, settings = [], {}
for file in sorted(Path("runs").rglob("metrics.parquet")):
    run = file.parent
    metrics.append(pl.read_parquet(file).with_columns(path=pl.lit(str(run))))
    settings[str(run)] = dict(flat(tomllib.loads((run / "resolved.toml").read_text())))
# A metric that a run has no meaning for is no column of its file.
own = pl.concat(metrics, how="diagonal")

# The table of epochs: the metrics.parquet of all runs, one below the other.
epochs = pl.read_parquet("epochs.parquet")
assert epochs.columns == ["run", "path", *[name for name in own.columns if name != "path"]], epochs.columns
keys = ["path", "epoch"]
assert_frame_equal(epochs.drop("run").sort(keys), own.select(epochs.drop("run").columns).sort(keys), check_exact=True)
assert (epochs["path"].str.split("/").list.last() == epochs["run"]).all()

# The table of runs: the last epoch, the best one, the settings.
runs = pl.read_parquet("runs.parquet").sort("path")
scalars = [name for name in own.columns if name not in ("path", "kl_per_axis", "epoch")]
floats = own.with_columns(pl.col(scalars).cast(pl.Float64))
last = floats.sort(keys).group_by("path", maintain_order=True).last()
assert_frame_equal(runs.select("path", *scalars), last.select("path", *scalars), check_exact=True)
ranked = floats.with_columns(rank=pl.coalesce("val_loss", "loss"))
best = ranked.sort("path", "rank", "epoch").group_by("path", maintain_order=True).first()
assert runs["best_epoch"].to_list() == best["epoch"].to_list()
assert_frame_equal(
    runs.select(pl.col(f"best_{name}").alias(name) for name in scalars), best.select(scalars), check_exact=True
)
totals = own.group_by("path").agg(epochs=pl.len().cast(pl.Int64), total_seconds=pl.col("seconds").sum()).sort("path")
assert_frame_equal(runs.select("path", "epochs", "total_seconds"), totals, rel_tol=1e-12)
for row in runs.iter_rows(named=True):
    for key, value in settings[row["path"]].items():
        found = row[key]
        assert found == value or (isinstance(value, list) and json.loads(found) == value), (key, found, value)

# Means over groups.
axes = pl.DataFrame({"path": list(settings), "axes": [it["model.latent_dim"] for it in settings.values()]})
groups = runs.join(axes, on="path").group_by("axes").agg(
    runs=pl.len().cast(pl.Int64),
    **{
        f"{name}_{ending}": value
        for name in ("loss", "val_loss", "kl_nats")
        for ending, value in {
            "mean": pl.col(name).mean(),
            "std": pl.col(name).std(),
            "stderr": pl.col(name).std() / pl.col(name).count().sqrt(),
            "count": pl.col(name).count().cast(pl.Int64),
        }.items()
    },
).sort("axes").rename({"axes": "model.latent_dim"})
assert_frame_equal(pl.read_csv("means.csv"), groups, rel_tol=1e-12, check_dtypes=False)

# A condition, the order, and what is shown.
summary = json.loads(Path("summary.json").read_text())
expected = runs.filter((pl.col("loss") < 100) & (pl.col("experiment") == "made")).sort("loss")
assert [row["run"] for row in summary] == expected["run"].to_list()
assert [row["loss"] for row in summary] == expected["loss"].to_list()
assert 0 < len(summary) < len(runs)
# Sums of the deviations are no zeros: there was something to compare.
assert groups["loss_std"].min() > 0
print(f"{len(runs)} runs, {len(epochs)} epochs")
