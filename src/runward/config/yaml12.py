"""YAML with the scalar rules of YAML 1.2: ``no`` is a word, ``1e-3`` a number, ``010`` ten, a date is text.

PyYAML alone follows YAML 1.1, where ``lr: 1e-3`` is a string and ``country: no`` is false.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from runward.errors import InvalidError

_SCALARS = [
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
]


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  PyYAML's own shape

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, list | dict):
                raise InvalidError(f"a YAML key must be a scalar, line {key_node.start_mark.line + 1}")
            if key in made:
                raise InvalidError(f"YAML key {key!r} is given twice, line {key_node.start_mark.line + 1}")
            made[key] = self.construct_object(value_node, deep=deep)
        return made


class _ShortLoader(_Loader):
    """Reads what others wrote, up to a number of values: each costs microseconds, and a megabyte holds half a million."""

    left = 20_000

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.left -= 1
        if self.left < 0:
            raise yaml.YAMLError(f"more than {_ShortLoader.left:,} values")
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  PyYAML's own shape

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(node.value)
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _float(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(str(node.value).lower().replace(".inf", "inf").replace(".nan", "nan"))


def _write_float(dumper: _Dumper, value: float) -> yaml.ScalarNode:
    text = repr(value)
    if text in ("nan", "inf", "-inf"):
        text = text.replace("nan", ".nan").replace("inf", ".inf")
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


def _write_text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    # PyYAML takes these for line ends and writes them as they are; only double quotes escape them.
    style = '"' if any(character in value for character in "\x85\u2028\u2029\r") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


for _tag, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), _first)
    _Dumper.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)
_Dumper.add_representer(float, _write_float)
_Dumper.add_representer(str, _write_text)


def dump(value: Any) -> str:
    """Plain data as YAML text, keys in the given order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def load(text: str, *, short: bool = False) -> Any:
    """Plain data from YAML text; only plain data can come out.

    Args:
        text: The document.
        short: Whether somebody else wrote it, and what is longer than any such document is not worth the time.

    Raises:
        InvalidError: Not YAML, a key given twice, a tag that asks for more than plain data, or too many values.
    """
    try:
        return yaml.load(text, Loader=_ShortLoader if short else _Loader)
    except yaml.YAMLError as error:
        raise InvalidError(f"not valid YAML: {error}", hint="check indentation and quoting") from None
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"not valid YAML: {error}") from None
