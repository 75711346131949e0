"""Chooses, by their text alone, the sources that can define a table: reading thousands takes a moment, parsing them does not.

A module defines a table by words of its own (`__tablename__`, `Table(...)`), or by a name that leads to such words in another
module: a base class, or a function that makes tables. Whatever way such a name takes through imports, re-exports and stars, it
stands in each text on the way, unless `import ... as` or an assignment gives it a new name. So the names are followed and not
the modules: more sources are chosen than define a table, and none that does is left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

# Between two tokens: blanks, and inside of parentheses comments.
_GAP = r"(?:[\s\\]|\#[^\n]*\n)*"
_DOTTED = rf"\w+(?:{_GAP}\.{_GAP}\w+)*"
# After a name that is called, subscripted, or in parentheses to be called.
_CALLED = rf"{_GAP}[(\[)]"
_ROOT_WORDS = ("DeclarativeBase", "DeclarativeMeta", "as_declarative", "declarative_base", "automap_base", "generate_base")
_TABLE_CALL = re.compile(rf"Table{_CALLED}")
_MAPPING_DECORATOR = re.compile(rf"[@.(]{_GAP}mapped(?:_as_dataclass)?\b")
_MAPPED_BODY = re.compile(rf"__tablename__|__table__|Mapped\b|olumn{_CALLED}")
_CLASS = re.compile(r"class[\s\\]+\w+[\s\\]*(?=[(\[])")
_HEADER_TOKEN = re.compile(r"#[^\n]*|[\"'()\[\]{}=,:]|\w+")
_IMPORTED_AS = re.compile(rf"[\s\\]as(?=[\s\\#]){_GAP}(\w+)")
# What an assignment gives another name to: `x = a.b`, `x = a.b[c]`, `x = (a.b)`, and the end of `x = a[b].c`.
_ASSIGNED = re.compile(rf"=(?:[ \t\f]|\\\r?\n)*(?:({_DOTTED})[ \t]*(?=[\[\r\n;#\\]|\Z)|(\((?:[\w\s.()\\]|\#[^\n]*\n)*))")
_AFTER_BRACKET = re.compile(rf"[\])]{_GAP}\.{_GAP}({_DOTTED})(?={_GAP}[\[)\r\n;#\\]|\s*\Z)")
_TARGET = re.compile(r"(?<![\w.])\w+(?=[ \t]*(?:[=:]|\Z))")
_CODING = re.compile(rb"\A(?:[^\n]*\n)?[ \t\f]*#[^\n]*coding[:=][ \t]*([-\w.]+)")


@dataclass(frozen=True, slots=True)
class Text:
    """What the text of a source says without being parsed; `None` among names stands for one that only a parser can tell."""

    text: str
    bases: frozenset[str | None]
    """The names among which the base classes of its classes are."""
    renames: tuple[tuple[str | None, Collection[str | None]], ...]
    """Names, each with those that an import or an assignment gives to what it stands for."""

    def can_define_table(self) -> bool:
        """Whether there are words for a table, or for a base class of tables, in the text itself."""
        return (
            not self.bases.isdisjoint({None, "table"})
            or any(word in self.text for word in _ROOT_WORDS)
            or _TABLE_CALL.search(self.text) is not None
            or _MAPPING_DECORATOR.search(self.text) is not None
            or (bool(self.bases) and _MAPPED_BODY.search(self.text) is not None)
        )

    def mentions(self, bases: Collection[str], functions: Collection[str]) -> bool:
        """Whether a class may have one of these names as its base, or one of these functions may be called."""
        return not self.bases.isdisjoint(bases) or any(
            name in self.text and re.search(rf"\b{name}{_CALLED}", self.text) for name in functions
        )


def read_text(path: Path) -> Text | None:
    """The text of a source; None if it cannot be read here, so that the parser has to tell."""
    try:
        content = path.read_bytes()
        coding = _CODING.match(content)
        if coding and coding[1].lower() not in {b"utf-8", b"utf8", b"ascii", b"us-ascii"}:
            return None
        text = content.decode()
    except (OSError, UnicodeDecodeError):
        return None
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)  # as the parser does with identifiers
    return Text(text, frozenset(_find_bases(text)), tuple(_find_renames(text)))


def _find_bases(text: str) -> Iterator[str | None]:
    """The names in the headers of classes, but neither in brackets nor in the values of keywords."""
    for start in _CLASS.finditer(text):
        opened: list[str] = []
        in_value = False
        for token in _HEADER_TOKEN.finditer(text, start.end()):
            match token[0]:
                case '"' | "'":
                    yield None
                    break
                case "(" | "[" | "{" as bracket:
                    opened.append(bracket)
                case ")" | "]" | "}":
                    del opened[-1:]
                case ":" if not opened:
                    break
                case "=" | "," as sign:
                    in_value = sign == "=" if opened == ["("] else in_value
                case word if not in_value and "[" not in opened and word[0] not in "#:":
                    yield word


def _find_renames(text: str) -> Iterator[tuple[str | None, Collection[str | None]]]:
    """Names with the new ones that imports and assignments give them."""
    for match in _IMPORTED_AS.finditer(text):
        before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        words = re.findall(r"\w+", before)
        if "#" not in before or not {'"', "'"}.isdisjoint(before):  # otherwise it is a comment
            yield (words[-1] if words and "#" not in before else None), (match[1],)
    for match in _ASSIGNED.finditer(text):
        start = text.rfind("\n", 0, match.start()) + 1
        before = text[start : match.start()]
        targets: list[str | None] = [*_TARGET.findall(before)]
        if not before.strip() or text[:start].rstrip("\r\n").endswith("\\") or not set(")]}\"'").isdisjoint(before):
            targets.append(None)
        for old in re.findall(r"\w+", match[1] or match[2])[-1 if match[1] else 0 :]:
            yield old, targets
    for match in _AFTER_BRACKET.finditer(text):
        yield re.findall(r"\w+", match[1])[-1], (None,)
