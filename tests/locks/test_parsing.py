"""Lock files of every kind, real and hostile; samples/README.md says which ones the real tool made."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.tracking.locks import parsing
from runward.tracking.locks.model import Lock, LockedPackage
from runward.tracking.locks.names import MAX_BYTES, rank_of
from runward.tracking.locks.parsing import parse

SAMPLES = Path(__file__).parent / "samples"
ROOT = Path(__file__).parents[2]
SIX = [
    "sha256:1e61c37477a1626458e36f7b1d82aa5c9b094fa4802892072e49de9c60c4c926",
    "sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254",
]


def read(name: str) -> Lock:
    return parse(f"some/folder/{name}", (SAMPLES / name).read_bytes())


def found(lock: Lock) -> dict[str, LockedPackage]:
    return {package.name: package for package in lock.packages}


@pytest.mark.parametrize(
    ("name", "kind", "python", "packages"),
    [
        ("uv.lock", "uv", ">=3.11, <3.15", "colorama 0.4.6, idna 3.10, iniconfig 2.1.0, six 1.16.0, snowballstemmer 3.0.1"),
        ("pylock.toml", "pylock", ">=3.11, <3.15", "colorama 0.4.6, iniconfig 2.1.0, six 1.16.0, snowballstemmer 3.0.1"),
        ("poetry.lock", "poetry", ">=3.11,<4.0", "colorama 0.4.6, idna 3.10, iniconfig 2.1.0, six 1.16.0"),
        ("Pipfile.lock", "pipenv", "==3.11.*", "iniconfig 2.1.0, six 1.16.0"),
        ("pdm.lock", "pdm", ">=3.11", "six 1.16.0, snowballstemmer 3.0.1"),
        ("requirements.txt", "requirements", "", "idna 3.10, six 1.16.0"),
        ("uv-requirements.txt", "requirements", "", "colorama 0.4.6, idna 3.10, six 1.16.0"),
        ("conda-lock.yml", "conda-lock", "", "numpy 2.1.0, numpy 2.1.0, pytest 8.3.0, python 3.11.9, six 1.16.0"),
        ("conda-explicit.txt", "conda-explicit", "", "numpy 2.1.0, tzdata 2024b"),
        ("renv.lock", "renv", "", "BH 1.72.0-3, markdown 1.0"),
        ("Manifest.toml", "julia", "", "Dates , JSON 0.21.4"),
        ("Manifest-v1.6.toml", "julia", "", "Dates , JSON 0.21.0"),
        ("gradle.lockfile", "gradle", "", "com.google.guava:guava 32.1.2-jre, org.slf4j:slf4j-api 2.0.9"),
        ("build.sbt.lock", "sbt", "", "org.apache.commons:commons-lang3 3.9"),
        ("lockfile.json", "maven", "", "com.google.code.gson:gson 2.10.1, org.slf4j:slf4j-api 2.0.9"),
        ("Cargo.lock", "cargo", "", "serde 1.0.203"),
        ("package-lock.json", "npm", "", "@scope/b 1.2.3, react 19.0.0"),
    ],
)  # fmt: skip
def test_every_format(name: str, kind: str, python: str, packages: str) -> None:
    """Kind, Python versions, and each package with its version."""
    lock = read(name)
    assert (lock.kind, lock.python) == (kind, python)
    assert ", ".join(sorted(f"{package.name} {package.version}" for package in lock.packages)) == packages
    expected = ["'thing.zip' is no Conda package"] if kind == "conda-explicit" else []
    assert lock.problems == expected


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock", "requirements.txt"])
def test_hashes_are_the_same_whoever_wrote_them(name: str) -> None:
    """Both files of six, as ``sha256:…``."""
    assert found(read(name))["six"].hashes == SIX


def test_hashes_of_others() -> None:
    """Named by their algorithm."""
    assert found(read("renv.lock"))["markdown"].hashes == ["md5:4584a57f565dd7987d59dda3a02cfb41"]
    assert found(read("conda-explicit.txt"))["numpy"].hashes == ["md5:0123456789abcdef0123456789abcdef"]
    assert found(read("build.sbt.lock"))["org.apache.commons:commons-lang3"].hashes[0].startswith("sha1:0122c7")
    assert found(read("lockfile.json"))["org.slf4j:slf4j-api"].hashes == ["sha256:bb"]
    assert found(read("Manifest.toml"))["JSON"].hashes[0].startswith("git-tree-sha1:31e996")


def test_where_a_package_belongs() -> None:
    """Markers, platforms, and what is optional."""
    assert found(read("pylock.toml"))["colorama"].marker == "sys_platform == 'win32'"
    assert found(read("poetry.lock"))["idna"].optional
    assert not found(read("poetry.lock"))["iniconfig"].optional
    assert found(read("Pipfile.lock"))["iniconfig"].optional
    assert found(read("pdm.lock"))["snowballstemmer"].optional
    conda = read("conda-lock.yml")
    assert {package.platform for package in conda.packages if package.name == "numpy"} == {"linux-64", "osx-arm64"}
    assert {package.ecosystem for package in conda.packages} == {"conda", "python"}


def test_this_repository() -> None:
    """The lock of a real project: a graph that begins at the project."""
    lock = parse("uv.lock", (ROOT / "uv.lock").read_bytes())
    assert len(lock.packages) > 200
    assert lock.roots == ["runward=="]
    assert any(need.name == "msgspec" for need in lock.needs["runward=="])
    assert found(lock)["msgspec"].urls


def test_requirements_by_hand() -> None:
    """What is not pinned is named; a list without hashes is not a complete one."""
    lock = parse(
        "requirements-dev.txt",
        b"-r other.txt\n--index-url https://e.org\nSix==1.16.0  # why\nnumpy>=2\nfoo[bar] == 1.0 ; os_name == 'nt'\n"
        b"own @ https://e.org/own.whl\nwild==2.*\n!!\n",
    )
    assert [(p.name, p.version, p.marker) for p in lock.packages] == [
        ("six", "1.16.0", ""), ("foo", "1.0", "os_name == 'nt'"), ("own", "", ""),
    ]  # fmt: skip
    assert lock.problems == ["'-r other.txt' is not followed", "numpy is not pinned", "wild is not pinned", "'!!' is not understood"]  # fmt: skip
    assert not lock.complete
    assert read("requirements.txt").complete


@pytest.mark.parametrize("name", ["notes.txt", "lock.toml", "package.json", "pylock.a.b.toml"])
def test_other_files_are_no_locks(name: str) -> None:
    """By their names."""
    assert rank_of(name) is None
    assert parse(name, b"six==1").problems


def test_files_that_only_have_the_name() -> None:
    """Are no locks either."""
    assert parse("requirements.txt", b"numpy\nscipy>=1\n").kind == ""
    assert parse("lockfile.json", b'{"hosts": []}').kind == ""


NAMES = [path.name for path in SAMPLES.iterdir() if path.suffix != ".md"]


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize(
    "data",
    [b"", b"\0\xff\xfe" * 100, b"[" * 100_000, b"{" * 100_000, b'{"a":' * 50_000, b"a = [" * 50_000, b"- " * 20_000,
     b"null", b"3", b"[]", b'{"packages": 3, "dependencies": "x", "default": [], "Packages": {"a": 1}, "deps": {"x": 1}}',
     b"package = 3\ndeps = []\nmetadata = 1\npackages = [1, {name = 3}]\n", b"&a [*a, *a]"],
    ids=range(13),
)  # fmt: skip
def test_hostile_content_is_a_problem_or_nothing(name: str, data: bytes) -> None:
    """Empty, binary, deep, truncated, or of another shape: no exception, no package."""
    lock = parse(name, data)
    assert lock.packages == []
    assert lock.problems or lock.kind == ""


@pytest.mark.parametrize("name", sorted(NAMES))
def test_truncated_anywhere(name: str) -> None:
    """A file that ends early never raises."""
    data = (SAMPLES / name).read_bytes()
    for end in range(0, len(data), max(1, len(data) // 40)):
        parse(name, data[:end])


@given(st.sampled_from(sorted(NAMES)), st.binary(max_size=300), st.integers(0, 2000))
def test_garbage_inside(name: str, noise: bytes, at: int) -> None:
    """Noise written into a real file never raises."""
    data = (SAMPLES / name).read_bytes()
    lock = parse(name, data[:at] + noise + data[at + len(noise) :])
    assert isinstance(lock, Lock)


BOMB = "a: &a0 {x: 1}\n" + "".join(f"b{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("uv.lock", b"a." * 2_000_000 + b"a = 1", "30 parts"),
        ("uv.lock", b"[" + b"a." * 2_000_000 + b"a]", "30 parts"),
        ("poetry.lock", b"x = {a = 1, " + b"b . " * 1_000_000 + b"b = 1}", "30 parts"),
        ("uv.lock", b" " * 400_000 + b"\n" * 400_000, "no package"),
        ("conda-lock.yml", BOMB.encode(), "merge keys"),
        ("conda-lock.yml", b"a: !!python/object/apply:os.system [x]", "cannot be read"),
        ("renv.lock", b'{"a": ' + b"9" * 100_000 + b"}", "cannot be read"),
        ("requirements.txt", b"a" + b" " * 400_000 + b"!", ""),
    ],
    ids=range(8),
)
def test_what_would_take_forever_is_refused(name: str, data: bytes, why: str) -> None:
    """Quadratic keys, tables that double, programs, endless numbers and blanks: each is a problem at once."""
    began = time.process_time()
    lock = parse(name, data)
    assert time.process_time() - began < 5
    assert why in "".join(lock.problems)
    assert lock.packages == []


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large files are not read, and only so many packages are kept."""
    lock = parse("gradle.lockfile", b"a:b:1=c\n" * (MAX_BYTES // 8 + 1))
    assert lock.packages == []
    assert "at most" in lock.problems[0]
    monkeypatch.setattr(parsing, "MAX_PACKAGES", 3)
    lock = parse("gradle.lockfile", b"a:b:1=c\n" * 5)
    assert len(lock.packages) == 3
    assert "first 3 of 5" in lock.problems[0]
