"""The fifteen items on whole scripts in the styles of research code, each with the verdict of a careful reader."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from runward.review.checks import ITEMS, CodeReport, check_code
from runward.review.code.style import find_ruff
from runward.review.code.tree import folder_tree
from runward.review.model import CheckResult, Verdict

CORPUS = Path(__file__).parent / "corpus"
VERDICTS = {"p": Verdict.PASS, "f": Verdict.FAIL, "n": Verdict.NEEDS_PERSON}
READERS = {
    # configuration, documentation, tests, performance, standards
    "digits_classifier.py": "fff fpf fpf fpp pff",
    "cartpole_agent.py": "ffp fpf fpf fpp ppf",
    "settings_at_top.py": "fff fpp fff ppp pff",
    "finetune.py": "ppp ppp ppp ppp ppp",
    "forest_study.py": "fff pff fff fff ppf",
    "image_gan.py": "fpf fpf fff ffp ffp",
    "old_perceptron.py": "fff fff fff fnf ffp",
}
"""What a reader says of each item, in the order of the checklist."""
AROUND = {
    "pyproject.toml": "[tool.ruff]\nline-length = 120\n",
    "tests/test_agent.py": """
import subprocess


def test_it_runs():
    subprocess.run("python cartpole_agent.py --total-timesteps 8", shell=True, check=True)
""",
    "tests/test_finetune.py": """
import pytest

import finetune


def test_steps(tmp_path):
    finetune.setup(tmp_path, max_steps=1)


def test_no_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError):
        finetune.setup(tmp_path / "absent")
""",
    ".github/workflows/main.yml": "jobs:\n  all:\n    steps:\n      - run: ./run_examples.sh\n",
    "run_examples.sh": "#!/bin/bash\nset -e\npython digits_classifier.py --epochs 1\n",
    "start.sh": "python settings_at_top.py\n",
}
"""The rest of the repository: a test that runs a script, one that imports, a script of CI, and one that is neither."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    for name, text in AROUND.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for file in CORPUS.iterdir():
        shutil.copy(file, root / file.name.replace(".py2", ".py"))
    return root


def _report(root: Path, *names: str, lint: bool = True) -> CodeReport:
    files = {name: (root / name).read_text() for name in names}
    return check_code(files, {name: name for name in names}, folder_tree(root), lint=lint)


def _by_name(report: CodeReport) -> dict[str, CheckResult]:
    return {result.name: result for result in report.results}


@pytest.mark.parametrize("name", READERS)
def test_a_script_is_judged_as_a_careful_reader_does(repository: Path, name: str) -> None:
    if find_ruff() is None:
        pytest.skip("ruff is not installed")
    found = _by_name(_report(repository, name))
    wanted = dict(zip(ITEMS, (VERDICTS[sign] for sign in READERS[name].replace(" ", "")), strict=True))
    assert {item: found[item].verdict for item in ITEMS} == wanted


@pytest.mark.parametrize("name", READERS)
def test_every_verdict_names_a_file_and_a_line_that_is_there(repository: Path, name: str) -> None:
    lines = len((repository / name).read_text().splitlines())
    for result in _report(repository, name, lint=False).results:
        assert result.evidence, result.name
        assert all(item.file and item.line >= 1 for item in result.evidence)
        assert all(item.line <= lines for item in result.evidence if item.file == name)


def test_several_files_are_as_good_as_the_worst(repository: Path) -> None:
    found = _by_name(_report(repository, "finetune.py", "forest_study.py", lint=False))
    assert found["type_hints_used"].verdict is Verdict.FAIL
    assert {item.file for item in found["type_hints_used"].evidence} == {"forest_study.py"}
    assert found["functions_documented"].verdict is Verdict.PASS


def test_without_a_repository_the_tests_need_a_person() -> None:
    text = (CORPUS / "finetune.py").read_text()
    found = _by_name(check_code({"finetune.py": text}, {}, None, lint=False))
    for item in ("unit_tests_written", "integration_tests_written", "edge_cases_covered", "code_style_consistent"):
        assert found[item].verdict is Verdict.NEEDS_PERSON


