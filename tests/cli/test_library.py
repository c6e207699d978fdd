"""`runward library` from publishing to upgrading a copy."""

from __future__ import annotations

from pathlib import Path

from runward.config.yaml12 import load
from tests.cli.conftest import Cli

EXAMPLES = Path(__file__).parents[2] / "examples" / "library"


def test_a_configuration_is_published_copied_and_upgraded(cli: Cli, tmp_path: Path) -> None:
    """The presets of the examples; conflicts are named, nothing is written then, and the exit code says so."""
    for size in ("small", "base", "large"):
        path = EXAMPLES / f"transformer-{size}.yaml"
        made = cli.json("library", "publish", f"team/transformer-{size}", str(path), "--version", "1.0.0")
        assert made["document"] == load(path.read_text())
    name, copy = "team/transformer-base", tmp_path / "configs" / "transformer-base.yaml"
    assert cli.json("library", "use", name)["file"] == "configs/transformer-base.yaml"
    assert cli("library", "use", name).code == 2
    copy.write_text(copy.read_text().replace("dropout_rate: 0.1", "dropout_rate: 0.3"))
    (tmp_path / "new.yaml").write_text(
        (EXAMPLES / "transformer-base.yaml").read_text().replace("rate: 0.1", "rate: 0.2")
    )
    assert cli("library", "publish", name, "new.yaml", "--version", "1.2.0").code == 2
    assert "1.1.0" in cli("library", "publish", name, "new.yaml", "--version", "1.2.0").err
    cli("library", "publish", name, "new.yaml", "--version", "1.1.0", "-m", "more dropout", "--docs", "@new.yaml")
    said = cli("library", "upgrade", str(copy))
    assert said.code == 1
    assert "conflict at dropout_rate: it was 0.1, here it is 0.3, there it is 0.2" in said.out
    assert "1.0.0" in copy.read_text()
    assert cli("library", "upgrade", str(copy), "--mine").code == 0
    assert copy.read_text().startswith(f"# runward library {name} 1.1.0\n")
    assert "already" in cli("library", "upgrade", str(copy)).out
    assert "dropout_rate: 0.1 → 0.2" in cli("library", "diff", name, "1.0.0").out
    shown = cli("library", "show", name).out
    assert "more dropout" in shown
    assert "1.0.0" in shown
    assert cli.json("library", "uses", name) == []


def test_a_folder_becomes_a_template_and_a_target_a_component(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "t" / "a").mkdir(parents=True)
    (tmp_path / "t" / "a" / "b.py").write_text("x = 1\n")
    assert cli.json("library", "publish", "team/t", "t", "--version", "0.1.0")["document"]["files"] == {
        "a/b.py": "x = 1\n"
    }
    assert "a/b.py" in cli("library", "show", "team/t").out
    assert cli("library", "use", "team/t").code == 2
    (tmp_path / "c.yaml").write_text("_target_: a.b\n")
    assert cli.json("library", "publish", "team/c", "c.yaml", "--version", "0.1.0")["kind"] == "component"
    (tmp_path / "bad.yaml").write_text("- 1\n")
    assert cli("library", "publish", "team/d", "bad.yaml", "--version", "0.1.0").code == 2
    (tmp_path / "empty").mkdir()
    assert cli("library", "publish", "team/e", "empty", "--version", "0.1.0").code == 2
