"""Which sources are parsed, and that the answer is the one that parsing every source gives."""

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from alembic_async_template.project import discovery
from alembic_async_template.project.discovery import find_tables
from alembic_async_template.project.files import walk_sources
from alembic_async_template.project.sources import Source, Sources, parse_source
from alembic_async_template.project.tables import FoundTable, TableFinder
from support.large_project import write_large_project
from support.project import write_files

PATHS = {
    "a": "a.py",
    "b": "b.py",
    "p": "p/__init__.py",
    "p.c": "p/c.py",
    "p.q": "p/q/__init__.py",
    "p.q.d": "p/q/d.py",
    "n.e": "n/e.py",
}
# Letters stand for names, `@` for a module.
STATEMENTS = """
from @ import X
from @ import X as Y
from @ import X, Y as Z
from @ import (|    X  # a note|    as Y,|)
from @ import X \\|    as Y
import @
import @ as X
from @ import *
from . import X
from .c import X as Y
from ..c import X as Y
from . import *
from .q.d import X
from p import q, c
from p import q as X
from typing import TYPE_CHECKING|if TYPE_CHECKING:|    from @ import X
try:|    from @ import X|except ImportError:|    X = None
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import DeclarativeBase as X
from sqlalchemy.orm import *
from sqlalchemy import Table
from sqlalchemy import *
import sqlalchemy as sa
from sqlmodel import SQLModel as X
from elsewhere import X
from typing import Protocol as X
class X(Y): pass
class X(Y, Z): pass
class X(@.Y): pass
class X(q.d.Y): pass
class X(c.Y): pass
class X(Y[int]): pass
class X(Y[0].Z): pass
class X((Y)): pass
class X(DeclarativeBase): pass
class X(Y, DeclarativeBase): pass
class X(Y, table=True): pass
class X(Y, key=Z): pass
class X(Y, key="):"): pass
class X(key=f(a, b=1), metaclass=Y): pass
class X(|    # before (that):|    Y,|): pass
class X \\|    (Y): pass
class X(|Y,|): pass
class X \\|(Y): pass
class \\|X(Y): pass
X = \\|Y
X = (|Y|)
'''|class Z(Y):|    '''|X = Y
'''|def f():|    '''; X = Y
def f():|    return '''|X = Y|'''
def f(): pass|\fX = Y
X = Y\r
class X(Y):|    __abstract__ = True
class X(Y):|    __tablename__ = "x"
class X(Y):|    id: Mapped[int]
class X(Y):|    y = Z
class X: pass
class X(declarative_base()): pass
if True:|    class X(Y): pass
def f():|    class X(Y): pass
X = Y
X = Y  # as Z
X: type = Y
X: Annotated[|    int, "x"] = Y
X = Y = Z
X = \\|    Y = Z
X = (|    Y  # a note|)
X = (Y)[int]
X = @.Y
X = q.d.Y
X = Y[int]
X = things[0].Y
X = (things).Y
X = Y;Z = X
if True: X = Y
try: X = Y|finally: pass
match 1:|    case _: X = Y
for _ in (): X = Y
X = Y if Z else None
f(X, y=Y)
X = declarative_base()
X = registry().generate_base()
X = Y()
X = Y("name")
X = [Y("name")]
Y("name")
(Y)("name")
Y[int]("name")
things[0].Y("name")
@.Y("name")
c.Y(|    "name")
def X(name):|    return Table(name, metadata)
def X(name):|    return sa.Table(name, metadata)
def X(name):|    return Y(name)
def X(table: Table): pass
X = sa.Table("name", metadata)
X = Table|X = Table("name", metadata)
X = Table|Y = X("name", metadata)
from sqlalchemy import Table as X|Y = X("name", metadata)
class X:|    class Y(Z): pass
class X(Y):|    class Z(Y): pass
class X(Y.Z): pass
class X:|    y = Y("name")
class X:|    @staticmethod|    def Y(name):|        return Table(name, metadata)
class X:|    def Y(self):|        return Z("name")
X.Y("name")
x = Y.Z("name")
def X(name):|    class Y(Z): pass
def X(name):|    class Y(Z):|        __tablename__ = name
def X(Y):|    class Z(Y):|        __tablename__ = "name"
def X(name):|    return type(name, (Y,), {})
def X(table):|    return table.to_metadata(metadata)
X = type("X", (Y,), {})
X = type("X", (Y, Z[int]), dict(__tablename__="x"))
X = type("X", Y, {"__tablename__": "x"})
X = types.new_class("X", (Y,))
X = create_model("X", __base__=Y, __cls_kwargs__={"table": True})
from pydantic import create_model
import types
X = Y.to_metadata(metadata)
@X|class Y: pass
@X|def Y(): pass
@X("name")|class Y(Z): pass
@Y.X  # a note|class Z: pass
class X(Y, **Z): pass
class X(Y, **{"table": True}): pass
Z = {"table": True}
Z = dict(table=False)
def X(): pass
if X("name"): pass
for _ in [X("name")]: pass
@Y.mapped|class X: pass
@as_declarative()|class X: pass
class X(metaclass=DeclarativeMeta): pass
class (
""".strip("\n").split("\n")
if sys.version_info >= (3, 12):
    STATEMENTS.append("class X[T: (int, Y)](Z): pass")


