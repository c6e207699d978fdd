"""A person's words (name, address, …): finding them in text and bytes however they are written, and putting a pseudonym there.

Pure. A word of fewer than eight characters counts where it stands alone, so that erasing *ann* leaves *planning* as it is; a
longer one, or one with a character that no word has, wherever it stands. Upper and lower case count as the same. Names of other
members that contain the word stay.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable
from functools import cached_property

from runward.errors import InvalidError

LONG = 8
"""From so many characters on a word is replaced inside of others too."""
LEAST = 2
_TOKEN = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_TOKEN_BYTES = re.compile(rb"[A-Za-z0-9+/_-]{8,}={0,2}")
_STEP = 1 << 20


class Words:
    """What names a person, and what stands there afterwards.

    Args:
        words: Names, addresses and other texts that name the person.
        pseudonym: What replaces each of them: ASCII letters, digits and hyphens.
        others: Names of other members: where one of them contains a word, it stays.

    Raises: InvalidError (no word, or one of a single character).
    """

    def __init__(self, words: Iterable[str], pseudonym: str, others: Iterable[str] = ()) -> None:
        # The longest first: an address contains the name.
        self.words = sorted({word.strip() for word in words if word.strip()}, key=lambda word: (-len(word), word))
        if not self.words or any(len(word) < LEAST for word in self.words):
            raise InvalidError(
                f"words to forget: {self.words or 'none'}", hint="each needs at least two characters: `--also TEXT`"
            )
        self.pseudonym = pseudonym
        self.others = [
            other for other in dict.fromkeys(others)
            if other.casefold() not in {word.casefold() for word in self.words}
            and any(word.casefold() in other.casefold() for word in self.words)
        ]  # fmt: skip

    # text -----------------------------------------------------------------------------------------------------------

    @cached_property
    def _text(self) -> re.Pattern[str]:
        kept = "|".join(re.escape(form) for other in self.others for form in spellings(other))
        hits = "|".join(_bounded(word, form) for word in self.words for form in spellings(word))
        return re.compile(f"(?P<kept>{kept or '(?!)'})|(?P<hit>{hits})", re.IGNORECASE)

    @cached_property
    def _encoded(self) -> re.Pattern[str]:
        return re.compile("|".join(re.escape(core) for core in self.base64_cores) or "(?!)")

    @cached_property
    def base64_cores(self) -> list[str]:
        """What base64 of a text with a word has in it, whatever stands before the word: one of three."""
        found = [core for word in self.words for raw in (word.encode(), word.lower().encode()) for core in cores(raw)]
        return list(dict.fromkeys(found))

    @cached_property
    def _probes(self) -> list[str]:
        return list(dict.fromkeys(form.lower() for word in self.words for form in spellings(word)))

    def may_be_in(self, text: str) -> bool:
        """Whether a text is worth a closer look: quick."""
        low = text.lower()
        return any(probe in low for probe in self._probes) or any(core in text for core in self.base64_cores)

    def count(self, text: str) -> int:
        """How often the person is named in a text."""
        plain = sum(1 for found in self._text.finditer(text) if found["hit"] is not None)
        return plain + self._count_encoded(text)

    def _count_encoded(self, text: str) -> int:
        if not self._encoded.search(text):
            return 0
        return sum(1 for token in _TOKEN.finditer(text) if self._again(token[0]) != token[0])

    def replace(self, text: str) -> str:
        """The text with the pseudonym in the person's place, also inside of base64."""
        plain = self._text.sub(self._new, text)
        return _TOKEN.sub(lambda token: self._again(token[0]), plain) if self._encoded.search(plain) else plain

    def _new(self, found: re.Match[str]) -> str:
        return found[0] if found["hit"] is None else self.pseudonym

    def _again(self, token: str) -> str:
        """A token of base64, decoded, replaced and encoded in the same alphabet; as it is where it is none."""
        if not self._encoded.search(token):
            return token
        body, web = token.rstrip("="), any(character in token for character in "-_")
        try:
            raw = base64.b64decode(body + "=" * (-len(body) % 4), b"-_" if web else None, validate=True)
        except (binascii.Error, ValueError):
            return token
        new = self.replace_bytes(raw)
        if new == raw:
            return token
        made = (base64.urlsafe_b64encode if web else base64.b64encode)(new).decode()
        return made if token.endswith("=") or len(token) % 4 == 0 else made.rstrip("=")

    # bytes ----------------------------------------------------------------------------------------------------------

    @cached_property
    def _bytes(self) -> re.Pattern[bytes]:
        kept = [form.encode() for other in self.others for form in spellings(other)]
        hits = [_bounded_bytes(word, form.encode()) for word in self.words for form in spellings(word)]
        for code in ("utf-16-le", "utf-16-be"):
            kept += [other.encode(code) for other in self.others]
            hits += [re.escape(word.encode(code)) for word in self.words]
        before = b"|".join(re.escape(form) for form in kept) or b"(?!)"
        return re.compile(b"(?P<kept>" + before + b")|(?P<hit>" + b"|".join(hits) + b")", re.IGNORECASE)

    @cached_property
    def _encoded_bytes(self) -> re.Pattern[bytes]:
        return re.compile(b"|".join(re.escape(core.encode()) for core in self.base64_cores) or b"(?!)")

    def replace_bytes(self, data: bytes) -> bytes:
        """The bytes with the pseudonym in the person's place, in the encoding that stood there."""
        new = self._bytes.sub(self._new_bytes, data)
        if self._encoded_bytes.search(new):
            new = _TOKEN_BYTES.sub(lambda token: self._again(token[0].decode()).encode(), new)
        return new

    def _new_bytes(self, found: re.Match[bytes]) -> bytes:
        if found["hit"] is None:
            return found[0]
        if b"\0" not in found[0]:
            return self.pseudonym.encode()
        return self.pseudonym.encode("utf-16-be" if found[0].startswith(b"\0") else "utf-16-le")

    def found_in(self, chunks: Iterable[bytes]) -> int:
        """How often the person is named in a stream of bytes, in UTF-8, UTF-16, JSON's escapes or base64."""
        count, rest, most = 0, b"", self._longest
        for chunk in chunks:
            for at in range(0, len(chunk), _STEP):
                window = rest + chunk[at : at + _STEP]
                # What may go on in the next piece is looked at with it.
                end = max(len(window) - most, 0)
                count += self._count_before(window, end)
                rest = window[end:]
        return count + self._count_before(rest, len(rest))

    def _count_before(self, window: bytes, end: int) -> int:
        plain = sum(1 for f in self._bytes.finditer(window) if f.start() < end and f["hit"] is not None)
        return plain + sum(1 for f in self._encoded_bytes.finditer(window) if f.start() < end)

    @cached_property
    def _longest(self) -> int:
        return max(len(word.encode("utf-16")) * 3 for word in [*self.words, *self.others]) + 8


