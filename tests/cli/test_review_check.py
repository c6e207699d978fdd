"""``runward review check``: any file of any repository, against a base, by a policy, in CI."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runward.review.checks import ITEMS
from tests.cli.conftest import Cli

GOOD = '''"""Scale numbers.

>>> scale(2.0, 3.0)
6.0
"""


def scale(value: float, factor: float = 1.0) -> float:
    """Multiply.

    Args:
        value: What to scale.
        factor: By how much.
    """
    if factor <= 0:
        raise ValueError(f"factor is {factor}")
    return value * factor
'''
TEST = """import pytest

from scaling import scale


def test_scale():
    assert scale(2.0, 3.0) == 6.0


def test_a_wrong_factor():
    with pytest.raises(ValueError):
        scale(2.0, 0.0)
"""


def _git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "tests").mkdir(parents=True)
    (root / "scaling.py").write_text(GOOD)
    (root / "tests/test_scaling.py").write_text(TEST)
    _git(root, "init", "-q")
    _git(root, "add", "-A")
    _git(root, "commit", "-qm", "first")
    return root


def test_the_document_has_the_fifteen_items_in_their_order(cli: Cli, repository: Path) -> None:
    said = cli("review", "check", str(repository / "scaling.py"), "--repo", str(repository), "--json")
    assert tuple(said.json["items"]) == ITEMS
    for item in said.json["items"].values():
        assert item["verdict"] in ("pass", "fail", "needs_person")
        assert all(set(place) == {"file", "line", "message"} for place in item["evidence"])
    assert set(said.json["safety"]) == {"loads_safely", "no_secrets"}
    verdicts = {name: item["verdict"] for name, item in said.json["items"].items()}
    assert [name for name, verdict in verdicts.items() if verdict == "fail"] == [
        "integration_tests_written",
        "resource_constraints_considered",
    ]


def test_the_repository_is_found_by_itself(cli: Cli, repository: Path) -> None:
    said = cli("review", "check", str(repository / "scaling.py"), "--json")
    assert said.json["items"]["unit_tests_written"]["verdict"] == "pass"
    assert said.json["items"]["unit_tests_written"]["evidence"][0]["file"] == "tests/test_scaling.py"


def test_a_path_may_be_one_of_the_repository(cli: Cli, repository: Path) -> None:
    said = cli("review", "check", "scaling.py", "--repo", str(repository), "--json")
    assert said.json["items"]["unit_tests_written"]["evidence"][0]["file"] == "tests/test_scaling.py"


def test_a_file_in_a_folder_that_is_not_searched_is_judged_too(cli: Cli, repository: Path) -> None:
    (repository / ".hidden").mkdir()
    (repository / ".hidden/helper.py").write_text("x = 1\n")
    (repository / "tests/test_helper.py").write_text("import sys\n\nsys.path\nimport helper\n\n\ndef test_x(): ...\n")
    said = cli("review", "check", str(repository / ".hidden/helper.py"), "--repo", str(repository), "--json")
    assert said.json["items"]["unit_tests_written"]["verdict"] == "fail"


def test_strict_asks_for_the_six_items(cli: Cli, repository: Path) -> None:
    assert cli("review", "check", str(repository / "scaling.py"), "--strict").code == 0
    assert cli("review", "check", str(repository / "scaling.py")).code == 1
    (repository / "tests/test_scaling.py").unlink()
    said = cli("review", "check", str(repository / "scaling.py"), "--strict", "--json")
    assert (said.code, said.json["policy"]["items"]) == (1, ["unit_tests_written"])


def test_what_nobody_can_read_is_undecided(cli: Cli, repository: Path) -> None:
    (repository / "empty.py").write_text("")
    assert cli("review", "check", str(repository / "empty.py")).code == 3
    assert cli("review", "check", str(repository / "empty.py"), "--strict").code == 3
    (repository / "figures").mkdir()
    for more in ((), ("--strict",)):
        said = cli("review", "check", str(repository / "figures"), *more)
        assert (said.code, said.out.strip()) == (3, "nothing to check: no Python file, no notebook")


def test_only_what_is_new_since_the_base_counts(cli: Cli, repository: Path) -> None:
    (repository / "old.py").write_text("def f(a, b):\n    return a\n")
    _git(repository, "add", "-A")
    _git(repository, "commit", "-qm", "second")
    check = ("review", "check", str(repository), "--repo", str(repository), "--base", "HEAD", "--json")
    assert cli(*check).json["items"] == {}
    assert cli(*check).code == 0
    (repository / "old.py").write_text("# moved down\ndef f(a, b):\n    return a\n")
    said = cli(*check)
    assert (said.code, said.json["findings"], said.json["policy"]["passed"]) == (0, [], True)
    (repository / "old.py").write_text("def f(a, b):\n    return a\n\n\ndef g(c):\n    return eval(c)\n")
    said = cli(*check)
    assert (said.code, said.json["policy"]["items"]) == (1, ["loads_safely"])
    assert {finding["line"] for finding in said.json["findings"]} <= {5, 6}
    assert {"type_hints_used", "loads_safely"} <= {finding["rule"] for finding in said.json["findings"]}


def test_a_new_file_is_compared_with_nothing(cli: Cli, repository: Path) -> None:
    (repository / "new.py").write_text("def f(a):\n    return a\n")
    said = cli("review", "check", str(repository), "--repo", str(repository), "--base", "HEAD", "--json")
    assert said.code == 1
    assert "type_hints_used" in said.json["policy"]["items"]
    assert {finding["file"] for finding in said.json["findings"]} == {"new.py"}


@pytest.mark.parametrize("base", ["nonsense", "--output=x", "HEAD~7"])
def test_a_base_that_is_not_there_is_wrong_usage(cli: Cli, repository: Path, base: str) -> None:
    said = cli("review", "check", str(repository), "--repo", str(repository), f"--base={base}")
    assert said.code == 2
    assert base in said.err


def test_a_link_that_leads_out_is_not_followed(cli: Cli, repository: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("token = 1\n")
    (repository / "link.py").symlink_to(tmp_path / "outside.py")
    said = cli("review", "check", str(repository / "link.py"), "--repo", str(repository))
    assert (said.code, "link.py" in said.err) == (2, True)
    said = cli("review", "check", str(repository), "--repo", str(repository), "--json")
    assert "link.py" not in json.dumps(said.json)


def _at_ci(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_ci_gets_a_line_a_finding(cli: Cli, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On GitHub as a command with the path from the checkout; its signs are kept as GitHub undoes them."""
    (repository / "bad, odd.py").write_text("x = eval('1')\nprint(f'50%: {x}')\n")
    asked = ("review", "check", str(repository / "bad, odd.py"), "--repo", str(repository), "--ci")
    _at_ci(monkeypatch)
    assert "bad, odd.py:1: loads_safely: eval() runs text as code" in cli(*asked).out.splitlines()
    _at_ci(monkeypatch, GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(repository))
    said = cli(*asked)
    assert said.code == 1
    wanted = "::error file=bad%2C odd.py,line=1,title=loads_safely::eval() runs text as code"
    assert wanted in said.out.splitlines()
    commands = [line for line in said.out.splitlines() if line.startswith("::")]
    assert {line.split(" ")[0] for line in commands} == {"::error", "::warning"}
    assert any(": " in line.partition(" file=")[2].partition("::")[2] for line in commands)