def replace_words(pattern: str, words: Mapping[str, str], text: str) -> str:
    return re.sub(pattern, lambda match: words[match[0]], text)


@st.composite
def projects(draw: st.DrawFn) -> dict[str, str]:
    """Modules, in packages and not, of statements that make, rename, hand on and use bases and functions."""
    # The last one is a letter that the parser reads as another: long s is s.
    names = st.sampled_from(["Base", "Model", "make", "\N{LATIN SMALL LETTER LONG S}"])
    files = {}
    for path in PATHS.values():
        lines = []
        for statement in draw(st.lists(st.sampled_from(STATEMENTS), max_size=6)):
            chosen = {letter: draw(names) for letter in "XYZ"} | {"@": draw(st.sampled_from(list(PATHS)))}
            lines.append(replace_words(r"\b[XYZ]\b|@(?!\w)", chosen, statement).replace("|", "\n"))
        files[path] = "\n".join(lines) + "\n"
    return files


# How a module has a name of another one: OLD is that name, NEW the one that it has then, and FROM the other module.
RENAMES = """
from FROM import OLD as NEW
from FROM import (|    OLD  # a note|    as NEW,|)
from FROM import OLD \\|    as NEW
from FROM import (  # (all|    a,  # import (b) as c|    OLD as NEW)
from FROM import a, \\|OLD as NEW
from FROM import \\|(a,|    OLD as NEW)
from FROM import *|NEW = OLD
from FROM import OLD|NEW = OLD
from FROM import OLD|NEW: type = OLD
from FROM import OLD|NEW: Annotated[|    int, "x"] = OLD
from FROM import OLD|NEW = other = OLD
from FROM import OLD|other = \\|    NEW = OLD
from FROM import OLD|other = \\|NEW = OLD
from FROM import OLD|NEW = \\|OLD
from FROM import OLD|NEW = (|    OLD  # a note|)
from FROM import OLD|NEW = (|OLD|)
from FROM import OLD|NEW = OLD[int]
from FROM import OLD|NEW = OLD;other = NEW
from FROM import OLD|if True: NEW = OLD
from FROM import OLD|try:|    NEW = OLD|finally:|    pass
from FROM import OLD|try: pass|except E: pass|else: NEW = OLD
from FROM import OLD|with a as b:|    for c in d:|        NEW = OLD
from FROM import OLD|def f():|    return '''|NEW = OLD|'''
from FROM import OLD|'''|def f():|    '''; NEW = OLD
from FROM import OLD|'''|class f():|    '''|NEW = OLD
from FROM import OLD|def f(): pass|\fNEW = OLD
from FROM import OLD|class A: pass|NEW = OLD\r|
import FROM|NEW = FROM.OLD
import FROM as m|NEW = m.OLD
import FROM as m|NEW = m[0].OLD
import FROM as m|NEW = (m).OLD
import FROM as m|NEW = (m[0]).OLD
import FROM as m|NEW = m[|    0|].OLD
import FROM as m|NEW = m \\|    .OLD
import FROM as m|NEW = (|    m  # a note|    .OLD)
def f():|    from FROM import OLD as NEW
""".strip("\n").split("\n")
BASES = """
class T(NEW): pass
class T(Other, NEW): pass
class T(|    Other,  # a note (or two)|    NEW,|): pass
class T(|NEW|): pass
class T \\|(NEW): pass
class \\|T(NEW): pass
class T(Other[int], NEW[T]): pass
class T((NEW)): pass
class T(m[0].NEW): pass
class T(NEW, key=1): pass
from other import NEW|class T(NEW): pass
try: from other import (a, NEW)|except E: pass|class T(NEW): pass
from other import a as NEW|class T(NEW): pass
from other import NEW as a|class T(NEW): pass
class T(NEW, key="):"): pass
class T(|    Other[f("[", "(")],|    NEW): pass
class T(f(""), NEW, key=''): pass
class T(Other['''(|'''], NEW): pass
class T(Other, metaclass=f(a=1), *c, **d): pass|class U(NEW): pass
if True:|    class T(NEW): pass
try:|    class T(Other[|        int], NEW): pass|except E: pass
def f(): pass|@decorate|class T(NEW):|    def g(self): pass
def f():|    '''|class U:|    '''|class T(NEW): pass
class U:|    class T(NEW): pass
class U(Other):|    x = 1|    if x:|        class T(|            NEW): pass
class U:|    \fclass T(NEW): pass
def f(name):|    class T(Other, NEW): pass|f("t")
def f():|    class T(NEW): pass|@f|class U: pass
def f(name, *, Other=None):|    return type(name, (Other, NEW), {})|t = f("t")
class U:|    @classmethod|    def f(cls):|        class T(NEW): pass|U.f()
class U:|    class V:|        @staticmethod|        def f(name):|            class T(NEW): pass|t = U.V.f("t")
T = type("T", (NEW,), {})
T = type("T)", (Other[int], NEW), {"a": ")("})
T = type(  # a note|    f"{name}T", (|        NEW,|    ), dict(a=1))
T = (type)(name(1), (NEW,), {**columns})
T = type('it\\'s', [NEW], {}, key=1)
import builtins|[builtins.type(str(n), (NEW,), {}) for n in names]
import types|T = types.new_class("T", (NEW,))
from types import new_class|T = new_class("T", bases=(NEW,), kwds={})
class U:|    T = type("T", (m[0].NEW,), {})
""".strip("\n").split("\n")
CALLS = """
t = NEW("t")
NEW("t")
t = [NEW  ("t")]
t = (NEW)("t")
t = NEW \\|    ("t")
t = NEW[int]("t")
t = m[0].NEW("t")
if True:|    t: object = NEW(|        "t")
@NEW("t")|class T: pass
@NEW|class T: pass
@NEW  # a note|@other|def f(): pass
@m[0].NEW|async def f(): pass
@(|    NEW|)|class T: pass
class T:|    t = NEW("t")
class T(f(NEW("t"))): pass
if NEW("t"): pass
with a, NEW("t"): pass
def f(): pass|@f|@NEW("t")|def g(): pass
""".strip("\n").split("\n")

