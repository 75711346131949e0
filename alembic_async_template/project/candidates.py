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

# Between two tokens: blanks, and inside of parentheses comments.
_GAP = r"[\s\\]*(?:\#[^\n]*\n[\s\\]*)*"
_DOTTED = rf"\w++(?:{_GAP}\.{_GAP}\w++)*"
# After a name that is called, subscripted, or in parentheses to be called.
_CALLED = rf"{_GAP}[(\[)]"
# After a name that is a decorator.
_DECORATES = rf"{_GAP}(?:@|class\b|def\b|async\b)"
_TABLE_CALL = re.compile(rf"Table{_CALLED}")
_TABLE_ATTRIBUTE = re.compile(rf"\.{_GAP}Table\b")
_MAPPED = re.compile(r"\bMapped\b")
_COLUMN_CALL = re.compile(rf"olumn(?:(?<=\bColumn)|(?<=\bmapped_column)){_CALLED}")
_TABLE_NAME = re.compile(rf"__table(?<!\.__table)(?:name)?__[\"']?{_GAP}[:=(]")
_MAPPING_DECORATOR = re.compile(rf"[@.(]{_GAP}mapped(?:_as_dataclass)?\b")
# A class of the module itself: its bases where they are names in one line, or the colon where it has none, or neither.
_CLASS = re.compile(r"\nclass[\s\\](?:[ \t]*\w+[ \t]*(?:\(((?:[\w., \t]|\[[\w., \t]*\])*)\)[ \t]*:|(:)))?")
_IN_BRACKETS = re.compile(r"\[.*?\]")
_WORD = re.compile(r"\w+")
# The word before an inner class, after which its line is to be looked at.
_INNER_CLASS = re.compile(r"class(?<=[ \t\f]class)[\s\\]")
# Up to the bases of any class, or to the end of the text.
_BASES = re.compile(r"class[\s\\]+\w+[\s\\]*(?=[(\[]|\Z)")
# A string in one line is one token.
_HEADER_TOKEN = re.compile(r"#[^\n]*|\"(?!\"\")(?:[^\"\\\n]|\\.)*\"|'(?!'')(?:[^'\\\n]|\\.)*'|\*\*|[\"'()\[\]{}=,:]|\w+")
_COMMENT = re.compile(r"#[^\n]*")
# The top-level package, if an absolute one is at the start of a line, and what is imported.
_IMPORT = re.compile(r"(?:\nfrom[ \t]+(?P<package>\w+)(?:\.\w+)*[ \t]+|\b)import\b(?P<names>[ \t]*\([^)]*\)?|(?:[^\n\\]|\\\n?)*)")
# A call of `type` for more than the type of a name, or one of `new_class`, and what may be in its parentheses.
_TYPE_CALL = re.compile(rf"type(?<!\wtype){_GAP}(?:\){_GAP})*\((?!{_GAP}[\w.]*{_GAP}\))")
_ARGUMENTS_TOKEN = re.compile(r"#[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|\*\*|[\"'()\[\]{},]")
_IMPORTED_AS = re.compile(rf"as(?<=[\\ \t\r\n\f\v]as)(?=[\s\\#]){_GAP}(\w+)")
# What an assignment gives another name to: `x = a.b`, `x = a.b[c]`, `x = (a.b)`, and the end of `x = a[b].c`.
_ASSIGNED = re.compile(rf"=(?:[ \t\f]|\\\r?\n)*(?:({_DOTTED})[ \t]*(?=[\[\r\n;#\\]|\Z)|(\((?:[\w\s.()\\]|\#[^\n]*\n)*))")
_AFTER_BRACKET = re.compile(rf"\](?=[\s\\#).])(?:{_GAP}\))*{_GAP}\.{_GAP}({_DOTTED})(?={_GAP}[\[)\r\n;#\\]|\s*\Z)")
_TARGET = re.compile(r"(?<![\w.])\w+(?=[ \t]*(?:[=:]|\Z))")
# A statement of the module that is neither a class nor a function, with its lines: one begins at the start of a line, unless
# that closes a bracket of the line before.
_STATEMENT = re.compile(r"\n(?!class[\s\\]|def[\s\\]|async |@)[^\s#)\]}][^\n]*(?:\n(?=[\s#)\]}]|\Z)[^\n]*)*+")
_WITHIN_LINE = re.compile(r";[^\n=\\]*[=\\]")
_CODING = re.compile(rb"\A(?:[^\n]*\n)?[ \t\f]*#[^\n]*coding[:=][ \t]*([-\w.]+)")


