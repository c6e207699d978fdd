"""What licence a package has by its metadata, and whether a team's rules let it in. Pure.

Three answers: yes, no, and *not known*. Where metadata names a family only (``BSD License``), the family's members answer
together; where it says nothing that is understood, nobody assumes anything.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from runward.config.targets import did_you_mean
from runward.errors import InvalidError
from runward.tracking.capture.environment import normalised_name
from runward.tracking.capture.model import License

PACKAGE = "package:"
"""Before a package's name among what is allowed: somebody looked at it."""
_NAMES: dict[str, str] = {
    "0BSD": "0bsd; bsd zero clause",
    "AFL-3.0": "academic free; afl 3",
    "AGPL-3.0-only": "agpl 3; gnu affero general public 3; agpl 3.0 only",
    "AGPL-3.0-or-later": "agpl 3+; gnu affero general public 3 or later; gnu affero general public 3 or later agpl 3+",
    "Apache-2.0": "apache; apache 2; apache 2.0; apache2; apache software; apache software 2; asl 2; apache-2",
    "Artistic-2.0": "artistic; artistic 2",
    "BSD-2-Clause": "bsd 2 clause; 2 clause bsd; simplified bsd; freebsd; bsd 2",
    "BSD-3-Clause": "bsd 3 clause; 3 clause bsd; new bsd; modified bsd; bsd 3; revised bsd; new bsd bsd 3 clause",
    "BSL-1.0": "boost; boost software; boost software 1 bsl 1; boost software 1",
    "CC0-1.0": "cc0; cc0 1; cc0 1 universal; cc0 1 universal cc0 1 public domain dedication",
    "EPL-1.0": "epl 1; eclipse public 1; eclipse public 1 epl 1",
    "EPL-2.0": "epl 2; eclipse public 2; eclipse public 2 epl 2",
    "EUPL-1.2": "eupl 1.2; european union public 1.2; european union public 1.2 eupl 1.2",
    "GPL-2.0-only": "gpl 2; gnu general public 2; gnu general public 2 gpl 2; gnu gpl 2",
    "GPL-2.0-or-later": "gpl 2+; gpl 2 or later; gnu general public 2 or later; gnu general public 2 or later gpl 2+",
    "GPL-3.0-only": "gpl 3; gnu general public 3; gnu general public 3 gpl 3; gnu gpl 3",
    "GPL-3.0-or-later": "gpl 3+; gpl 3 or later; gnu general public 3 or later; gnu general public 3 or later gpl 3+",
    "HPND": "historical permission notice and disclaimer; historical permission notice and disclaimer hpnd",
    "ISC": "isc; isc iscl",
    "LGPL-2.1-only": "lgpl 2.1; gnu lesser general public 2.1",
    "LGPL-2.1-or-later": "lgpl 2.1+; lgpl 2.1 or later; gnu lesser general public 2.1 or later",
    "LGPL-3.0-only": "lgpl 3; gnu lesser general public 3; gnu lesser general public 3 lgpl 3",
    "LGPL-3.0-or-later": "lgpl 3+; gnu lesser general public 3 or later; gnu lesser general public 3 or later lgpl 3+",
    "MIT": "mit; expat; mit expat; mit mit",
    "MIT-0": "mit 0; mit no attribution; mit no attribution mit 0",
    "MPL-1.1": "mozilla public 1.1; mozilla public 1.1 mpl 1.1",
    "MPL-2.0": "mpl 2; mozilla public 2; mozilla public 2 mpl 2",
    "NCSA": "university of illinois ncsa open source; university of illinois/ncsa open source",
    "PSF-2.0": "psf; psf 2; python software foundation; psfl",
    "Unlicense": "unlicense; un unlicense",
    "WTFPL": "wtfpl",
    "ZPL-2.1": "zpl 2.1; zope public; zope public 2.1",
    "Zlib": "zlib; zlib/libpng; zlib libpng",
    "LicenseRef-BSD": "bsd; bsd style; bsd like",
    "LicenseRef-GPL": "gpl; gnu gpl; gnu general public; gnu general public gpl",
    "LicenseRef-LGPL": "lgpl; gnu lgpl; gnu library or lesser general public lgpl; gnu lesser general public",
    "LicenseRef-Proprietary": "proprietary; other/proprietary; commercial; all rights reserved; nvidia proprietary software",
    "LicenseRef-Public-Domain": "public domain",
}
_BY_NAME = {name: spdx for spdx, names in _NAMES.items() for name in names.split("; ")}
_FAMILIES: dict[str, tuple[str, ...]] = {
    "LicenseRef-BSD": ("BSD-2-Clause", "BSD-3-Clause"),
    "LicenseRef-GPL": ("GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later"),
    "LicenseRef-LGPL": ("LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later"),
}
"""What a name without a version can mean."""
_NOISE = re.compile(r"\b(?:the|license|licence|licensed|version|under|free|v(?=\d))\b|[(),\"'.]+(?=\s|$)|[(),\"']")
_WORD = re.compile(r"\(|\)|[^\s()]+")
_PATTERN = re.compile(r"[A-Za-z0-9.+*-]+(?: WITH [A-Za-z0-9.*-]+)?")


class Stated(NamedTuple):
    """What a package's metadata says."""

    expression: str
    """In the words of SPDX; empty where it is not known."""
    says: str
    """The field and its words, for people."""