def test_a_test_that_only_names_the_file_does_not_reach_it(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("def build(): ...\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_model.py").write_text(
        "# model.py\nimport other\n\n\ndef test_build():\n    other.model()\n"
    )
    found = _by_name(_report(tmp_path, "model.py", lint=False))
    assert found["unit_tests_written"].verdict is Verdict.FAIL
    assert found["integration_tests_written"].verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("test", "statement"),
    [
        ("tests/test_a.py", "from pkg.train import main"),
        ("tests/test_a.py", "from pkg import train"),
        ("tests/test_a.py", "import pkg.train as t"),
        ("tests/test_a.py", "from pkg import fit_model"),
        ("pkg/tests/test_a.py", "from ..train import main"),
        ("pkg/test_a.py", "from .train import main"),
    ],
)
def test_a_test_reaches_a_module_through_the_import_graph(tmp_path: Path, test: str, statement: str) -> None:
    files = {
        "src/pkg/__init__.py": "from pkg.train import fit_model\n",
        "src/pkg/train.py": "def main(): ...\n\n\ndef fit_model(): ...\n",
        test if test.startswith("tests") else f"src/{test}": f"{statement}\n\n\ndef test_it():\n    pass\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert _by_name(_report(tmp_path, "src/pkg/train.py", lint=False))["unit_tests_written"].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("path", "text", "reached"),
    [
        ("tests/run.sh", "cd examples/vae\npython main.py --dry-run\n", True),
        ("tests/run.sh", "cd examples/gan\npython main.py --dry-run\n", False),
        ("tests/run.sh", "# python examples/vae/main.py\n", False),
        (".gitlab-ci.yml", "test:\n  script:\n    - python -m examples.vae.main\n", True),
        ("Makefile", "test:\n\tpython examples/vae/main.py\n", False),
        ("tests/run.sh", "vae() {\n  uv run main.py\n}\n", False),
        ("ci/all.sh", "function examples_vae() {\n  uv run main.py\n}\nrun examples/vae\n", True),
        ("ci/all.sh", "function examples_vae() {\n  uv run main.py\n}\n# run examples/vae\n", False),
        ("tests/test_a.py", "run(['python', 'examples/vae/main.py'])\n", True),
        ("tests/test_a.py", "ENTRY = ROOT / 'examples/vae/main.py'\nsubprocess.run([sys.executable, ENTRY])\n", True),
        ("tests/test_a.py", "text = (ROOT / 'examples/vae/main.py').read_text()\n", False),
        ("tests/test_a.py", '"""Like examples/vae/main.py does."""\n', False),
        ("README.md", "python examples/vae/main.py\n", False),
    ],
)
def test_a_script_reaches_an_entry_by_its_path(tmp_path: Path, path: str, text: str, reached: bool) -> None:
    for name, content in {
        "examples/vae/main.py": "print(1)\n",
        "examples/gan/main.py": "print(2)\n",
        path: text,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    found = _by_name(_report(tmp_path, "examples/vae/main.py", lint=False))["integration_tests_written"]
    assert found.verdict is (Verdict.PASS if reached else Verdict.FAIL)
    assert found.evidence[0].file == (path if reached else "examples/vae/main.py")


def test_a_notebook_is_read_by_its_code_cells() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Study"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "!pip install torch\n", "import torch\n"]},
        {"cell_type": "code", "source": "def load(path):\n    return torch.load('/home/me/model.pt')\n"},
        {"cell_type": "code", "source": "%%bash\nls ("},
    ]
    found = _by_name(check_code({"study.ipynb": json.dumps({"cells": cells})}, {}, None, lint=False))
    place = found["environment_specific_code_avoided"].evidence[0]
    assert place.message.endswith("(cell 2, line 2)")
    assert found["type_hints_used"].verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("name", "text", "verdict"),
    [
        ("broken.py", "def f(:\n", Verdict.FAIL),
        ("data.py", "x = '\0'", Verdict.FAIL),
        ("deep.py", "x = " + "(" * 5000 + ")" * 5000, Verdict.FAIL),
        ("no.ipynb", "[1, 2]", Verdict.FAIL),
        ("empty.py", "\n", Verdict.NEEDS_PERSON),
        ("large.py", "x = 1\n" * 200_000, Verdict.NEEDS_PERSON),
    ],
)
def test_what_cannot_be_read_passes_nothing(name: str, text: str, verdict: Verdict) -> None:
    report = check_code({name: text}, {}, None, lint=False)
    found = _by_name(report)
    assert {found[item].verdict for item in ITEMS} == {verdict}
    assert all(found[item].evidence[0].file == name for item in ITEMS)
    assert ("parses" in found) is (verdict is Verdict.FAIL)
    assert bool(report.findings) is (name != "empty.py")