@dataclass(frozen=True, slots=True)
class Text:
    """What the text of a source says without being parsed; `None` among names stands for one that only a parser can tell."""

    text: str
    bases: frozenset[str | None]
    """The names among which the base classes of its classes are."""
    renames: tuple[tuple[str | None, Collection[str | None]], ...]
    """Names, each with those that an import or an assignment gives to what it stands for."""

    def can_define_table(self, tops: Collection[str]) -> bool:
        """Whether there are words for a table, or for a base class of tables, in the text itself.

        :param tops: the packages and modules of the application, under its import root.
        """
        return (
            not self.bases.isdisjoint({None, "table"})
            or "eclarative" in self.text  # DeclarativeBase, DeclarativeMeta, as_declarative, declarative_base
            or ("_base" in self.text and ("automap_base" in self.text or "generate_base" in self.text))
            or ("Table" in self.text and self._can_call_table(tops))
            or ("metadata" in self.text and ("to_metadata" in self.text or "tometadata" in self.text))
            or "__cls_kwargs__" in self.text
            or ("mapped" in self.text and _MAPPING_DECORATOR.search(self.text) is not None)
            or (bool(self.bases) and self._can_map_columns())
        )

    def _can_call_table(self, tops: Collection[str]) -> bool:
        if any(old in {None, "Table"} for old, _ in self.renames):
            return True
        if _TABLE_CALL.search(self.text) is None:
            return False
        return _TABLE_ATTRIBUTE.search(self.text) is not None or not self._is_foreign("Table", {*tops, "sqlalchemy", "sqlmodel"})

    def _can_map_columns(self) -> bool:
        return (
            ("__table" in self.text and _TABLE_NAME.search(self.text) is not None)
            or ("Mapped" in self.text and _MAPPED.search(self.text) is not None)
            or ("olumn" in self.text and _COLUMN_CALL.search(self.text) is not None)
        )

    def mentions(self, bases: Collection[str], functions: Collection[str], tops: Collection[str]) -> bool:
        """Whether a class may have one of these names as its base, or one of these functions may be called.

        :param tops: the packages and modules of the application, under its import root.
        """
        if any(name is not None and not self._is_foreign(name, tops) for name in self.bases.intersection(bases)):
            return True
        called = [name for name in functions if name in self.text]
        return any(re.search(rf"\b{name}(?:{_CALLED}|{_DECORATES})", self.text) for name in called)

    def _is_foreign(self, name: str, tops: Collection[str]) -> bool:
        """Whether a name is another package's, as `BaseModel` mostly is: imported once, at the start of a line."""
        imports = [match for match in _IMPORT.finditer(self.text) if re.search(rf"\b{name}\b", match["names"])]
        if len(imports) != 1 or imports[0]["package"] is None or imports[0]["package"] in tops:
            return False
        return re.search(rf"(?:\A|[(,])\s*{name}\s*(?:[,)]|\Z)", _COMMENT.sub("", imports[0]["names"])) is not None


def read_text(path: str) -> Text | None:
    """The text of a source; None if it cannot be read here, so that the parser has to tell."""
    try:
        with open(path, "rb", buffering=0) as file:
            content = file.read()
        coding = _CODING.match(content)
        if coding and coding[1].lower() not in {b"utf-8", b"utf8", b"ascii", b"us-ascii"}:
            return None
        text = content.decode()
    except (OSError, UnicodeDecodeError):
        return None
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)  # as the parser does with identifiers
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = f"\n{text}"
    # A class or function assigns nothing to the names of the module, unless a statement may begin within a line.
    whole = "\f" in text or (";" in text and _WITHIN_LINE.search(text))
    statements = text if whole else "".join(_STATEMENT.findall(text))
    bases = frozenset((*_find_bases(text), *_find_inner_bases(text), *_find_made_bases(text)))
    return Text(text, bases, (*_find_imports(text), *_find_assignments(statements)))


