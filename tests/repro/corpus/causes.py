"""Changes planted in foreign scripts, whose cause ``runward why`` is to name: how often it does, and what it costs.

Each change comes with three that matter to nobody, and with whatever the first run left in the folder.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.repro.corpus.workshop import Workshop, make_data, table


class Planted(NamedTuple):
    """One change, and the names under which it may be given."""

    script: str
    kind: str
    old: str
    new: str
    titles: tuple[str, ...]


class Named(NamedTuple):
    """What was said of it."""

    planted: Planted
    answer: str
    cause: list[str]
    reruns: int
    seconds: float

    @property
    def right(self) -> bool:
        """It was named, and nothing else."""
        return self.answer == "shown" and len(self.cause) == 1 and self.cause[0].startswith(self.planted.titles)

    @property
    def wrong(self) -> bool:
        """Something else was named."""
        return self.answer == "shown" and not self.right


_CODE = {
    "h5_spectrum": ("x[:, 0]", "x[:, 1]"),
    "lgb_binary": ('"num_leaves": 7', '"num_leaves": 5'),
    "np_memmap": ("1e-3", "2e-3"),
    "pd_groupby": (".round(3)", ".round(2)"),
    "pl_parquet": (".mean()", ".max()"),
    "py_random_sqlite": ("25", "30"),
    "py_subprocess": ("range(100)", "range(101)"),
    "set_order": ("[:60]", "[:50]"),
    "sk_argparse_joblib": ("max_iter=15", "max_iter=16"),
    "sk_digits": ("gamma=0.001", "gamma=0.004"),
    "sk_forest": ("n_estimators=30", "n_estimators=31"),
    "sk_gridsearch": ("[2, 3, 4]", "[2, 3, 5]"),
    "sk_kmeans_plot": ("n_clusters=3", "n_clusters=4"),
    "sk_pipeline_pickle": ("max_iter=200", "C=0.5"),
    "sk_ridge_csv": ('alpha=config["alpha"])', 'alpha=2 * config["alpha"])'),
    "sm_glm": ("range(5)", "range(6)"),
    "sm_ols": ("sm.add_constant(data.exog)", "data.exog"),
    "tqdm_sgd": ("0.01", "0.02"),
    "xgb_libsvm": ('"max_depth": 3', '"max_depth": 2'),
    "xgb_sklearn": ("n_estimators=12", "n_estimators=6"),
}
_DATA = {
    "h5_spectrum": "table.h5",
    "lgb_binary": "train.tsv",
    "np_memmap": "table.f8",
    "pd_groupby": "table.csv",
    "pl_parquet": "table.parquet",
    "py_random_sqlite": "table.db",
    "sk_ridge_csv": "table.csv",
    "tqdm_sgd": "table.npy",
    "xgb_libsvm": "train.libsvm",
}
_OTHER = [
    Planted("sk_ridge_csv", "config key", "alpha: 0.5", "alpha: 0.75", ("config config.yaml:1",)),
    Planted("sk_argparse_joblib", "argument", "16", "32", ("config argument 3",)),
    Planted("sk_forest", "seed", "1", "2", ("seed",)),
    Planted("tqdm_sgd", "seed", "1", "2", ("seed",)),
    Planted("set_order", "data file", "word7 ", "verb7 ", ("data data/words.txt",)),
    Planted("py_subprocess", "data file", "word7 ", "word7 more ", ("data data/words.txt",)),
    Planted("np_memmap", "kernel level", "Haswell", "Nehalem", ("variable OPENBLAS_CORETYPE",)),
]


def planted() -> Iterator[Planted]:
    """Every change of the collection."""
    for script, (old, new) in _CODE.items():
        yield Planted(script, "code line", old, new, (f"code {script}.py:",))
    for script, file in _DATA.items():
        yield Planted(script, "data file", "", file, (f"data data/{file}",))
    yield from _OTHER


def explain(change: Planted) -> Named:
    """Run, plant, run again, and ask why."""
    folder = Path(tempfile.mkdtemp(prefix="runward-causes-"))
    try:
        return _explained(Workshop(folder), change)
    finally:
        shutil.rmtree(folder)


def _explained(shop: Workshop, change: Planted) -> Named:
    first, second = "1", "1"
    words: dict[str, list[str]] = {"first": [], "second": []}
    variables: dict[str, dict[str, str]] = {"first": {}, "second": {}}
    if change.kind == "seed":
        first, second = change.old, change.new
    if change.kind == "argument":
        words = {"first": ["--hidden", change.old], "second": ["--hidden", change.new]}
    if change.kind == "kernel level":
        variables = {"first": {"OPENBLAS_CORETYPE": change.old}, "second": {"OPENBLAS_CORETYPE": change.new}}
    name = f"{change.script}.py"
    before = shop.run(name, *words["first"], options=("--seed", first), **variables["first"])
    _plant(shop, change)
    shop.replace("config.yaml", "unused: 1", "unused: 2")
    shop.write("NOTES.md", "nothing\n")
    shop.write("helper.py", "UNUSED = 1\n")
    after = shop.run(name, *words["second"], options=("--seed", second), **variables["second"])
    begun = time.monotonic()
    found = shop.runward("why", before, after, "--level", "basic", "--json").document
    cause = [f"{one['kind']} {one['name']}" for one in found.get("cause", [])]
    return Named(change, found.get("answer", "?"), cause, len(found.get("reruns", [])), time.monotonic() - begun)


def _plant(shop: Workshop, change: Planted) -> None:
    if change.kind == "code line":
        shop.replace(f"{change.script}.py", change.old, change.new)
    elif change.kind == "config key":
        shop.replace("config.yaml", change.old, change.new)
    elif change.kind == "data file" and change.old:
        shop.replace("data/words.txt", change.old, change.new)
    elif change.kind == "data file":
        rows = table()
        for row in rows if change.new.endswith(".db") else rows[:1]:
            row[0] += 0.25
            row[4] = -row[4]
        (shop.folder / "data" / change.new).unlink()
        make_data(shop.folder / "data", rows, only=change.new)