def test_an_empty_file_beside_others_says_nothing(repository: Path) -> None:
    text = (CORPUS / "finetune.py").read_text()
    found = _by_name(check_code({"__init__.py": "", "finetune.py": text}, {}, None, lint=False))
    assert found["type_hints_used"].verdict is Verdict.PASS


def test_python_2_is_judged_and_does_not_parse(repository: Path) -> None:
    report = _report(repository, "old_perceptron.py", lint=False)
    assert _by_name(report)["parses"].verdict is Verdict.FAIL
    assert [item.line for item in _by_name(report)["naming_conventions_followed"].evidence] == [5]


def test_random_libraries_without_a_seed_are_found(repository: Path) -> None:
    report = _report(repository, "image_gan.py", "cartpole_agent.py", lint=False)
    assert [(f.place.file, f.place.line) for f in report.findings if f.rule == "seeds"] == [("image_gan.py", 19)]


@pytest.mark.parametrize(
    ("item", "good", "bad"),
    [
        ("type_hints_used", "def f(a: int, b: int = 0): ...\n", "def f(a: int, b=0): ...\n"),
        (
            "configuration_validated",
            "def f(rate):\n    if rate < 0:\n        raise ValueError(rate)\n",
            "def f(rate):\n    assert rate > 0\n",
        ),
        ("configuration_validated", "p.add_argument('--a', choices=['x'])\n", "p.add_argument('--a', type=str)\n"),
        (
            "configuration_validated",
            "assert args.a > 0\nassert args.b > 0\n",
            "def f(self):\n    raise NotImplementedError\n",
        ),
        ("environment_specific_code_avoided", "x.cuda() if torch.cuda.is_available() else x\n", "x = net.cuda()\n"),
        (
            "environment_specific_code_avoided",
            "p.add_argument('--data', default='../data')\n",
            "d = MNIST('../data', download=True)\n",
        ),
        (
            "environment_specific_code_avoided",
            "p.add_argument('--data', default='/path/to/images/')\n",
            "p.add_argument('--data', default='/datasets01/images/')\n",
        ),
        ("environment_specific_code_avoided", "url = 'http://127.0.0.1:80'\n", "url = 'tcp://10.1.2.3:23456'\n"),
        (
            "environment_specific_code_avoided",
            "rank = os.environ['RANK']\n",
            "os.environ['CUDA_VISIBLE_DEVICES'] = '1'\n",
        ),
        (
            "environment_specific_code_avoided",
            "open(os.path.join(os.path.dirname(__file__), 'data.csv'))\n",
            "open('data.csv')\n",
        ),
        ("functions_documented", 'def f():\n    """Do."""\n', "def f():\n    # Do.\n    pass\n"),
        (
            "parameters_documented",
            "lr = 0.1  # the rate\nsteps = 10  # in all\nsize = 3  # of a batch\ndepth = 4\n",
            "lr = 0.1\nsteps = 10  # in all\nsize = 3  # of a batch\ndepth = 4\n",
        ),
        (
            "parameters_documented",
            "@dataclass\nclass C:\n    a: int = field(metadata={'help': 'a'})\n",
            "@dataclass\nclass C:\n    a: int = 1\n",
        ),
        ("parameters_documented", "flags.DEFINE_string('a', '', 'the a')\n", "flags.DEFINE_string('a', '', '')\n"),
        (
            "examples_provided",
            '"""Trains.\n\n    $ python train.py --lr 1\n"""\n',
            '"""Trains in python, for example."""\n',
        ),
        ("examples_provided", "# torchrun --nproc 4 train.py\n", "# see the page\n"),
        ("memory_usage_optimized", "import torch\ntorch.autocast()\n", "import torch\nprint('autocast')\n"),
        ("execution_efficient", "import torch\nnet.to(device)\n", "import torch\nfor b in c:\n    loss.backward()\n"),
        (
            "execution_efficient",
            "import torch\nfor b in c.to(device):\n    loss.backward()\n    if log:\n        print(1)\n",
            "import torch\nfor b in c.to(device):\n    loss.backward()\n    print(1)\n",
        ),
        ("resource_constraints_considered", "p.add_argument('--workers')\n", "p.add_argument('--gamma')\n"),
        ("naming_conventions_followed", "X_train, optimizer_G, W1 = f()\n", "trainLoader = f()\n"),
        (
            "error_handling_implemented",
            "try:\n    f()\nexcept OSError as e:\n    print(e)\n",
            "try:\n    import a\nexcept ImportError:\n    a = None\n",
        ),
        ("error_handling_implemented", "if not p.exists():\n    raise ValueError(p)\n", "assert a, 'no a'\n"),
    ],
)
def test_each_item_tells_good_from_bad(item: str, good: str, bad: str) -> None:
    verdicts = [_by_name(check_code({"x.py": text}, {}, None, lint=False))[item].verdict for text in (good, bad)]
    assert verdicts == [Verdict.PASS, Verdict.FAIL]


