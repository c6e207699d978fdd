"""Results and practices that a team shares: stored as versioned pages, found again, recommended with their evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from runward.coordination.model import TeamMessage
from runward.core.clock import utc_now
from runward.core.hashing import digest_value
from runward.errors import InvalidError, NotFoundError
from runward.execution.experiment import Experiment
from runward.execution.model import Results
from runward.face import current_workspace
from runward.knowledge.model import Evidence, NewPage, Page, PageKind, Situation
from runward.knowledge.tags import extract_tags
from runward.team.plain import summary_of, to_data
from runward.team.teams import find_team
from runward.workspace import Workspace

_KINDS = ("practice", "decision", "guide", "card", "post-mortem", "result")
_MAX_TITLE = 200


class UserName(str):
    """A member's name, usable wherever text is.

    Attributes:
        verified: Whether the name was proved by a sign-in or token. A folder's local user only claims it.
        via: How it is known: ``folder``, ``session`` or ``token:ID``.
    """

    verified: bool
    via: str

    def __new__(cls, name: str, verified: bool = False, via: str = "folder") -> UserName:
        """A name with how it is known."""
        made = super().__new__(cls, name)
        made.verified, made.via = verified, via
        return made


def get_current_user() -> UserName:
    """Who acts here: the signed-in member, else the local user (``.verified`` is False then).

    Raises:
        UnauthenticatedError: The server does not know the token.
        StoreError: The workspace cannot be reached.
    """
    me = current_workspace().governance.whoami()
    return UserName(me.name, me.verified, me.via)


def get_timestamp() -> str:
    """The present time in UTC, ISO 8601 with microseconds and offset."""
    return utc_now().isoformat(timespec="microseconds")


def _team_of(workspace: Workspace, repository: str) -> str:
    """The team that a repository such as ``team_experiments/Vision`` names; empty for the caller's own."""
    last = repository.rpartition("/")[2]
    teams = [team.name for team in workspace.governance.list_teams()]
    return last if last in teams else ""


def store_results(summary: Mapping[str, Any] | Results, repository: str) -> str:
    """Keep a summary of results in a team's repository and tell the team.

    Storing the same summary in the same repository again changes nothing and gives the same id.

    Args:
        summary: Results, or a mapping such as ``{"experiment_id": …, "performance": …}``.
        repository: A collection of the team, such as ``team_experiments/vision``.

    Returns:
        The id of the stored page.

    Raises:
        InvalidError: The summary is no mapping or empty, or the repository has no name.
    """
    _check_repository(repository)
    data = to_data(summary)
    if not isinstance(data, dict) or not data:
        raise InvalidError(
            f"a summary of results must be a mapping that is not empty, got {type(summary).__name__}",
            hint='write store_results({"experiment_id": …, "performance": …}, repository)',
        )
    workspace = current_workspace()
    name = str(data.get("experiment") or data.get("name") or data.get("experiment_id") or "experiment")
    page = NewPage(
        repository=repository,
        team=_team_of(workspace, repository),
        kind="result",
        title=f"{name[:_MAX_TITLE]} ({digest_value(data)[:12]})",
        body=_table(data),
        tags=extract_tags(f"{name} {' '.join(_performance(data))}"),
        evidence=_known_evidence(workspace, data),
        data=data,
    )
    return _publish_once(workspace, page).id


def _check_repository(repository: str) -> None:
    if not isinstance(repository, str) or not repository.strip():
        raise InvalidError(
            f"the repository must be a name, got {repository!r:.80}", hint="such as team_experiments/vision"
        )


def _performance(data: Mapping[str, Any]) -> dict[str, Any]:
    found = data.get("performance") or data.get("metrics") or {}
    return found if isinstance(found, dict) else {"performance": found}


def _table(data: Mapping[str, Any]) -> str:
    """The figures as a Markdown table, then everything else by name."""
    figures = _performance(data)
    lines = ["| metric | value |", "| --- | --- |", *(f"| {key} | {value} |" for key, value in figures.items()), ""]
    rest = [f"- **{key}**: {value}" for key, value in data.items() if key not in ("performance", "metrics")]
    return "\n".join([*(lines if figures else []), *rest])


def _known_evidence(workspace: Workspace, data: Mapping[str, Any]) -> list[Evidence]:
    """The runs and the experiment that the summary names, as far as the workspace has them."""
    runs = data.get("runs") if isinstance(data.get("runs"), list) else []
    evidence = [Evidence("run", str(run)) for run in runs or [] if _exists(workspace, "run", str(run))]
    experiment = str(data.get("experiment_id") or "")
    if experiment and _exists(workspace, "experiment", experiment):
        evidence.append(Evidence("experiment", experiment))
    return evidence


