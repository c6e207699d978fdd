"""The contract of shared libraries: publish, find, use, compare."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.config.merge import ValueChange
from runward.core.operation import ON_LIST, operation
from runward.knowledge.libraries_model import LibraryItem, LibraryUse, NewRelease, Release


class Libraries(Protocol):
    """Thread-safe. A version never changes; who uses which is counted from what runs recorded."""

    room: ClassVar[str] = "libraries"

    @operation("GET", "/libraries", may="knowledge.read", on=ON_LIST)
    def list_items(self) -> list[LibraryItem]:
        """What the caller's teams share, by name."""
        ...

    @operation("POST", "/libraries", may="knowledge.write", on="new.team")
    def publish(self, new: NewRelease) -> Release:
        """Publish a version; the first one makes the item, and who publishes it owns it.

        Raises:
            InvalidError: The name, the number (it does not follow) or the document; the details name the ``field``.
            AlreadyExistsError: This version is there, or the name is another kind's or team's.
            ForbiddenError: Neither its owner nor a maintainer of its team.
        """
        ...

    @operation("GET", "/libraries/{library}", may="knowledge.read", on="library")
    def get_item(self, library: str) -> LibraryItem:
        """One item, by name or id."""
        ...

    @operation("GET", "/libraries/{library}/releases", may="knowledge.read", on="library")
    def list_releases(self, library: str) -> list[Release]:
        """Every version, newest first, with how many runs and experiments used it."""
        ...

    @operation("GET", "/libraries/{library}/release", may="knowledge.read", on="library")
    def get_release(self, library: str, wish: str = "") -> Release:
        """The newest version that a wish allows: ``1.2.0``, ``1.2``, ``^1.2``, ``~1.2.0``, or any.

        Raises: NotFoundError (there is none), InvalidError (the wish).
        """
        ...

    @operation("GET", "/libraries/{library}/changes", may="knowledge.read", on="library")
    def compare(self, library: str, before: str, after: str) -> list[ValueChange]:
        """What differs between two versions, by dotted key."""
        ...

    @operation("GET", "/libraries/{library}/uses", may="knowledge.read", on="library")
    def uses(self, library: str, version: str = "", limit: int = 100) -> list[LibraryUse]:
        """The runs that recorded a version, or any, newest first; those that the caller may see."""
        ...
