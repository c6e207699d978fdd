"""Foreign scripts, rerun as they are and after planted changes: the right verdict, and what changed by its name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.extras import needs, needs_torch
from tests.repro.corpus.workshop import GROUPS, Workshop, needed, scripts

pytestmark = pytest.mark.slow
KEYS = ["run", "verdict", "level", "result", "inputs", "cause", "unchecked", "certificate"]
NATIVE = {
    "h5_spectrum": "data/table.h5",
    "lgb_binary": "data/train.tsv",
    "pl_parquet": "data/table.parquet",
    "py_subprocess": "data/words.txt",
    "xgb_libsvm": "data/train.libsvm",
}
"""What only the shim can see."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """One workshop for scripts that nobody changes."""
    return Workshop(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """A workshop to plant changes in."""
    return Workshop(tmp_path)


def require(*modules: str) -> None:
    """Skip, or fail in CI, where a library is missing."""
    for module in modules:
        needs_torch(module) if module == "torch" else needs(module, GROUPS.get(module, "frameworks"))


@pytest.mark.parametrize("script", scripts())
def test_a_script_that_knows_nothing_of_us_is_reproduced(shared: Workshop, script: str) -> None:
    """Unedited and unseeded, it reaches Basic; its data files are found whoever reads them."""
    require(*needed(script))
    answer = shared.verify(shared.run(f"{script}.py"))
    found = answer.document
    assert list(found) == KEYS
    assert (answer.code, found["verdict"], found["level"]) == (0, "reproduced", "basic"), found["result"]
    assert found["result"]["status"] == "identical"
    if script in NATIVE:
        assert NATIVE[script] in {check["name"] for check in found["inputs"] if check["kind"] == "data"}


RIDGE = "sk_ridge_csv.py"


def test_a_changed_data_value_is_named_though_the_printed_score_stays(shop: Workshop) -> None:
    require("sklearn")
    run = shop.run(RIDGE)
    text = (shop.folder / "data/table.csv").read_text()
    cell = text.splitlines()[5].split(",")[0]
    shop.replace("data/table.csv", cell, f"{float(cell) + 0.00001:.6f}")
    answer = shop.verify(run)
    assert (answer.code, answer.document["cause"]) == (1, ["data data/table.csv"])
    assert answer.document["result"]["stdout"]["status"] == "identical"


def test_changed_data_that_changes_no_result_is_no_reproduction(shop: Workshop) -> None:
    shop.write("count.py", "print(len(open('data/words.txt').read().split()))\n")
    run = shop.run("count.py")
    shop.replace("data/words.txt", "word7", "verb7")
    answer = shop.verify(run)
    assert (answer.code, answer.document["verdict"], answer.document["level"]) == (3, "undecided", "none")
    assert answer.document["result"]["status"] == "identical"
    assert answer.document["cause"] == ["data data/words.txt"]


def test_data_that_only_native_code_reads_is_named(shop: Workshop) -> None:
    require("lightgbm")
    run = shop.run("lgb_binary.py")
    first = (shop.folder / "data/train.tsv").read_text().splitlines()[0]
    shop.replace("data/train.tsv", first, ("0" if first[0] == "1" else "1") + first[1:])
    answer = shop.verify(run)
    assert (answer.code, answer.document["cause"]) == (1, ["data data/train.tsv"])


def _code(shop: Workshop) -> str:
    shop.replace(RIDGE, 'alpha=config["alpha"]', 'alpha=2 * config["alpha"]')
    return shop.run(RIDGE, options=("--seed", "1"))


def _config(shop: Workshop) -> str:
    shop.replace("config.yaml", "0.5", "5.0")
    return shop.run(RIDGE, options=("--seed", "1"))


def _threads(shop: Workshop) -> str:
    return shop.run(RIDGE, options=("--seed", "1"), OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")


def _kernel(shop: Workshop) -> str:
    return shop.run(RIDGE, options=("--seed", "1"), OPENBLAS_CORETYPE="Nehalem")


def _seed(shop: Workshop) -> str:
    return shop.run(RIDGE, options=("--seed", "2"))


@pytest.mark.parametrize(
    ("plant", "named"),
    [
        (_code, f"code {RIDGE}"),
        (_config, "config config.yaml: alpha"),
        (_threads, "threads OMP_NUM_THREADS"),
        (_kernel, "variable OPENBLAS_CORETYPE"),
        (_seed, "seed"),
    ],
    ids=["code line", "config key", "threads", "kernel level", "seed"],
)
def test_what_differs_between_two_runs_is_named(shop: Workshop, plant: Callable[[Workshop], str], named: str) -> None:
    """And nothing of another kind is, but what follows from it."""
    require("sklearn")
    first = shop.run(RIDGE, options=("--seed", "1"))
    found = shop.verify(first, "--against", plant(shop)).document
    assert named in found["cause"]
    kinds = {name.split(" ")[0] for name in found["cause"]}
    assert kinds <= {named.split(" ", maxsplit=1)[0], "threads", "kernel", "variable"}, found["cause"]
    assert found["level"] == "none"


def test_a_changed_argument_is_named(shop: Workshop) -> None:
    shop.write("args.py", "import sys\nprint(sys.argv[1:])\n")
    runs = [shop.run("args.py", "--hidden", size, options=("--seed", "1")) for size in ("16", "32")]
    answer = shop.verify(runs[0], "--against", runs[1])
    assert (answer.code, answer.document["cause"]) == (1, ["config --hidden"])


PACKAGE = {
    "tiny/__init__.py": "VALUE = 1\n",
    "tiny-1.0.dist-info/METADATA": "Name: tiny\nVersion: 1.0\n",
    "tiny-1.0.dist-info/RECORD": "tiny/__init__.py,sha256=IXSM2Dp32FAwsPeMVJr6S-n4k-fhrBg6KwXvvvGOK_c,10\n",
}


@pytest.fixture
def with_package(shop: Workshop) -> Workshop:
    """A workshop whose scripts find an installed package beside it."""
    import base64
    import hashlib

    site = shop.folder.parent / "site-packages"
    digest = (
        base64.urlsafe_b64encode(hashlib.sha256(PACKAGE["tiny/__init__.py"].encode()).digest()).decode().rstrip("=")
    )
    for name, text in PACKAGE.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("IXSM2Dp32FAwsPeMVJr6S-n4k-fhrBg6KwXvvvGOK_c", digest))
        os.utime(path, (1_600_000_000, 1_600_000_000))
    shop.env["PYTHONPATH"] = str(site)
    shop.write("uses.py", "import tiny\nprint('value', tiny.VALUE > 0)\n")
    return shop


def test_an_edited_package_is_named_though_the_result_stays(with_package: Workshop) -> None:
    run = with_package.run("uses.py")
    (with_package.folder.parent / "site-packages/tiny/__init__.py").write_text("VALUE = 2\n")
    found = with_package.verify(run).document
    assert (found["cause"], found["level"]) == (["package_content tiny"], "none")
    assert found["result"]["status"] == "identical"


def test_another_version_of_a_package_is_named(with_package: Workshop) -> None:
    run = with_package.run("uses.py")
    site = with_package.folder.parent / "site-packages"
    (site / "tiny-1.0.dist-info").rename(site / "tiny-2.0.dist-info")
    found = with_package.verify(run).document
    assert (found["cause"], found["level"]) == (["package tiny"], "none")


@pytest.mark.parametrize(
    "line",
    [
        "print(os.urandom(4).hex())",
        "print(uuid.uuid4())",
        "open('out.json', 'w').write(json.dumps(os.urandom(4).hex()))",
    ],
    ids=["entropy", "uuid", "file"],
)
def test_what_no_seed_reaches_is_never_called_identical(shop: Workshop, line: str) -> None:
    shop.write("draws.py", f"import json, os, uuid\n{line}\n")
    answer = shop.verify(shop.run("draws.py"))
    assert (answer.code, answer.document["result"]["status"], answer.document["cause"]) == (1, "different", [])


def test_without_a_seed_nothing_is_seeded(shop: Workshop) -> None:
    answer = shop.verify(shop.run("py_random_sqlite.py", options=("--no-seed",)))
    assert (answer.code, answer.document["result"]["status"]) == (1, "different")
    assert "no seed was recorded" in answer.document["result"]["reason"]


def test_a_variable_that_was_asked_for_and_not_recorded_is_unchecked(shop: Workshop) -> None:
    shop.write("asks.py", "import os\nprint(os.environ.get('MY_SCALE', '1'))\n")
    found = shop.verify(shop.run("asks.py", MY_SCALE="3")).document
    assert "variable MY_SCALE" in found["unchecked"]
    assert found["result"]["status"] == "different"
