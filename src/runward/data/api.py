"""The contract of dataset versions."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, operation
from runward.data.diff import TableDiff, VersionDiff
from runward.data.model import (
    ColumnDoc,
    Dataset,
    DatasetPage,
    DatasetVersion,
    FilePage,
    Lineage,
    Manifest,
    NewDatasetVersion,
    VersionLine,
)


class Data(Protocol):
    """Thread-safe. A dataset is named by its id or by ``project:name``, in which ``:`` stands for ``/``.

    A version is named by its digest or the beginning of one (6 digits at least), a name that was given to it, ``latest``,
    or a time, which means the newest version that was there then.
    """

    room: ClassVar[str] = "data"

    @operation("POST", "/dataset-versions", may="data.write", on="new.project")
    def add_version(self, new: NewDatasetVersion) -> DatasetVersion:
        """Store a version, and the dataset with its first one. The same content again is the version that is there.

        Raises: NotFoundError, InvalidError (a manifest that is none, bytes that were not uploaded).
        """
        ...

    @operation("GET", "/projects/{project}/datasets", may="data.read", on="project")
    def list_datasets(self, project: str) -> list[Dataset]:
        """The datasets of a project, by name."""
        ...

    @operation("GET", "/datasets", may="data.read", on=ON_LIST)
    def find_datasets(self, project: str = "", search: str = "", after: str = "", limit: int = 100) -> DatasetPage:
        """The datasets that the caller may see, by project and name, each with what its newest version holds.

        ``project`` asks for those of a project and the ones below it, ``search`` for those with this text in their path.
        """
        ...

    @operation("GET", "/datasets/{dataset}", may="data.read", on="dataset", state=("description", "names"))
    def get_dataset(self, dataset: str) -> Dataset:
        """A dataset by id or path."""
        ...

    @operation("PATCH", "/datasets/{dataset}", may="data.write", on="dataset", revises="get_dataset")
    def describe_dataset(self, dataset: str, description: str) -> Dataset:
        """Change what is said of a dataset. Raises: InvalidError."""
        ...

    @operation("DELETE", "/datasets/{dataset}", may="data.delete", on="dataset", revises="get_dataset")
    def delete_dataset(self, dataset: str) -> None:
        """Forget a dataset with its versions; ``runward gc`` takes the bytes that nothing else names."""
        ...

    @operation("GET", "/datasets/{dataset}/versions", may="data.read", on="dataset")
    def list_versions(self, dataset: str) -> list[DatasetVersion]:
        """A dataset's versions, newest first."""
        ...

    @operation("GET", "/datasets/{dataset}/history", may="data.read", on="dataset")
    def version_history(self, dataset: str, before: str = "", limit: int = 100) -> list[VersionLine]:
        """A dataset's versions in one line each, newest first; ``before`` asks for those older than a version."""
        ...

    @operation(
        "GET", "/datasets/{dataset}/versions/{version}", may="data.read", on="dataset", state=("dictionary", "names")
    )
    def get_version(self, dataset: str, version: str) -> DatasetVersion:
        """A version by any of its names. Raises: NotFoundError, ConflictError (a beginning of several digests)."""
        ...

    @operation("GET", "/datasets/{dataset}/versions/{version}/files", may="data.read", on="dataset")
    def get_manifest(self, dataset: str, version: str) -> Manifest:
        """The files of a version. Raises: NotFoundError."""
        ...

    @operation("GET", "/datasets/{dataset}/versions/{version}/file-page", may="data.read", on="dataset")
    def find_files(self, dataset: str, version: str, search: str = "", after: str = "", limit: int = 200) -> FilePage:
        """The files of a version by path, those with a text in their path. Raises: NotFoundError."""
        ...

    @operation("GET", "/datasets/{dataset}/versions/{version}/diff", may="data.read", on="dataset")
    def diff_versions(self, dataset: str, version: str, other: str = "", limit: int = 200) -> VersionDiff:
        """What changed in a version since another one, by default the one that it follows: columns, counts, files.

        It is worked out from what is known of both, so rows are counted and not compared: ``diff_table`` reads them.

        Raises: NotFoundError.
        """
        ...

    @operation("GET", "/datasets/{dataset}/versions/{version}/table-diff", may="data.read", on="dataset")
    def diff_table(
        self, dataset: str, version: str, path: str, other: str = "", sample: int = 10, purpose: str = ""
    ) -> TableDiff:
        """Compare a table file of two versions row by row; ``purpose`` says for what, where the dataset is restricted.

        Raises: NotFoundError, InvalidError (it is not a table in both, or too large to be read here), ForbiddenError,
            PurposeError, MissingExtraError.
        """
        ...

    @operation("DELETE", "/datasets/{dataset}/versions/{version}", may="data.delete", on="dataset")
    def delete_version(self, dataset: str, version: str) -> None:
        """Forget a version; those that followed it follow its parent. Raises: ConflictError (it bears a name)."""
        ...

    @operation("PUT", "/datasets/{dataset}/names/{name}", may="data.write", on="dataset", revises="get_dataset")
    def set_name(self, dataset: str, name: str, version: str | None) -> Dataset:
        """Give a version a name, or take it away (None). A semantic one (``1.2.0``) stays where it was put first.

        Raises: NotFoundError, InvalidError (the name), ConflictError (a semantic name that is given).
        """
        ...

    @operation(
        "PUT",
        "/datasets/{dataset}/versions/{version}/dictionary",
        may="data.write",
        on="dataset",
        revises="get_version",
    )
    def set_dictionary(self, dataset: str, version: str, columns: list[ColumnDoc]) -> DatasetVersion:
        """Say what a version's columns mean; later versions begin with the same words. Raises: InvalidError."""
        ...

    @operation("GET", "/projects/{project}/lineage", may="data.read", on="project")
    def lineage(self, project: str, of: str = "") -> Lineage:
        """Which data a project's runs read and made, and which models came of them.

        ``of`` asks for what leads to and from one thing: ``dataset:NAME``, ``dataset:NAME@VERSION``, ``run:ID``,
        ``artifact:RUN/PATH`` or ``model:NAME/VERSION``. Runs of other projects and models of other teams appear where the
        caller may see them. A file that a run made and another one read is an artifact, unless a dataset holds it.

        Raises: NotFoundError, InvalidError.
        """
        ...
