"""Sources that are hard to read: long chains, deep expressions, large files, and text that is no Python at all."""

from __future__ import annotations

import ast
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import alembic_async_template
from alembic_async_template.project import classes, discovery, files, sources, survey
from alembic_async_template.project.discovery import find_tables
from alembic_async_template.project.files import walk_sources
from alembic_async_template.project.sources import Source
from alembic_async_template.project.survey import describe_project
from support.project import write_files

BASE = "from sqlalchemy.orm import DeclarativeBase\n\nclass Base(DeclarativeBase): pass\n"
TABLE = "class Post(Base):\n    __tablename__ = 'post'\n"
# A module with an engine, and with whatever else.
ENGINE = "from sqlalchemy.ext.asyncio import create_async_engine\n\nengine = create_async_engine('sqlite://')\n"


def chain_classes(count: int) -> str:
    """Classes of which each derives from the one before, the first from a declarative base."""
    lines = [f"class C{number}(C{number - 1}):\n    __tablename__ = 't{number}'\n" for number in range(1, count)]
    return f"{BASE}class C0(Base):\n    __tablename__ = 't0'\n{''.join(lines)}"


def star_imports(count: int) -> dict[str, str]:
    """Modules of which each imports everything from each other one."""
    names = [f"m{number}" for number in range(count)]
    files = {f"{name}.py": "".join(f"from {other} import *\n" for other in names if other != name) for name in names}
    return files | {
        "base.py": BASE,
        "m0.py": files["m0.py"] + "from base import Base\n",
        "models.py": f"from m1 import Base\n{TABLE}",
    }


def hand_on(count: int) -> dict[str, str]:
    """A base that goes from module to module, under a new name each time."""
    files = {f"m{number}.py": f"from m{number - 1} import B{number - 1} as B{number}\n" for number in range(1, count)}
    models = f"from m{count - 1} import B{count - 1} as Base\n{TABLE}"
    return {"base.py": BASE, "m0.py": "from base import Base as B0\n", **files, "models.py": models}


def branches(count: int) -> str:
    """A long chain of `elif`."""
    return "import os\nif os:\n    x = 0\n" + "".join(f"elif os.x == {number}:\n    x = {number}\n" for number in range(count))


def add(count: int) -> str:
    """A sum of many terms, in which an engine is made."""
    parts = " + ".join(["part"] * count)
    return f"url = {parts}\nx = {' + '.join(['f()'] * count)}\ny = create_async_engine({parts})\n"