# Modules that make a name, the ways to use it, and which of those define a table.
ROOTS = {
    "bases": ("from sqlalchemy.orm import DeclarativeBase|class OLD0(DeclarativeBase): pass", BASES),
    "made bases": ("from sqlalchemy.orm import declarative_base|OLD0 = declarative_base()", BASES),
    "inner bases": (
        "from sqlalchemy.orm import DeclarativeBase|class OLD0:|    class Base(DeclarativeBase): pass",
        [use.replace("NEW", "NEW.Base") for use in BASES],
    ),
    "functions": ("import sqlalchemy as sa|def OLD0(name):|    return sa.Table(name, metadata)", CALLS),
    "factories": (
        "from sqlalchemy.orm import DeclarativeBase|class Base(DeclarativeBase): pass|def OLD0(name):|    class T(Base): pass",
        CALLS,
    ),
    "methods": (
        "from sqlalchemy import Table as t|class OLD0:|    @staticmethod|    def make(name):|        t(name, metadata)",
        [use.replace("NEW", "NEW.make") for use in CALLS],
    ),
    "copies": ("def OLD0(table):|    table.to_metadata(metadata)", CALLS),
}


@st.composite
def ways(draw: st.DrawFn) -> dict[str, str]:
    """Modules that hand a base, or a function that makes tables, to each other under one new name after the other."""
    root, uses = ROOTS[draw(st.sampled_from(list(ROOTS)))]
    files = {"m0.py": root}
    renames = draw(st.lists(st.sampled_from(RENAMES), min_size=1, max_size=3))
    for step, text in enumerate(renames):
        words = {"FROM": f"m{step}", "OLD": f"OLD{step}", "NEW": f"OLD{step + 1}"}
        files[f"m{step + 1}.py"] = replace_words("FROM|OLD|NEW", words, text)
    last = len(renames)
    use = draw(st.sampled_from(uses)).replace("NEW", f"OLD{last}")
    files["used.py"] = f"from m{last} import {draw(st.sampled_from(['*', f'OLD{last}']))}|{use}"
    return {path: text.replace("|", "\n") + "\n" for path, text in files.items()}


