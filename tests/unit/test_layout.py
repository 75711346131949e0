"""The layout of the package: rooms on floors, imports that run down, no circles, modules of one concept."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import alembic_async_template

PACKAGE = Path(alembic_async_template.__file__).parent
ROOT = Path(__file__).parents[2]
NAME = PACKAGE.name

# Each room or top-level module stands above all that it imports; docs/architecture.md draws the floors.
FLOORS = [
    {"masking", "postgresql", "_compat"},
    {"errors"},
    {"diagnosis", "project"},
    {"application", "enums"},
    {"online"},
    {"autogenerate"},
    {"run"},
    {"doctor", "shadow"},
    {"adoption", "drift", "plan"},
    {"commands", "migrations", "op"},
    {"plugin"},
    {""},
]
# Lists, which grow by entries.
TABLES = {"_compat", "dependent_queries", "schema_queries"}
LONGEST = 350


def _list_modules() -> dict[str, Path]:
    """Every module by its dotted name, the package's own being empty."""
    modules = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] != "templates":
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


MODULES = _list_modules()


def _list_imports(name: str) -> Iterator[str]:
    """The modules of this package that one imports anywhere in its source, in functions and for type checkers too."""
    path = MODULES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
            for alias in node.names:
                target = f"{base}.{alias.name}".removeprefix(".")
                yield target if target in MODULES else base if base in MODULES else ""
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert NAME not in {imported.partition(".")[0] for imported in names}, f"{name} imports {names} by its full name"


IMPORTS = {name: sorted(set(_list_imports(name)) - {name}) for name in MODULES}


def _find_floor(name: str) -> int:
    room = name.partition(".")[0]
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


@pytest.mark.parametrize("name", MODULES)
def test_no_import_runs_up(name: str) -> None:
    """A room imports itself and rooms below; only top-level modules import each other on one floor."""
    room = name.partition(".")[0]
    for target in IMPORTS[name]:
        other = target.partition(".")[0]
        level = _find_floor(name) == _find_floor(target) and {room, other} & {"masking", "_compat", "op", "migrations"}
        assert other == room or level or _find_floor(target) < _find_floor(name), f"{name} imports {target}"


def test_no_imports_form_a_circle() -> None:
    """Modules that import each other, or only packages of which one is the other's parent, cannot be understood apart."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {' -> '.join([*path[path.index(name) :], name])}"
        if name not in done:
            for target in IMPORTS[name]:
                visit(target, (*path, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_one_concept(name: str) -> None:
    """It opens with a sentence that says what it is for, and is no longer than can be read at once."""
    source = MODULES[name].read_text()
    assert ast.get_docstring(ast.parse(source)), name
    is_table = name.rpartition(".")[2] in TABLES or name.startswith("diagnosis.rules")
    assert is_table or len(source.splitlines()) <= LONGEST, f"{name} has {len(source.splitlines())} lines"


def test_no_two_modules_share_a_name() -> None:
    """A name means one thing wherever it is read; what is parted by subject has the names of the subjects."""
    names = [name.rpartition(".")[2] for name in MODULES if not name.startswith(("errors.", "diagnosis.rules."))]
    assert sorted(name for name in names if names.count(name) > 1) == []


def test_the_architecture_page_names_every_room() -> None:
    """Its table has the floors from the top, and its text says what each room is for and names no module that is not there."""
    page = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| \d+ \| (.*) \|$", page, re.MULTILINE)
    floors = [{name.removesuffix("/").removesuffix(".py") for name in re.findall(r"`(.+?)`", row)} for row in rows]
    assert floors == [{name or "__init__" for name in rooms} for rooms in reversed(FLOORS)]
    told = page.partition("## The rooms")[2].partition("## ")[0]
    for room in set().union(*FLOORS) - {""}:
        assert f"`{room}/`" in told or f"`{room}.py`" in told, f"{room} is not explained"
    for path in re.findall(r"`([\w/.-]+(?:\.py|\.mako|/))`", page):
        assert (PACKAGE / path).exists() or (ROOT / path).exists() or path == "env.py", f"there is no {path}"