def stated(license: License) -> Stated:
    """The licence of a package: ``License-Expression``, else ``License`` and the classifiers together.

    Raises nothing: what is not understood is not known.
    """
    if license.expression:
        return Stated(_canonical(license.expression), f"License-Expression: {license.expression}")
    if " OR " in (choice := _read(license.text)):
        return Stated(choice, f"License: {license.text}")
    told = [word for word in (choice, *map(_classified, license.classifiers)) if word]
    says = "; ".join(
        [
            *([f"License: {license.text}"] if license.text and (_read(license.text) or not told) else []),
            *(f"Classifier: {one}" for one in license.classifiers),
        ]
    )
    # A family adds nothing where one of its members is named; of several licences all count.
    named = {word for word in told if not any(other in _FAMILIES.get(word, ()) for other in told)}
    parts = [f"({word})" if " " in word else word for word in sorted(named)]
    return Stated(sorted(named)[0] if len(parts) == 1 else " AND ".join(parts), says or "nothing")


def _canonical(text: str) -> str:
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return ""


def _read(text: str) -> str:
    """A licence by the name that people write."""
    return "" if text.upper() == "UNKNOWN" else _BY_NAME.get(_key(text), "") or _canonical(text)


def _classified(classifier: str) -> str:
    return _BY_NAME.get(_key(classifier.rpartition(" :: ")[2]), "")


def _key(text: str) -> str:
    """``The GNU General Public License v2 or later (GPLv2+)`` as ``gnu general public 2 or later gpl 2+``."""
    spaced = re.sub(r"(?<=[a-z])v(?=\d)", " ", text.lower().replace("-", " ").replace("_", " "))
    plain = " ".join(_NOISE.sub(" ", spaced).split())
    return re.sub(r"(?<=\d)\.0(?=\D|$)", "", re.sub(r"\bv(?=\d)", "", plain))


def check_rules(allowed: Sequence[str], forbidden: Sequence[str]) -> None:
    """Raises: InvalidError (naming the entry that is no licence, or that contradicts another one)."""
    for field, rules in (("allowed_licenses", allowed), ("forbidden_licenses", forbidden)):
        for rule in rules:
            _check_rule(field, rule)
    if both := {rule.lower() for rule in allowed} & {rule.lower() for rule in forbidden}:
        raise InvalidError(
            f"{sorted(both)[0]!r} is in allowed_licenses and in forbidden_licenses", hint="leave it in one"
        )


def _check_rule(field: str, rule: str) -> None:
    if field == "allowed_licenses" and rule.startswith(PACKAGE) and rule.removeprefix(PACKAGE).strip():
        return
    if _PATTERN.fullmatch(rule) and ("*" in rule or _canonical(rule)):
        return
    one = " OR " in rule.upper() or " AND " in rule.upper() or "," in rule
    meant = _read(rule)
    hint = "one licence an entry" if one else f"did you mean {meant}?" if meant else did_you_mean(rule, _NAMES)
    raise InvalidError(
        f"{field}: {rule[:80]!r} is no SPDX licence", hint=hint or "such as MIT, BSD-3-Clause or GPL-*", field=field
    )


def is_exempt(package: str, allowed: Sequence[str]) -> bool:
    """Whether the rules name a package itself."""
    names = {normalised_name(rule.removeprefix(PACKAGE).strip()) for rule in allowed if rule.startswith(PACKAGE)}
    return package in names


def admitted(expression: str, allowed: Sequence[str], forbidden: Sequence[str]) -> bool | None:
    """Whether a licence may be used; None where that is not known.

    Args:
        expression: In the words of SPDX. Of ``A OR B`` one may be chosen, of ``A AND B`` both count.
        allowed: Licences of which no other may be used; ``*`` stands for anything. Empty for all.
        forbidden: Licences that may not. ``GPL-3.0-only`` means those with an exception too, unless that is allowed.
    """
    if not expression:
        return None
    rules = [rule for rule in allowed if not rule.startswith(PACKAGE)]
    words = _WORD.findall(expression)
    return _choice(words, lambda license: _leaf(license, rules, forbidden))


def _leaf(license: str, allowed: Sequence[str], forbidden: Sequence[str]) -> bool | None:
    answers = [_single(member, allowed, forbidden) for member in _FAMILIES.get(license, (license,))]
    if _listed(license, allowed):
        return True
    if _listed(license, forbidden):
        return False
    return answers[0] if len(set(answers)) == 1 else None


def _single(license: str, allowed: Sequence[str], forbidden: Sequence[str]) -> bool:
    base = license.partition(" WITH ")[0]
    if _listed(license, forbidden) or (_listed(base, forbidden) and not _listed(license, allowed)):
        return False
    return not allowed or _listed(license, allowed) or _listed(base, allowed)


def _listed(license: str, rules: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(license.lower(), rule.lower()) for rule in rules)


Answer = bool | None


def _choice(words: list[str], leaf: Callable[[str], Answer]) -> Answer:
    """One of several: the best answer of all."""
    found = _union(words, leaf)
    while words and words[0] == "OR":
        words.pop(0)
        other = _union(words, leaf)
        found = True if True in (found, other) else None if None in (found, other) else False
    return found


def _union(words: list[str], leaf: Callable[[str], Answer]) -> Answer:
    """All of several: the worst answer of all."""
    found = _term(words, leaf)
    while words and words[0] == "AND":
        words.pop(0)
        other = _term(words, leaf)
        found = False if False in (found, other) else None if None in (found, other) else True
    return found


def _term(words: list[str], leaf: Callable[[str], Answer]) -> Answer:
    word = words.pop(0)
    if word == "(":
        found = _choice(words, leaf)
        words.pop(0)
        return found
    if words and words[0] == "WITH":
        word = f"{word} WITH {words[1]}"
        del words[:2]
    return leaf(word)
