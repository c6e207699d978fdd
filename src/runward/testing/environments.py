"""What every backend says of the environments of runs and of the lock files that were captured with them."""

from __future__ import annotations

import msgspec
import pytest

from runward.errors import InvalidError, NotFoundError
from runward.testing.worlds import World
from runward.tracking.capture.model import EnvironmentSnapshot, Gpu, MachineSnapshot, Package
from runward.tracking.environments_model import FactDifference, PackageDifference, StoredLock
from runward.tracking.model import CapturePart, NewRun
from runward.workspace import Workspace

_RENV = '{{"R": {{"Version": "4.2.3"}}, "Packages": {{"BH": {{"Package": "BH", "Version": "{}", "Hash": "aa"}}}}}}'


def captured(
    space: Workspace, project: str, name: str, python: str, packages: dict[str, str], files: dict[str, str]
) -> str:
    """A run with a captured environment and tree; returns its id."""
    run = space.tracking.create_run(NewRun(project=project, name=name))
    snapshot = EnvironmentSnapshot(
        python=python,
        implementation="CPython",
        executable="",
        prefix="",
        platform="Linux",
        libraries=["libc.so.6"],
        variables={"LANG": name},
        packages=[Package(name=package, version=version) for package, version in packages.items()],
        digest=f"{python} {packages}",
    )
    entries = [
        {"path": path, "digest": space.files.put_bytes(project, text.encode()), "size": len(text), "mode": "file"}
        for path, text in files.items()
    ]
    gpu = Gpu(name="H100", driver=f"driver of {python}")
    machine = MachineSnapshot(hostname="h", os="Linux", kernel="6", architecture="x86_64", usable_cpus=2, gpus=[gpu])
    documents = {
        "environment": msgspec.json.encode(snapshot),
        "machine": msgspec.json.encode(machine),
        "code": msgspec.json.encode({"files": entries}),
    }
    summary = {"python": python, "packages": packages}
    parts = [
        CapturePart(kind, space.files.put_bytes(project, data), summary if kind == "environment" else {})  # type: ignore[arg-type]
        for kind, data in documents.items()
    ]
    space.tracking.put_captures(run.id, parts)
    return run.id


