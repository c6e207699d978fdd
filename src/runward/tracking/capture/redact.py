"""The one redactor: finds secrets in text, command lines and URLs and masks them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

_SECRET_NAME = re.compile(
    r"(?:^|[_.\-])(?:pwd|passwd|pass|auth|sas|pat)(?:$|[_.\-])|passw(?:or)?d|passphrase|secret|api[_\-]?key|"
    r"access[_\-]?key|private[_\-]?key|credential|token(?!iz|s?_(?:count|per))",
    re.IGNORECASE,
)
_HARMLESS_NAME = re.compile(r"(?:max|min|num|n|new|pad|eos|bos|unk|sep|cls|mask|vocab)[_\-]?tokens?(?:$|[_\-])", re.I)

_KINDS: tuple[tuple[str, str], ...] = (
    ("private-key", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?"
                    r"(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\Z)"),
    ("jwt", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{10,}"),
    ("aws-access-key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    ("google-api-key", r"\bAIza[\w-]{35}"),
    ("google-oauth", r"\bya29\.[\w-]{20,}"),
    ("google-client-secret", r"\bGOCSPX-[\w-]{20,}"),
    ("github-token", r"\bgh[pousr]_[A-Za-z0-9]{30,}"),
    ("github-fine-grained", r"\bgithub_pat_\w{40,}"),
    ("gitlab-token", r"\bgl(?:pat|dt|rt|ptt|ft|soat|cbt|agent|imt)-[\w-]{16,}"),
    ("slack-token", r"\bxox[abeoprs]-[\w-]{10,}"),
    ("slack-app-token", r"\bxapp-\d-[\w-]{10,}"),
    ("slack-webhook", r"https://hooks\.slack\.com/(?:services|workflows)/[\w/]{20,}"),
    ("discord-webhook", r"https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d+/[\w-]{20,}"),
    ("anthropic-key", r"\bsk-ant-[\w-]{20,}"),
    ("openrouter-key", r"\bsk-or-v1-[a-f0-9]{32,}"),
    ("openai-key", r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}"),
    ("huggingface-token", r"\b(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    ("replicate-token", r"\br8_[A-Za-z0-9]{30,}"),
    ("groq-key", r"\bgsk_[A-Za-z0-9]{30,}"),
    ("nvidia-key", r"\bnvapi-[\w-]{30,}"),
    ("stripe-key", r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("sendgrid-key", r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    ("twilio-key", r"\bSK[0-9a-f]{32}\b"),
    ("mailgun-key", r"\bkey-[0-9a-f]{32}\b"),
    ("npm-token", r"\bnpm_[A-Za-z0-9]{30,}"),
    ("pypi-token", r"\bpypi-[\w-]{40,}"),
    ("docker-token", r"\bdckr_pat_[\w-]{20,}"),
    ("digitalocean-token", r"\bdo[opr]_v1_[a-f0-9]{40,}"),
    ("databricks-token", r"\bdapi[a-f0-9]{32}\b"),
    ("azure-storage-key", r"(?<=AccountKey=)[A-Za-z0-9+/]{40,}={0,2}"),
    ("azure-sas", r"(?<=[?&]sig=)[A-Za-z0-9%+/=]{30,}"),
    ("aws-presigned", r"(?<=X-Amz-Signature=)[a-f0-9]{40,}"),
    ("vault-token", r"\bhv[sbr]\.[\w-]{20,}"),
    ("grafana-token", r"\bgl(?:sa|c)_[\w+/=]{30,}"),
    ("linear-key", r"\blin_api_[A-Za-z0-9]{30,}"),
    ("telegram-token", r"\b\d{8,10}:AA[\w-]{32,}"),
    ("shopify-token", r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    ("age-key", r"\bAGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    ("wandb-key", r"(?<=wandb_v1_)[\w-]{30,}|\blocal-[0-9a-f]{40}\b"),
    ("runward-token", r"\brwd_[\w-]{40,}"),
    ("runward-link", r"(?<=/welcome#)[\w-]{30,}|(?<=/enter#)[\w-]{30,}"),
    ("url-password", r"(?<=://)[^\s/:@'\"]*:[^\s/@'\"]+(?=@)"),
    ("url-token", r"(?<=https://)[A-Za-z0-9_\-]{20,}(?=@)"),
    ("authorization", r"(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9+/_.\-]{12,}={0,2}"),
)  # fmt: skip
_PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in _KINDS)
# Starts at the telling word; the rest of the name is looked up afterwards, so that long lines stay cheap.
_ASSIGNED = re.compile(
    r"(?:passw(?:or)?d|passphrase|secret|api[_\-]?key|access[_\-]?key|private[_\-]?key|auth[_\-]?token|"
    r"credential|token|\bpwd)s?(?P<quote>[\"']?)(?P<between>\s{0,4}(?:=>|=|:)\s{0,4}|(?<!\s)\s{1,4}(?=[^\s=:]))"
    r"(?P<value>\"[^\"\n]+\"|'[^'\n]+'|[^\s,;&\"'(){}\[\]]+)",
    re.IGNORECASE,
)
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
    taken: list[Finding] = []
    for finding in sorted(_candidates(text), key=lambda found: (found.start, -found.end)):
        if not taken or finding.start >= taken[-1].end:
            taken.append(finding)
    return taken


def redact(text: str) -> str:
    """The text with each secret replaced by ``[redacted:kind]``."""
    parts: list[str] = []
    position = 0
    for kind, start, end in find_secrets(text):
        parts += text[position:start], f"[redacted:{kind}]"
        position = end
    return "".join((*parts, text[position:]))


def redact_argv(argv: Sequence[str]) -> list[str]:
    """A command line with secrets masked, also where the value follows its option as a word of its own."""
    masked: list[str] = []
    hide_next = False
    for word in argv:
        masked.append("[redacted:argument]" if hide_next and not word.startswith("-") else redact(word))
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


def _candidates(text: str) -> Iterator[Finding]:
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            yield Finding(kind, match.start(), match.end())
    for match in _ASSIGNED.finditer(text):
        if not _NOT_SECRET.fullmatch(match["value"]) and _assigns(text, match):
            yield Finding("assignment", *match.span("value"))


def _assigns(text: str, match: re.Match[str]) -> bool:
    """Whether the word found ends the name of something secret, and a value really follows it."""
    before = _NAME_BEFORE.search(text[max(0, match.start() - 60) : match.start()])
    name = (before[0] if before else "") + text[match.start() : match.start("quote")]
    follows = bool(match["between"].strip()) or (name.startswith("--") and not match["quote"])
    return follows and is_secret_name(name.lstrip("-"))