DEEP = {
    "1,000 terms": add(1_000),
    "2,500 terms": add(2_500),
    "100,000 terms": add(100_000),
    "90 brackets": f"x = {'(' * 90}{')' * 90}\ny = {'[' * 90}{']' * 90}\n",
    "5,000 brackets": f"x = {'[' * 5_000}{']' * 5_000}\n",
    "300 branches": branches(300),
    "900 branches": branches(900),
    "5,000 branches": branches(5_000),
    "1,500 attributes": f"x = f{'.x()' * 1_500}\nSession(bind=f{'.x()' * 1_500})\nSession(bind=f{'.x' * 1_500})\n",
    "1,500 parts of a union": f"x: {' | '.join(['int'] * 1_500)} = f()\n",
    "1,500 signs": f"x = {'not ' * 1_500}1\n",
    "60 blocks": "".join(f"{' ' * depth}if x:\n" for depth in range(60)) + " " * 60 + "pass\n",
    "150 blocks": "".join(f"{' ' * depth}if x:\n" for depth in range(150)) + " " * 150 + "pass\n",
    "1,500 variables": "def f():\n    v0 = url\n"
    + "".join(f"    v{number} = v{number - 1}\n" for number in range(1, 1_500))
    + "    return create_async_engine(v1499)\n",
    "1,500 calls of calls": f"x = f{'()' * 1_500}\n",
    "null bytes": "x = 1\0\n",
    "only null bytes": "\0" * 1000,
    "endless string": "x = '''" + "a" * 100_000,
}
# What no version of Python parses; how deep an expression may be depends on the version.
BROKEN = {"5,000 brackets", "150 blocks", "null bytes", "only null bytes", "endless string"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", DEEP)
def test_one_source_hides_no_other(tmp_path: Path, kind: str) -> None:
    """Whether Python can parse it or not, `init` and the scan find what is beside it, and what is in it if that can be parsed."""
    files = {"app/deep.py": f"{BASE}{DEEP[kind]}{TABLE}", "app/models.py": f"{BASE}{TABLE}", "app/engine.py": ENGINE + DEEP[kind]}
    root = write_files(tmp_path, {**files, "app/db.py": ENGINE, "app/__init__.py": ""})
    found, tables = find_tables(root, walk_sources(root))
    project = describe_project(root, [root], [])
    assert sorted(tables) == sorted(project.model_modules)
    assert "app.models" in tables
    assert sorted([*found.unreadable, *tables]) == ["app.deep", "app.models"]
    assert "app.db:engine" in project.engines
    if kind in BROKEN:
        assert list(found.unreadable) == ["app.deep"]


@pytest.mark.slow
def test_a_long_chain_of_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of 2,000 classes is a table, and what it inherits is put together once, not for each class below it."""
    root = write_files(tmp_path, {"models.py": chain_classes(2_000)})
    _, tables = find_tables(root, walk_sources(root))
    assert len(tables["models"]) == 2_000
    merged: list[str] = []
    monkeypatch.setattr(classes.Inherited, "_join", _count(classes.Inherited._join, merged))
    assert describe_project(root, [root], []).model_modules == ("models",)
    assert len(merged) < 5 * 2_000


def test_classes_in_a_chain_of_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """400 of them; each file is parsed once."""
    files = {f"m{n}.py": f"from m{n - 1} import C{n - 1}\nclass C{n}(C{n - 1}): pass\n" for n in range(1, 400)}
    root = write_files(tmp_path, {**files, "m0.py": BASE.replace("Base(", "C0(")})
    check_tables(root, monkeypatch, [f"m{n}" for n in range(1, 400)], parsed=400)


def test_stars_in_all_directions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven modules that import everything from each other have ten million ways through them; each is parsed once."""
    root = write_files(tmp_path, star_imports(11))
    check_tables(root, monkeypatch, ["models"], parsed=13)


@pytest.mark.slow
def test_a_base_that_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base that has a new name in each of 1,200 modules is followed, and each module is parsed once."""
    root = write_files(tmp_path, hand_on(1_200))
    check_tables(root, monkeypatch, ["models"], parsed=1_202)


def check_tables(root: Path, monkeypatch: pytest.MonkeyPatch, expected: list[str], *, parsed: int) -> None:
    """Both `check` and `init` find these modules, and parse so many files at most, each once."""
    read: list[Path] = []

    def parse(path: Path) -> Source | None:
        read.append(path)
        return sources.parse_source(path)

    for module, find in (
        (discovery, lambda: find_tables(root, walk_sources(root))[1]),
        (survey, lambda: describe_project(root, [root], []).model_modules),
    ):
        read.clear()
        monkeypatch.setattr(module, "parse_source", parse)
        assert sorted(find()) == sorted(expected)
        assert len(read) == len(set(read)) <= parsed


def _count(function: Callable[..., object], calls: list[str]) -> Callable[..., object]:
    def counted(*arguments: object) -> object:
        calls.append(function.__name__)
        return function(*arguments)

    return counted


DATA = "DATA = [\n" + "    {'a': 1, 'b': 'some text here', 'c': [1, 2, 3]},\n" * 1_000_000 + "]\n"


@pytest.mark.slow
def test_a_file_of_50_megabytes_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tree would fill the memory; `init` says that it was left out, the scan does so only if it could define a table."""
    root = write_files(tmp_path, {"data.py": DATA, "models.py": f"{BASE}{TABLE}", "more.py": f"{BASE}{TABLE}{DATA[:2_000_000]}]"})
    sizes: list[int] = []
    parse: Callable[..., ast.Module] = ast.parse

    def measure(text: bytes, *rest: Any) -> ast.Module:
        sizes.append(len(text))
        return parse(text, *rest)

    monkeypatch.setattr(ast, "parse", measure)
    found, tables = find_tables(root, walk_sources(root))
    assert list(tables) == ["models"]
    assert list(found.unreadable) == ["more"]
    project = describe_project(root, [root], [])
    assert project.model_modules == ("models",)
    assert project.unread == ("data.py (larger than 2 MB)", "more.py (larger than 2 MB)")
    assert max(sizes) <= files.LARGEST


# Sources of real life, to be damaged.
REAL = [path.read_bytes() for path in sorted(Path(alembic_async_template.__file__).parent.rglob("*.py"))]
REAL += [
    f"{BASE}{TABLE}{ENGINE}".encode(),
    chain_classes(5).encode(),
    add(5).encode(),
    *(text.encode() for text in hand_on(3).values()),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A source of which a part is cut off, doubled, shuffled or replaced by bytes."""
    text = draw(st.sampled_from(REAL))
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    match draw(st.sampled_from(["cut", "rest", "twice", "bytes", "words", "lines"])):
        case "cut":
            return text[:start]
        case "rest":
            return text[start:]
        case "twice":
            return text[:end] + text[start:]
        case "bytes":
            return text[:start] + draw(st.binary(max_size=20)) + text[end:]
        case kind:
            pieces = text.split(b"\n" if kind == "lines" else b" ")
            random.Random(draw(st.integers(0, 1000))).shuffle(pieces)
            return (b"\n" if kind == "lines" else b" ").join(pieces)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))  # pyright: ignore[reportArgumentType]
@given(st.lists(st.one_of(damaged(), damaged(), st.binary(max_size=200)), min_size=1, max_size=3))
def test_no_text_stops_the_scan(texts: list[bytes]) -> None:
    """`init` and the scan find the table and the engine beside files with any bytes in them."""
    with tempfile.TemporaryDirectory() as folder:
        root = write_files(Path(folder), {"own/models.py": f"{BASE}{TABLE}", "own/db.py": ENGINE})
        for number, text in enumerate(texts):
            (root / f"m{number}.py").write_bytes(text)
        assert "own.models" in find_tables(root, walk_sources(root))[1]
        project = describe_project(root, [root], [])
        assert "own.models" in project.model_modules
