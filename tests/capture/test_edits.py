"""Edited packages and builds of libraries, told without reading everything."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from pathlib import Path

import pytest

from runward.tracking.capture.edits import find_edits
from runward.tracking.capture.libraries import build_id, library_builds

OLD = (1_600_000_000, 1_600_000_000)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site-packages with one package of two modules."""
    lines = []
    for name in ("one.py", "two.py"):
        path = tmp_path / "tiny" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"NAME = {name!r}\n")
        os.utime(path, OLD)
        digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")
        lines.append(f"tiny/{name},sha256={digest},{path.stat().st_size}")
    record = tmp_path / "Tiny_Pkg-1.0.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text("\n".join([*lines, "Tiny_Pkg-1.0.dist-info/RECORD,,"]))
    os.utime(record, OLD)
    return tmp_path


def files(site: Path) -> list[str]:
    return [str(path) for path in sorted(site.glob("tiny/*"))] + ["/elsewhere/x.py"]


def test_an_untouched_package_is_as_installed(site: Path) -> None:
    assert find_edits([str(site), ""], files(site)) == []
    assert find_edits([str(site)], files(site), thorough=True) == []


def test_an_edited_file_is_named_with_its_package(site: Path) -> None:
    (site / "tiny/two.py").write_text("NAME = 'edited'\n")
    (found,) = find_edits([str(site)], files(site))
    assert (found.package, found.path) == ("tiny-pkg", "tiny/two.py")


def test_a_file_written_again_as_it_was_is_no_edit(site: Path) -> None:
    (site / "tiny/two.py").write_text("NAME = 'two.py'\n")
    assert find_edits([str(site)], files(site)) == []


@pytest.mark.parametrize("thorough", [False, True])
def test_a_file_that_two_packages_bring_is_an_edit_only_where_it_is_neithers(site: Path, thorough: bool) -> None:
    """As with two versions of NCCL, or OpenCV with and without a display: the one installed last has its file there."""
    (site / "tiny/two.py").write_text("NAME = 'of the other'\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256((site / "tiny/two.py").read_bytes()).digest()).decode().rstrip("=")
    other = site / "other-2.0.dist-info" / "RECORD"
    other.parent.mkdir()
    other.write_text(f"tiny/two.py,sha256={digest},23")
    assert find_edits([str(site)], files(site), thorough=thorough) == []
    os.utime(other, OLD)
    (site / "tiny/two.py").write_text("NAME = 'of nobody'\n")
    found = find_edits([str(site)], files(site), thorough=thorough)
    assert [(edit.package, edit.path) for edit in found] == [("other", "tiny/two.py"), ("tiny-pkg", "tiny/two.py")]


def test_an_edit_under_an_old_date_is_found_by_looking_closely(site: Path) -> None:
    (site / "tiny/two.py").write_text("NAME = 'TWO.py'\n")
    os.utime(site / "tiny/two.py", OLD)
    assert find_edits([str(site)], files(site)) == []
    assert len(find_edits([str(site)], files(site), thorough=True)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads ELF files of a Linux system")
def test_libraries_are_told_by_build_id_or_size(tmp_path: Path) -> None:
    """Those of packages are left to the packages."""
    mapped = [line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libc.so" in line]
    other = tmp_path / "libother.so"
    other.write_bytes(b"not a library")
    found = library_builds([*mapped, str(other), "/gone/libgone.so", "/x/lib/python3/site-packages/a.so"])
    assert found["libother.so"] == "13 bytes"
    assert found["libgone.so"] == "gone"
    assert "a.so" not in found
    assert len(bytes.fromhex(next(build for name, build in found.items() if name.startswith("libc.so")))) == 20


@pytest.mark.parametrize(
    "head", [b"", b"\x7fELF\x02\x01", b"\x7fELF\x02\x01" + b"\xff" * 200, b"\x7fELF\x01\x01" + bytes(90)]
)
def test_what_is_no_library_has_no_build_id(head: bytes) -> None:
    assert build_id(head) == ""
