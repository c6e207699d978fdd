"""The one redactor: finds secrets in text, command lines and URLs and masks them."""

from __future__ import annotations

import functools
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_SECRET_NAME = re.compile(
    r"(?:^|[_.\-])(?:pwd|passwd|pass|auth|sas|pat)(?:$|[_.\-])|passw(?:or)?d|passphrase|secret|api[_\-]?key|"
    r"access[_\-]?key|private[_\-]?key|credential|token(?!iz|s?_(?:count|per))",
    re.IGNORECASE,
)
_HARMLESS_NAME = re.compile(r"(?:max|min|num|n|new|pad|eos|bos|unk|sep|cls|mask|vocab)[_\-]?tokens?(?:$|[_\-])", re.I)

# (kind, words one of which is in every secret of the kind, what it looks like): to look for the words is quick.
_KINDS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("private-key", ("PRIVATE KEY",), r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?"
                    r"(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\Z)"),
    ("jwt", ("eyJ",), r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{10,}"),
    ("aws-access-key", ("AKIA", "ASIA", "ABIA", "ACCA"), r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    ("google-api-key", ("AIza",), r"\bAIza[\w-]{35}"),
    ("google-oauth", ("ya29.",), r"\bya29\.[\w-]{20,}"),
    ("google-client-secret", ("GOCSPX-",), r"\bGOCSPX-[\w-]{20,}"),
    ("github-token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\bgh[pousr]_[A-Za-z0-9]{30,}"),
    ("github-fine-grained", ("github_pat_",), r"\bgithub_pat_\w{40,}"),
    ("gitlab-token", ("glpat-", "gldt-", "glrt-", "glptt-", "glft-", "glsoat-", "glcbt-", "glagent-", "glimt-"), r"\bgl(?:pat|dt|rt|ptt|ft|soat|cbt|agent|imt)-[\w-]{16,}"),
    ("slack-token", ("xox",), r"\bxox[abeoprs]-[\w-]{10,}"),
    ("slack-app-token", ("xapp-",), r"\bxapp-\d-[\w-]{10,}"),
    ("slack-webhook", ("hooks.slack.com",), r"https://hooks\.slack\.com/(?:services|workflows)/[\w/]{20,}"),
    ("discord-webhook", ("/api/webhooks/",), r"https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d+/[\w-]{20,}"),
    ("anthropic-key", ("sk-ant-",), r"\bsk-ant-[\w-]{20,}"),
    ("openrouter-key", ("sk-or-v1-",), r"\bsk-or-v1-[a-f0-9]{32,}"),
    ("openai-key", ("sk-",), r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}"),
    ("huggingface-token", ("hf_", "api_org_"), r"\b(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    ("replicate-token", ("r8_",), r"\br8_[A-Za-z0-9]{30,}"),
    ("groq-key", ("gsk_",), r"\bgsk_[A-Za-z0-9]{30,}"),
    ("nvidia-key", ("nvapi-",), r"\bnvapi-[\w-]{30,}"),
    ("stripe-key", ("_live_", "_test_"), r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("sendgrid-key", ("SG.",), r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    ("twilio-key", ("SK",), r"\bSK[0-9a-f]{32}\b"),
    ("mailgun-key", ("key-",), r"\bkey-[0-9a-f]{32}\b"),
    ("npm-token", ("npm_",), r"\bnpm_[A-Za-z0-9]{30,}"),
    ("pypi-token", ("pypi-",), r"\bpypi-[\w-]{40,}"),
    ("docker-token", ("dckr_pat_",), r"\bdckr_pat_[\w-]{20,}"),
    ("digitalocean-token", ("_v1_",), r"\bdo[opr]_v1_[a-f0-9]{40,}"),
    ("databricks-token", ("dapi",), r"\bdapi[a-f0-9]{32}\b"),
    ("azure-storage-key", ("AccountKey=",), r"(?<=AccountKey=)[A-Za-z0-9+/]{40,}={0,2}"),
    ("azure-sas", ("sig=",), r"(?<=[?&]sig=)[A-Za-z0-9%+/=]{30,}"),
    ("aws-presigned", ("X-Amz-Signature=",), r"(?<=X-Amz-Signature=)[a-f0-9]{40,}"),
    ("vault-token", ("hvs.", "hvb.", "hvr."), r"\bhv[sbr]\.[\w-]{20,}"),
    ("grafana-token", ("glsa_", "glc_"), r"\bgl(?:sa|c)_[\w+/=]{30,}"),
    ("linear-key", ("lin_api_",), r"\blin_api_[A-Za-z0-9]{30,}"),
    ("telegram-token", (":AA",), r"\b\d{8,10}:AA[\w-]{32,}"),
    ("shopify-token", ("shp",), r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    ("age-key", ("AGE-SECRET-KEY-",), r"\bAGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    ("wandb-key", ("wandb_v1_", "local-"), r"(?<=wandb_v1_)[\w-]{30,}|\blocal-[0-9a-f]{40}\b"),
    ("runward-token", ("rwd_",), r"\brwd_[\w-]{40,}"),
    ("runward-link", ("/welcome#", "/enter#"), r"(?<=/welcome#)[\w-]{30,}|(?<=/enter#)[\w-]{30,}"),
    ("url-password", ("://",), r"(?<=://)(?!%s)[^\s/:@'\"{}<]*:(?!%s|\$)[^\s/@'\"{}<]+(?=@)"),
    ("url-token", ("https://",), r"(?<=https://)[A-Za-z0-9_\-]{20,}(?=@)"),
    ("authorization", ("earer ", "EARER ", "asic ", "ASIC "), r"(?i:(?<=bearer )|(?<=basic ))(?![A-Z]?[a-z]+\b)[A-Za-z0-9+/_.\-]{12,}={0,2}"),
)  # fmt: skip
_WORDS = tuple((word, number) for number, (_, words, _) in enumerate(_KINDS) for word in words)
_SHORTEST = 16
"""Nothing shorter is a secret by itself, but for what stands in a URL."""
# Starts at the telling word; the rest of the name is looked up afterwards, so that long lines stay cheap.
_ASSIGNED = re.compile(
    r"(?:passw(?:or)?d|passphrase|secret|api[_\-]?key|access[_\-]?key|private[_\-]?key|auth[_\-]?token|"
    r"credential|token|\bpwd)s?(?P<quote>\\{0,3}[\"']?)(?P<between>\s{0,4}(?:=>|=|:)\s{0,4}|(?<!\s)\s{1,4}(?=[^\s=:]))"
    # In a JSON text within a text the quotes are escaped.
    r"(?:\\{1,3}[\"'](?=[^\"'\\\n]+\\))?(?P<value>(?<=\\[\"'])[^\"'\\\n]+|\"[^\"\n]+\"|'[^'\n]+'|[^\s,;&\"'(){}\[\]]+)",
    re.IGNORECASE,
)
_TELLING = ("passw", "passphrase", "secret", "key", "token", "credential", "pwd")
_NAME_BEFORE = re.compile(r"[A-Za-z0-9_.\-]*\Z")
_NOT_SECRET = re.compile(
    r"[\"']?(?:|none|null|true|false|\*+|<.*|\$\S*|\[redacted.*|-?[\d.]{1,7}|(?:os|self|args)\.\S*)[\"']?",
    re.IGNORECASE,
)


class Finding(NamedTuple):
    """A secret in a text: what kind, and where it starts and ends."""

    kind: str
    start: int
    end: int


def find_secrets(text: str) -> list[Finding]:
    """Every secret in the text, in order, without overlaps."""
    return _apart(_candidates(text))


def _apart(found: Iterable[Finding]) -> list[Finding]:
    taken: list[Finding] = []
    for finding in sorted(found, key=lambda one: (one.start, -one.end)):
        if not taken or finding.start >= taken[-1].end:
            taken.append(finding)
    return taken


def redact(text: str) -> str:
    """The text with each secret replaced by ``[redacted:kind]``."""
    return _masked(text, find_secrets(text))


def _masked(text: str, found: Iterable[Finding]) -> str:
    parts: list[str] = []
    position = 0
    for kind, start, end in found:
        parts += text[position:start], f"[redacted:{kind}]"
        position = end
    return "".join((*parts, text[position:]))


def redact_value(name: str, value: Any) -> Any:
    """A param's or a tag's value with secrets masked; text under a name like ``api_key`` is one as a whole.

    Numbers, truth values and None are kept whatever their name; lists and dicts are looked through.
    """
    if isinstance(value, str):
        hides = is_secret_name(name) and not _NOT_SECRET.fullmatch(value)
        return "[redacted:param]" if hides else redact(value)
    if isinstance(value, list):
        return [redact_value(name, item) for item in value]
    if isinstance(value, dict):
        return {key: redact_value(str(key), item) for key, item in value.items()}
    return value


def redact_source(path: str, text: str) -> tuple[str, int]:
    """A file of a project with its secrets masked, and how many there were. What only might be one stays: code has to run again.

    Args:
        path: The file's name: notebooks are looked at cell by cell, their outputs like all that is printed.
        text: Its content.
    """
    if path.endswith(".ipynb"):
        return _redact_notebook(text)
    is_plain = path.endswith(_CONFIGS) or os.path.basename(path).startswith(_ENVIRONMENTS)
    found = _in_source(text, quoted=not is_plain)
    return _masked(text, found), len(found)


_CONFIGS = (".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".env", ".properties", ".json",
            ".sh", ".bash", ".zsh", "Dockerfile", ".log", ".out", ".err")  # fmt: skip
"""Files in which a value needs no quotes."""
_ENVIRONMENTS = (".env.", ".envrc")
_RANDOM = re.compile(r"(?=[^a-z]*[a-z])(?=[^0-9]*[0-9])[\w+/=.\-]{16,}", re.IGNORECASE)
_SAYS_SO = re.compile(r"passw|passphrase|secret|credential", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"your|example|change|dummy|placeholder|xxx|\.\.\.|[{}]", re.IGNORECASE)


def _in_source(text: str, *, quoted: bool) -> list[Finding]:
    found = list(_known(text))
    for match in _assignments(text):
        value = match["value"].strip("\"'")
        is_likely = _SAYS_SO.search(match[0][: match.start("value") - match.start()]) and len(value) >= 6
        if (match["value"][0] in "\"'" or not quoted) and (is_likely or _RANDOM.fullmatch(value)):
            start = match.start("value") + (match["value"][0] in "\"'")
            if not _PLACEHOLDER.search(value) and (not quoted or " " not in value):
                found.append(Finding("assignment", start, start + len(value)))
    return _apart(found)


def _redact_notebook(text: str) -> tuple[str, int]:
    try:
        notebook = json.loads(text)
        cells = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    except (ValueError, TypeError, KeyError, RecursionError):
        found = _in_source(text, quoted=False)
        return _masked(text, found), len(found)
    count = 0

    def printed(value: Any) -> Any:
        nonlocal count
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return printed("".join(value)).splitlines(keepends=True)
        if isinstance(value, str):
            found = find_secrets(value)
            count += len(found)
            return _masked(value, found)
        if isinstance(value, dict):
            return {key: printed(part) for key, part in value.items()}
        return [printed(part) for part in value] if isinstance(value, list) else value

    for cell in cells:
        source = cell.get("source", "")
        whole = source if isinstance(source, str) else "".join(map(str, source))
        masked, n = redact_source("cell.py", whole)
        count += n
        cell["source"] = masked if isinstance(source, str) else masked.splitlines(keepends=True)
        if "outputs" in cell:
            cell["outputs"] = printed(cell["outputs"])
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", count) if count else (text, 0)


class Lines:
    """Text that comes in pieces, given on in whole lines, so that no secret is cut in two. A private key counts as one line."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """What is whole now."""
        text = self._held + text
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        begun = text.rfind("-----BEGIN ", 0, end)
        if begun >= 0 and "-----END " not in text[begun:end]:
            end = begun
        if len(text) - end > _MOST_HELD:
            end = len(text)
        self._held = text[end:]
        return text[:end]

    def rest(self) -> str:
        """What came after the last whole line."""
        held, self._held = self._held, ""
        return held


_MOST_HELD = 16_384
"""Characters: a line may be longer, and is given on in parts then."""


_OPTION, _SPACED = re.compile(r"-{0,2}[\w.\-]+"), re.compile(r"\s")


def redact_argv(argv: Sequence[str]) -> list[str]:
    """A command line with secrets masked, also where the value follows its option as a word of its own."""
    masked: list[str] = []
    hide_next = False
    for word in argv:
        name, _, value = word.partition("=")
        if hide_next and not word.startswith("-"):
            masked.append("[redacted:argument]")
        elif _SPACED.search(value) and _OPTION.fullmatch(name) and is_secret_name(name.lstrip("-")):
            # The shell took the quotes away: all of the word is the value, and not only what comes before a space.
            masked.append(f"{name}=[redacted:argument]")
        else:
            masked.append(redact(word))
        hide_next = word.startswith("-") and "=" not in word and is_secret_name(word.lstrip("-"))
    return masked


def redact_url(url: str) -> str:
    """A URL without the user and password in front of its host."""
    return redact(re.sub(r"(?<=://)[^/@\s]+@", "", url))


def redact_variables(variables: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Variables with the values of secret-looking names, and secrets in other values, masked."""
    return {
        name: "[redacted:variable]" if value and is_secret_name(name) else redact(value) for name, value in variables
    }


@functools.lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether a variable, option or key of that name usually holds a secret (``max_tokens`` does not)."""
    return bool(_SECRET_NAME.search(name)) and not _HARMLESS_NAME.search(name)


@functools.cache
def _pattern(text: str) -> re.Pattern[str]:
    # Compiled when first needed: all of them take longer than a program may wait for its first line.
    return re.compile(text)


def _known(text: str) -> Iterator[Finding]:
    """Secrets that show by themselves what they are."""
    if len(text) < _SHORTEST and "://" not in text:
        return
    for number in sorted({number for word, number in _WORDS if word in text}):
        kind, _, pattern = _KINDS[number]
        for match in _pattern(pattern).finditer(text):
            yield Finding(kind, match.start(), match.end())


def _candidates(text: str) -> Iterator[Finding]:
    yield from _known(text)
    for match in _assignments(text):
        yield Finding("assignment", *match.span("value"))


def _assignments(text: str) -> Iterator[re.Match[str]]:
    lowered = text.lower()
    for match in _ASSIGNED.finditer(text) if any(word in lowered for word in _TELLING) else ():
        if not _NOT_SECRET.fullmatch(match["value"]) and _assigns(text, match):
            yield match


def _assigns(text: str, match: re.Match[str]) -> bool:
    """Whether the word found ends the name of something secret, and a value really follows it."""
    before = _NAME_BEFORE.search(text[max(0, match.start() - 60) : match.start()])
    name = (before[0] if before else "") + text[match.start() : match.start("quote")]
    follows = bool(match["between"].strip()) or (name.startswith("--") and not match["quote"])
    return follows and is_secret_name(name.lstrip("-"))


def mask_file(path: Path) -> None:
    """Mask the secrets in a log file that nobody writes to any more. Raises: OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    with (
        os.fdopen(handle, "w", encoding="utf-8", newline="") as clean,
        path.open(encoding="utf-8", errors="replace", newline="") as text,
    ):
        lines = Lines()
        while piece := text.read(1 << 20):
            clean.write(redact(lines.feed(piece)))
        clean.write(redact(lines.rest()))
    os.replace(name, path)