def spellings(word: str) -> list[str]:
    """A word as JSON writes it, with any characters or with ASCII only, and as it stands in text."""
    # JSON's first: where it doubles a backslash at the word's end, the plain word is found too, and half an escape left.
    return list(dict.fromkeys([json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1], word]))


def cores(raw: bytes) -> list[str]:
    """The part of base64 that depends on these bytes alone, for each place in which they may begin; long enough to tell."""
    found = []
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        first = (before * 8 + 5) // 6
        last = len(encoded) if (before + len(raw)) % 3 == 0 else len(encoded) - 1
        core = encoded[first:last]
        # Five characters or fewer would be found in any long piece of base64.
        if len(core) > 5:
            found += [core, core.replace("+", "-").replace("/", "_")]
    return found


def _is_free(word: str) -> bool:
    return len(word) >= LONG or any(not (character.isalnum() or character in "_-. ") for character in word)


def _bounded(word: str, form: str) -> str:
    body = re.escape(form)
    if _is_free(word):
        return body
    # A letter of an escape (`\n`) is none of the text.
    return rf"(?<![^\W_])(?<!\\u[0-9a-f]{{4}}){body}(?![^\W_])|(?<=\\[nrtbf]){body}(?![^\W_])"


def _bounded_bytes(word: str, form: bytes) -> bytes:
    body = re.escape(form)
    if _is_free(word):
        return body
    return (
        rb"(?<![0-9A-Za-z\x80-\xff])" + body + rb"(?![0-9A-Za-z\x80-\xff])|(?<=\\[nrtbf])" + body + rb"(?![0-9A-Za-z])"
    )