def read_everything(root: Path) -> dict[str, list[FoundTable]]:
    sources = Sources.read(root)
    tables = {name: list(TableFinder(sources).find(module)) for name, module in sources.modules.items()}
    return {name: found for name, found in tables.items() if found}


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))  # pyright: ignore[reportArgumentType]
@given(st.one_of(projects(), ways()))
def test_the_answer_is_that_of_parsing_everything(files: dict[str, str]) -> None:
    """Bases and functions are followed through aliases, re-exports, stars, cycles and files that do not parse."""
    with tempfile.TemporaryDirectory() as folder:
        root = write_files(Path(folder), files)
        expected = read_everything(root)
        sources, found = find_tables(root, walk_sources(root))
        assert found == expected
        assert sources.unreadable.items() <= Sources.read(root).unreadable.items()
        event(f"modules with tables: {len(expected)}")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ROOTS)
def test_each_way_to_rename_meets_each_way_to_use(tmp_path: Path, kind: str) -> None:
    """Every pair of them, with the same answer as parsing everything, and most of them define a table."""
    text, uses = ROOTS[kind]
    root = text.replace("OLD0", "A").replace("|", "\n")
    tables = 0
    for rename in RENAMES:
        words = {"FROM": "m0", "OLD": "A", "NEW": "B", "|": "\n"}
        files = {"m0.py": root, "m1.py": re.sub(r"FROM|OLD|NEW|\|", lambda match, words=words: words[match[0]], rename)}  # type: ignore[misc]
        for number, use in enumerate(uses):
            files[f"use{number}.py"] = f"from m1 import B\n{use.replace('NEW', 'B')}\n".replace("|", "\n")
        write_files(tmp_path, files)
        expected = read_everything(tmp_path)
        assert find_tables(tmp_path, walk_sources(tmp_path))[1] == expected, rename
        tables += len([name for name in expected if name.startswith("use")])
    assert tables > len(RENAMES) * len(uses) * 0.7