def _exists(workspace: Workspace, kind: str, object_id: str) -> bool:
    find = workspace.tracking.get_run if kind == "run" else workspace.tracking.get_experiment
    try:
        find(object_id)
    except NotFoundError:
        return False
    return True


def _publish_once(workspace: Workspace, new: NewPage) -> Page:
    """Publish, unless the newest version of the page says the same already."""
    for page in workspace.knowledge.list_pages(new.repository, new.kind, limit=1000):
        if page.title == new.title and (not new.team or page.team == new.team) and _says_the_same(page, new):
            return page
    return workspace.knowledge.publish(new)


def _says_the_same(page: Page, new: NewPage) -> bool:
    volatile = ("timestamp", "contributor")
    kept = {key: value for key, value in page.data.items() if key not in volatile or new.kind == "result"}
    wanted = {key: value for key, value in new.data.items() if key not in volatile or new.kind == "result"}
    return (page.body, page.code_example, page.tags, page.evidence, kept) == (
        new.body,
        new.code_example,
        new.tags,
        new.evidence,
        wanted,
    )


def store_knowledge(entry: Mapping[str, Any], repository: str) -> str:
    """Keep a practice, decision or guide in a repository. The same name again makes a new version.

    Args:
        entry: ``name`` and ``description``, and optionally ``code_example``, ``tags``, ``contributor``,
            ``timestamp``, ``kind`` (``practice`` when not given) and ``evidence`` (ids of the runs that support it).
            Other keys are kept with it.
        repository: A collection of the team, such as ``knowledge_base/vision``.

    Returns:
        The id of the page.

    Raises:
        InvalidError: No name, an unknown kind, or tags or evidence that are no lists of text.
        NotFoundError: A run that is given as evidence does not exist.
    """
    _check_repository(repository)
    if not isinstance(entry, Mapping):
        raise InvalidError(f"a knowledge entry must be a mapping, got {type(entry).__name__}")
    workspace, data = current_workspace(), to_data(entry)
    title = data.pop("name", "") or data.pop("title", "")
    if not isinstance(title, str) or not title.strip():
        raise InvalidError("a knowledge entry needs a name", hint='write {"name": "…", "description": "…"}')
    body, code = str(data.pop("description", "")), str(data.pop("code_example", ""))
    tags = _texts("tags", data.pop("tags", None))
    page = NewPage(
        repository=repository,
        team=_team_of(workspace, repository),
        kind=_kind(data.pop("kind", "practice")),
        title=title,
        body=body,
        code_example=code,
        tags=extract_tags(f"{title} {body}") if tags is None else tags,
        evidence=[Evidence("run", run) for run in _texts("evidence", data.pop("evidence", None)) or []],
        data=data,
    )
    return _publish_once(workspace, page).id


def _kind(kind: Any) -> PageKind:
    if kind not in _KINDS:
        raise InvalidError(f"a knowledge entry cannot be a {kind!r}", hint=f"kinds are {', '.join(_KINDS)}")
    return kind  # type: ignore[no-any-return]


def _texts(field: str, values: Any) -> list[str] | None:
    if values is not None and not (isinstance(values, list) and all(isinstance(item, str) for item in values)):
        raise InvalidError(f"{field} of a knowledge entry must be a list of text, got {values!r:.80}")
    return values


def search_knowledge(query: str, repository: str = "", limit: int = 20) -> list[dict[str, Any]]:
    """Pages, runs, experiments and reviews that have any word of the query, best first.

    Args:
        query: Words.
        repository: Only pages of this collection; empty for everything that you may see.
        limit: At most so many hits, up to 200.

    Returns:
        One dict a hit: ``kind``, ``id``, ``name``, ``snippet`` (found words between ``**``), ``score``, ``tags``, ``at``.
    """
    found = current_workspace().knowledge.search(query, repository, limit=limit)
    return [{**msgspec.to_builtins(hit), "name": hit.title} for hit in found.hits]


def get_recommendations(experiment: Any, repository: str = "", limit: int = 5) -> list[dict[str, Any]]:
    """Practices that fit what you are about to run, each with its reason and the runs that support it.

    Args:
        experiment: An experiment, results, a dict of parameters, or a text.
        repository: Only practices of this collection; empty for all that you may see.
        limit: At most so many.

    Returns:
        One dict a practice: ``id``, ``name``, ``description``, ``code_example``, ``reason``, ``matched``, ``runs``, ``score``.
    """
    found = current_workspace().knowledge.recommend(_situation(experiment, repository, limit))
    return [
        {
            "id": item.page.id,
            "name": item.page.title,
            "description": item.page.body,
            "code_example": item.page.code_example,
            "reason": item.reason,
            "matched": item.matched,
            "runs": item.runs,
            "score": item.score,
        }
        for item in found
    ]


