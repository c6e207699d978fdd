"""A backup from before an erasure is put back: the person stays forgotten."""

from __future__ import annotations

import contextlib
from pathlib import Path

from runward.privacy import ledger
from runward.workspace import open_folder
from tests.cli.conftest import Cli
from tests.privacy.conftest import files_below, traces
from tests.privacy.planted import LOGIN, NAME, WORDS, plant
from tests.privacy.test_erasure import erase


def test_a_backup_from_before_follows_the_ledger(cli: Cli, folder: Path, tmp_path: Path) -> None:
    """The ledger names nobody; with it the person is erased again under the same pseudonym, and no byte is left."""
    with contextlib.closing(open_folder(folder, "owner")) as space:
        planted = plant(space.dispatcher, space)
        place, back = tmp_path / "backup", tmp_path / "back"
        assert cli("backup", str(place)).code == 0
        done = erase(planted)
    kept = ledger.path_of(folder)
    assert traces(WORDS, kept.read_bytes()) == []
    said = cli.json("restore", str(place), "--dir", str(back), "--erasures", str(kept), "--also", LOGIN)
    assert said["erased_again"] == [done.pseudonym]
    assert {name: found for name, data in files_below(back).items() if (found := traces(WORDS, data))} == {}
    with contextlib.closing(open_folder(back, "owner")) as space:
        member = next(one for one in space.governance.list_members() if one.id == planted.member_id)
        assert (member.name, member.disabled) == (done.pseudonym, True)
        assert space.tracking.get_run(planted.run).run.created_by == done.pseudonym
        assert [one.state for one in space.privacy.list_erasures()] == ["done"]
        assert space.governance.prove_audit().holds
    assert ledger.entries(back) == ledger.entries(folder)


def test_a_backup_from_after_needs_nothing(cli: Cli, folder: Path, tmp_path: Path) -> None:
    """It brings its ledger along, and nobody in it is left to erase."""
    with contextlib.closing(open_folder(folder, "owner")) as space:
        done = erase(plant(space.dispatcher, space))
    place, back = tmp_path / "backup", tmp_path / "back"
    assert cli("backup", str(place)).code == 0
    assert cli.json("restore", str(place), "--dir", str(back))["erased_again"] == []
    assert [entry.pseudonym for entry in ledger.entries(back)] == [done.pseudonym]
    assert NAME not in str(files_below(place))