@pytest.mark.parametrize("rename", RENAMES)
def test_a_table_may_be_called_by_another_name(tmp_path: Path, rename: str) -> None:
    """Each call of a renamed `Table` is found, with the same answer as parsing everything."""
    words = {"FROM": "sqlalchemy", "OLD": "Table", "NEW": "B"}
    text = re.sub("FROM|OLD|NEW", lambda match: words[match[0]], rename)
    files = {f"use{number}.py": f"{text}\n{use.replace('NEW', 'B')}\n".replace("|", "\n") for number, use in enumerate(CALLS)}
    write_files(tmp_path, files)
    expected = read_everything(tmp_path)
    assert find_tables(tmp_path, walk_sources(tmp_path))[1] == expected
    assert len(expected) > len(CALLS) * 0.6 or "return" in rename


@pytest.mark.slow
def test_few_sources_of_a_large_project_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only sources of bases, mixins and helpers and those with a table are parsed, even without a word of SQLAlchemy."""
    written = write_large_project(tmp_path)
    parsed: list[Path] = []

    def parse(path: Path) -> Source | None:
        parsed.append(path)
        return parse_source(path)

    monkeypatch.setattr(discovery, "parse_source", parse)
    _, found = find_tables(tmp_path, walk_sources(tmp_path))
    assert tuple(sorted(found)) == written.table_modules
    assert len(parsed) == len(set(parsed)) <= len(written.table_modules) + 10


def test_a_name_that_another_package_has_too_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A declarative base may be called `BaseModel`, and many modules have pydantic's."""
    models = "from app.base import BaseModel\nclass Thing(BaseModel):\n    __tablename__ = 'thing'\n"
    base = "from sqlalchemy.orm import DeclarativeBase\nclass BaseModel(DeclarativeBase): pass\n"
    files = {"app/base.py": base, "app/models.py": models}
    for number, line in enumerate(("pydantic import BaseModel", "pydantic.main import (\n    Field,  # a\n    BaseModel,\n)")):
        files[f"app/schema{number}.py"] = f'"""Known as a (schema)."""\nfrom {line}\nclass Thing(BaseModel): pass\n'
    write_files(tmp_path, files)
    parsed: list[str] = []

    def record(path: Path) -> Source | None:
        parsed.append(path.name)
        return parse_source(path)

    monkeypatch.setattr(discovery, "parse_source", record)
    _, found = find_tables(tmp_path, walk_sources(tmp_path))
    assert list(found) == ["app.models"]
    assert sorted(parsed) == ["base.py", "models.py"]


def test_a_source_that_cannot_be_read_as_text_is_left_to_the_parser(tmp_path: Path) -> None:
    """Another encoding, or letters that Python reads as others."""
    table = "class Ma\N{LATIN SMALL LETTER E WITH ACUTE}(SQLModel, table=True): pass\n"
    text = "# coding: latin-1\nfrom sqlmodel import SQLModel\n" + table
    (tmp_path / "latin.py").write_bytes(text.encode("latin-1"))
    wide = "from sqlmodel import SQLModel\nclass A(SQLModel, \N{FULLWIDTH LATIN SMALL LETTER T}able=True): pass\n"
    (tmp_path / "wide.py").write_text(wide, encoding="utf-8")
    (tmp_path / "other.py").write_bytes(b"x = '\xff'\n")
    sources, found = find_tables(tmp_path, walk_sources(tmp_path))
    assert sorted(found) == ["latin", "wide"]
    assert sorted(sources.unreadable) == ["other"]


def test_a_source_that_cannot_matter_need_not_parse(tmp_path: Path) -> None:
    """One that could define a table is known as unreadable."""
    write_files(tmp_path, {"script.py": "print 'old'\n", "models.py": "class A(SQLModel, table=True)\n    pass\n"})
    sources, found = find_tables(tmp_path, walk_sources(tmp_path))
    assert found == {}
    assert list(sources.unreadable) == ["models"]