@pytest.mark.skipif(find_ruff() is None, reason="ruff is not installed")
@pytest.mark.parametrize(
    ("settings", "text", "verdict"),
    [
        ("", "import os\n\nX = {'a': 1, 'b': os.name}\n", Verdict.PASS),
        ("", "import os\n\nX = {'a':1,'b':os.name}\nY=3\nZ = [ 1 ]\n", Verdict.FAIL),
        ("", "import sys\nimport os\n\nprint(os, sys)\n", Verdict.FAIL),
        ("[tool.ruff.format]\nquote-style = 'single'\n", "X = 'a'\nY = 'b'\nZ = 'c'\n", Verdict.PASS),
        ("[tool.ruff]\nnonsense = 1\n", "X = 'a'\n", Verdict.PASS),
        (
            "[tool.ruff]\nfix = true\nforce-exclude = true\nexclude = ['*.py']\n",
            "import b\nimport a\n\nprint(a,b)\n",
            Verdict.FAIL,
        ),
    ],
)
def test_layout_is_judged_with_the_repositorys_own_settings(
    tmp_path: Path, settings: str, text: str, verdict: Verdict
) -> None:
    (tmp_path / "pyproject.toml").write_text(settings)
    (tmp_path / "x.py").write_text(text)
    assert _by_name(_report(tmp_path, "x.py"))["code_style_consistent"].verdict is verdict
    assert (tmp_path / "x.py").read_text() == text


def test_without_ruff_layout_needs_a_person_unless_it_is_plainly_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runward.review.code.style.find_ruff", lambda: None)
    neat = _by_name(check_code({"x.py": "x = 1\n"}, {}, None))["code_style_consistent"]
    broken = _by_name(check_code({"x.py": "x = 1   \n" * 5}, {}, None))["code_style_consistent"]
    assert (neat.verdict, broken.verdict) == (Verdict.NEEDS_PERSON, Verdict.FAIL)
    assert "runward[review]" in neat.message


def test_a_ruff_that_does_not_answer_passes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runward.review.code.style.find_ruff", lambda: "/bin/false")
    found = _by_name(check_code({"x.py": "x = 1\n"}, {}, None))["code_style_consistent"]
    assert found.verdict is Verdict.NEEDS_PERSON