def _find_bases(text: str) -> Iterator[str | None]:
    """The names among which the bases of the module's classes are."""
    classes = _CLASS.findall(text)
    named = ",".join([bases for bases, _ in classes])
    yield from _WORD.findall(_IN_BRACKETS.sub("", named) if "[" in named else named)
    if ("", "") in classes:  # neither names in one line nor no bases at all
        for match in _CLASS.finditer(text):
            start = _BASES.match(text, match.start() + 1) if not match[1] and not match[2] else None
            if start is not None:
                yield from _read_header(text, start.end())


def _find_inner_bases(text: str) -> Iterator[str | None]:
    """The names among which the bases of classes in blocks, functions and other classes are."""
    for word in _INNER_CLASS.finditer(text):
        if text[text.rfind("\n", 0, word.start()) + 1 : word.start()].isspace() and (start := _BASES.match(text, word.start())):
            yield from _read_header(text, start.end())


def _find_made_bases(text: str) -> Iterator[str | None]:
    """The names among which the bases of classes are that a call makes."""
    for start in _TYPE_CALL.finditer(text):
        yield from _read_arguments(text, start.end())
    if "new_class" in text:
        yield None


def _read_arguments(text: str, start: int) -> Iterator[str | None]:
    """The words up to the end of some arguments, if there are several."""
    depth, several = 1, False
    for token in _ARGUMENTS_TOKEN.finditer(text, start):
        match token[0]:
            case '"' | "'" | "**":
                yield None
                break
            case "(" | "[" | "{":
                depth += 1
            case ")" | "]" | "}":
                depth -= 1
            case ",":
                several = several or depth == 1
        if not depth:
            yield from _WORD.findall(text[start : token.start()]) if several else ()
            break


def _read_header(text: str, start: int) -> Iterator[str | None]:
    """The names in the header of a class, but neither in brackets nor in the values of keywords."""
    opened: list[str] = []
    in_value = False
    for token in _HEADER_TOKEN.finditer(text, start):
        match token[0]:
            case '"' | "'" | "**":
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
            case word if not in_value and "[" not in opened and word[0] not in "#:\"'":
                yield word
    else:
        yield None  # not in this text


def _find_imports(text: str) -> Iterator[tuple[str | None, Collection[str | None]]]:
    """Names with the new ones that imports give them."""
    for match in _IMPORTED_AS.finditer(text):
        start = text.rfind("\n", 0, match.start()) + 1
        before = text[start : match.start()]
        if "import" not in before and not text.endswith("\\\n", 0, start) and not _is_in_import(text, match.start()):
            continue  # `with`, `except`, or prose
        words = _WORD.findall(before)
        if "#" not in before or not {'"', "'"}.isdisjoint(before):  # otherwise it is a comment
            yield (words[-1] if words and "#" not in before else None), (match[1],)


def _is_in_import(text: str, position: int) -> bool:
    """Whether the last parenthesis before a position, but for comments, is that of an import."""
    opened = text.rfind("(", 0, position)
    while opened >= 0 and "#" in text[text.rfind("\n", 0, opened) + 1 : opened]:
        opened = text.rfind("(", 0, opened)
    is_import = opened >= 0 and text[max(opened - 200, 0) : opened].rstrip("\\ \t\n\f").endswith("import")
    return is_import and ")" not in _COMMENT.sub("", text[opened:position])


def _find_assignments(text: str) -> Iterator[tuple[str | None, Collection[str | None]]]:
    """Names with the new ones that assignments give them."""
    for match in _ASSIGNED.finditer(text):
        start = text.rfind("\n", 0, match.start()) + 1
        before = text[start : match.start()]
        targets: list[str | None] = [*_TARGET.findall(before)]
        if not before.strip() or text[:start].rstrip("\r\n").endswith("\\") or not set(")]}\"'").isdisjoint(before):
            targets.append(None)
        for old in _WORD.findall(match[1] or match[2])[-1 if match[1] else 0 :]:
            yield old, targets
    for match in _AFTER_BRACKET.finditer(text):
        yield _WORD.findall(match[1])[-1], (None,)