class EnvironmentsSuite:
    """``environment``, ``lock_content`` and ``environment_differences``."""

    def test_an_environment_and_its_locks(self, world: World) -> None:
        """Packages, facts, and the lock files near the root of the tree."""
        space = world.member()
        files = {
            "requirements.txt": "six==1.16.0 --hash=sha256:ab\nbroken ===\n",
            "analysis/renv.lock": _RENV.format("1.0"),
            "a/b/c/d/uv.lock": "",
            "notes.txt": "six==1",
        }
        run_id = captured(space, world.project, "one", "3.11.7", {"six": "1.16.0"}, files)
        found = space.environments.environment(run_id)
        assert (found.run_id, found.python, found.implementation, found.platform) == (
            run_id,
            "3.11.7",
            "CPython",
            "Linux",
        )
        assert [(package.name, package.version) for package in found.packages] == [("six", "1.16.0")]
        assert [(lock.path, lock.kind) for lock in found.locks] == [
            ("requirements.txt", "requirements"),
            ("analysis/renv.lock", "renv"),
        ]
        assert found.machine == {
            "os": "Linux", "kernel": "6", "architecture": "x86_64", "usable cpus": "2",
            "gpus": "H100 (driver driver of 3.11.7)",
        }  # fmt: skip
        assert (found.libraries, found.variables) == ({"libc.so.6": "loaded"}, {"LANG": "one"})
        content = space.environments.lock_content(run_id, "requirements.txt")
        assert [(p.ecosystem, p.name, p.version, p.hashes) for p in content.packages] == [
            ("python", "six", "1.16.0", ["sha256:ab"])
        ]
        assert content.problems == ["broken is not pinned"]
        assert space.environments.lock_content(run_id, "analysis/renv.lock").packages[0].ecosystem == "r"
        with pytest.raises(NotFoundError, match=r"notes\.txt"):
            space.environments.lock_content(run_id, "notes.txt")

    def test_the_lock_that_was_stored_with_a_run(self, world: World) -> None:
        """How much it holds stands with the environment, its text in the captured document; older runs have none."""
        space = world.member()
        run_id = captured(space, world.project, "one", "3.11.7", {"six": "1.16.0"}, {})
        assert space.environments.environment(run_id).pylock is None
        with pytest.raises(NotFoundError):
            space.files.capture(run_id, "pylock")
        text = msgspec.json.encode({"text": "lock-version = '1.0'"})
        facts = {"packages": 1, "left_out": ["own==1"]}
        digest = space.files.put_bytes(world.project, text)
        space.tracking.put_captures(run_id, [CapturePart("pylock", digest, facts)])
        assert space.environments.environment(run_id).pylock == StoredLock(packages=1, left_out=["own==1"])
        assert space.files.capture(run_id, "pylock") == text
        space.tracking.put_captures(run_id, [CapturePart("pylock", digest, {"packages": "many"})])
        with pytest.raises(InvalidError, match="packages"):
            space.environments.environment(run_id)

    def test_two_environments_differ_by_ecosystem(self, world: World) -> None:
        """What was installed first, then the lock files; equal ones are not read."""
        space = world.member()
        same = {"Cargo.lock": "not toml ["}
        first = captured(
            space,
            world.project,
            "one",
            "3.11.7",
            {"six": "1.16.0", "idna": "3.10"},
            {"renv.lock": _RENV.format("1"), **same},
        )
        second = captured(
            space, world.project, "two", "3.12.0", {"six": "1.17.0"},
            {"renv.lock": _RENV.format("2"), "gradle.lockfile": "a:b:1=c\n", **same},
        )  # fmt: skip
        found = space.environments.environment_differences("one", second)
        assert (found.first, found.second) == (first, second)
        gpus = FactDifference("machine gpus", "H100 (driver driver of 3.11.7)", "H100 (driver driver of 3.12.0)")
        variable = FactDifference("variable LANG", "one", "two")
        assert found.facts == [FactDifference("python", "3.11.7", "3.12.0"), gpus, variable]
        assert found.packages == [
            PackageDifference(ecosystem="python", name="idna", before="3.10", after=""),
            PackageDifference(ecosystem="python", name="six", before="1.16.0", after="1.17.0"),
        ]
        assert [(lock.path, lock.change) for lock in found.locks] == [
            ("gradle.lockfile", "added"),
            ("renv.lock", "modified"),
        ]
        assert found.locks[1].packages == [PackageDifference(ecosystem="r", name="BH", before="1", after="2")]
        nothing = space.environments.environment_differences(first, first)
        assert (nothing.facts, nothing.packages, nothing.locks) == ([], [], [])

    def test_what_was_not_captured_or_is_not_ours(self, world: World) -> None:
        """Nothing captured, a document of another shape, a lock whose bytes lie in another project, a stranger."""
        space, stranger = world.member(), world.outsider()
        bare = world.run(space)
        with pytest.raises(NotFoundError, match="no captured environment"):
            space.environments.environment(bare.id)
        odd = world.run(space)
        document = space.files.put_bytes(world.project, b'{"files": 3}')
        space.tracking.put_captures(
            odd.id, [CapturePart("environment", document, {}), CapturePart("code", document, {})]
        )
        with pytest.raises(InvalidError, match="not what it should be"):
            space.environments.environment(odd.id)
        other = world.new_project()
        secret = space.files.put_bytes(other, f"secret=={world.team}.0".encode())
        thief = world.run(space)
        entries = [{"path": "requirements.txt", "digest": secret, "size": 3, "mode": "file"}]
        tree = space.files.put_bytes(world.project, msgspec.json.encode({"files": entries}))
        space.tracking.put_captures(thief.id, [CapturePart("code", tree, {})])
        content = space.environments.lock_content(thief.id, "requirements.txt")
        assert (content.packages, content.problems) == ([], ["its content is not stored, or too large to be read"])
        with pytest.raises(NotFoundError):
            stranger.environments.lock_content(thief.id, "requirements.txt")
        with pytest.raises(NotFoundError):
            stranger.environments.environment_differences(thief.id, bare.id)

    def test_runs_are_found_by_what_was_installed(self, world: World) -> None:
        """Versions are compared as versions, names however they are spelt; a run's later capture counts."""
        space = world.member()
        for name, numpy in (("old", "1.9.0"), ("mid", "1.26.4"), ("new", "2.10.0"), ("same", "2.10.0")):
            packages = {"numpy": numpy, "scikit-learn": "1.5"} if name == "new" else {"numpy": numpy}
            captured(space, world.project, name, "3.11.7", packages, {})
        world.run(space, "bare")

        def found(where: str, sort: str = "name") -> list[str]:
            return [run.name for run in space.tracking.search_runs(world.project, where, sort).runs]

        assert found('packages.numpy = "1.9"') == ["old"]
        assert found('packages.numpy < "1.10"') == ["old"]
        assert found('packages.NumPy >= "1.26" and packages.numpy != "2.10"') == ["mid"]
        assert found('packages.numpy in ("1.9.0", "1.26.4")') == ["mid", "old"]
        assert found('packages.numpy like "2.%" and name != "same"') == ["new"]
        assert found('packages.Scikit_Learn = "1.5"') == ["new"]
        assert found("packages.numpy is null") == ["bare"]
        assert found("not packages.scikit-learn is not null", "-packages.numpy, name") == ["same", "mid", "old", "bare"]
        groups = space.analysis.group_runs(["packages.numpy"], world.project).groups
        assert {group.values[0]: len(group.run_ids) for group in groups}["2.10.0"] == 2
        run_id = space.tracking.resolve_run("old", world.project).id
        document = space.files.put_bytes(world.project, b"{}")
        for _ in range(2):
            part = CapturePart("environment", document, {"packages": {"numpy": "2.0.0", "bad\0": "1", "x" * 300: "1"}})
            space.tracking.put_captures(run_id, [part])
            assert found('packages.numpy = "2"') == ["old"]
        assert found('packages.numpy = "1.9"') == []
        for wrong, why in (
            ("packages.numpy = 2.10", "quotes"),
            ('packages.nunpy = "1"', r"packages\.nunpy"),
            ('packages.numpy like "1%" order by locks.x', r"locks\.x"),
        ):
            with pytest.raises(InvalidError, match=why):
                found(wrong, "")
        stranger = world.outsider()
        assert stranger.tracking.search_runs("", "", "").total == 0
        with pytest.raises(InvalidError, match="no run"):
            stranger.tracking.search_runs("", 'packages.numpy = "1.9"')