def test_ci_gets_a_summary(cli: Cli, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On GitHub on the job's page by itself, elsewhere where it is asked for; added to what is there."""
    (repository / "bad.py").write_text("x = eval('1')\n")
    page, own = tmp_path / "page.md", tmp_path / "own.md"
    page.write_text("before\n")
    _at_ci(monkeypatch, GITHUB_STEP_SUMMARY=str(page), GITHUB_WORKSPACE=str(repository))
    asked = ("review", "check", str(repository / "bad.py"), "--repo", str(repository))
    cli(*asked)
    assert page.read_text() == "before\n"
    cli(*asked, "--ci")
    cli(*asked, "--summary", str(own))
    assert page.read_text() == "before\n" + own.read_text()
    assert "no item fails? no: " in own.read_text().splitlines()[0]
    assert any(line.startswith("| ✗ fail | `loads_safely` | ") for line in own.read_text().splitlines())
    assert "- `bad.py:1` loads_safely: eval() runs text as code" in own.read_text().splitlines()


def test_gitlab_gets_a_code_quality_report(cli: Cli, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As GitLab documents it; a finding is the same one when its line moves."""
    file, report = repository / "bad.py", repository / "quality.json"
    file.write_text("x = eval('1')\ny = eval('2')\nx = eval('1')\n")
    _at_ci(monkeypatch, CI_PROJECT_DIR=str(repository))
    asked = ("review", "check", str(file), "--repo", str(repository), "--code-quality", str(report))
    assert cli(*asked).code == 1
    found = json.loads(report.read_text())
    assert all(set(one) == {"description", "check_name", "fingerprint", "severity", "location"} for one in found)
    assert all(one["location"]["path"] == "bad.py" and one["location"]["lines"]["begin"] >= 1 for one in found)
    unsafe = {one["location"]["lines"]["begin"]: one for one in found if one["check_name"] == "loads_safely"}
    assert {one["severity"] for one in unsafe.values()} == {"blocker"}
    assert set(unsafe) == {1, 2, 3}
    assert len({one["fingerprint"] for one in found}) == len(found)
    file.write_text("\n\n" + file.read_text())
    cli(*asked)
    moved = {one["fingerprint"] for one in json.loads(report.read_text()) if one["check_name"] == "loads_safely"}
    assert moved == {one["fingerprint"] for one in unsafe.values()}


def test_settings_of_the_repository_run_nothing(cli: Cli, repository: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "diff.external", "diff.x.textconv", "filter.x.clean"):
        _git(repository, "config", name, str(program))
    (repository / ".gitattributes").write_text("*.py diff=x filter=x\n")
    (repository / "scaling.py").write_text(f"{GOOD}\nopen({str(mark)!r}, 'w')\n")
    said = cli("review", "check", str(repository), "--repo", str(repository), "--base", "HEAD", "--json")
    assert "scaling.py" in {finding["file"] for finding in said.json["findings"]}
    assert not mark.exists()


def test_it_loads_no_workspace() -> None:
    code = (
        "import sys; from runward.cli.main import main\n"
        "try: main(['review', 'check', sys.argv[1], '--json'])\n"
        "except SystemExit: pass\n"
        "loaded = {'runward.workspace', 'runward.face', 'sqlite3', 'numpy'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, __file__], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