def _situation(experiment: Any, repository: str, limit: int) -> Situation:
    if isinstance(experiment, str):
        return Situation(repository=repository, text=experiment, limit=limit)
    if isinstance(experiment, Mapping):
        params = to_data(experiment)
        return Situation(repository=repository, name=str(params.get("name", "")), params=params, limit=limit)
    if isinstance(experiment, Results):
        params = {task.name: task.config for task in experiment.tasks.values()}
        return Situation(repository=repository, name=experiment.name, params=_flat(to_data(params)), limit=limit)
    if not isinstance(experiment, Experiment):
        raise InvalidError(
            f"recommendations need an experiment, results, a dict or a text, got {type(experiment).__name__}"
        )
    configs = {task.name: task.config for task in experiment.tasks}
    return Situation(
        repository=repository,
        project=experiment.project or "",
        name=experiment.name,
        params=_flat(to_data(configs)),
        tags=list(experiment.tags),
        text=f"{experiment.description} {' '.join(map(str, experiment.metadata.values()))}",
        limit=limit,
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        inner = _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
        flat.update(inner)
    return flat


def notify_team(team: str, summary: Any) -> int:
    """Put a message into the inbox of every member of a team but yourself.

    Args:
        team: The team's name. In a workspace with only one team any name means that team.
        summary: Results, a mapping such as a summary or a practice, or a text.

    Returns:
        How many members it reached.

    Raises:
        NotFoundError: There are several teams, and none has this name.
    """
    workspace = current_workspace()
    data = to_data(summary)
    message = TeamMessage(
        title=_headline(team, data)[:_MAX_TITLE],
        team=find_team(workspace, team),
        body=_table(data) if isinstance(data, dict) else str(data),
    )
    return workspace.coordination.notify_team(message)


def _headline(team: str, data: Any) -> str:
    if not isinstance(data, dict):
        first = str(data).strip().splitlines()
        return f"{team}: {first[0] if first else 'a message'}"
    subject = data.get("name") or data.get("experiment") or data.get("experiment_id") or "news"
    figures = ", ".join(f"{key} {value}" for key, value in list(_performance(data).items())[:3])
    return f"{team}: {subject}" + (f" ({figures})" if figures else "")


def share_results(results: Results, team_name: str) -> str:
    """Store a summary of results in ``team_experiments/TEAM`` and tell the team.

    Returns:
        The id of the stored page.

    Raises:
        NotFoundError: There are several teams, and none has this name.
    """
    if not isinstance(results, Results):
        raise InvalidError(f"share_results takes the results of an experiment, got {type(results).__name__}")
    find_team(current_workspace(), team_name)
    return store_results(summary_of(results), f"team_experiments/{team_name}")


class TeamKnowledgeBase:
    """A team's knowledge: practices with tags and history, search, recommendations.

    Args:
        team_name: The team; its collection is ``knowledge_base/TEAM``.
    """

    def __init__(self, team_name: str) -> None:
        self.team_name = team_name
        self.knowledge_repository = f"knowledge_base/{team_name}"

    def share_best_practice(
        self, practice_name: str, description: str, code_example: str = "", evidence: Iterable[str] = ()
    ) -> str:
        """Publish a practice and tell the team. The same name again makes a new version.

        Args:
            practice_name: Its title.
            description: What to do and why; its tags are taken from here.
            code_example: Code that shows it.
            evidence: Ids of runs that support it.

        Returns:
            The id of the page.
        """
        practice = {
            "name": practice_name,
            "description": description,
            "code_example": code_example,
            "contributor": get_current_user(),
            "timestamp": get_timestamp(),
            "tags": self.extract_tags(description),
            "evidence": list(evidence),
        }
        page_id = store_knowledge(practice, self.knowledge_repository)
        self.notify_team_new_practice(practice)
        return page_id

    def search_knowledge(self, query: str) -> list[dict[str, Any]]:
        """Pages of this team's collection that fit a query. See :func:`search_knowledge`."""
        return search_knowledge(query, self.knowledge_repository)

    def get_recommendations(self, current_experiment: Any) -> list[dict[str, Any]]:
        """Practices of this team's collection that fit an experiment. See :func:`get_recommendations`."""
        return get_recommendations(current_experiment, self.knowledge_repository)

    def extract_tags(self, text: str) -> list[str]:
        """Tags of a text: its most frequent words that carry meaning; the same everywhere."""
        return extract_tags(text)

    def notify_team_new_practice(self, practice: Mapping[str, Any]) -> None:
        """Called when a practice was published.

        The workspace has told the team already, once for each new page; override this to tell somebody else.
        """
