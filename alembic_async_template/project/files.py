"""Lists the Python files that may belong to an application, and the names under which they are imported."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

# Folders whose modules are never the application's: tests, and other people's code.
_SKIPPED_FOLDERS = frozenset("test tests testing vendored _vendor third_party site-packages node_modules __pycache__".split())
# Beside the application, and a part of it when they are inside of it: a shop may have vendors.
_SKIPPED_BESIDE = frozenset("venv env virtualenv vendor build dist docs".split())
_TEST_MODULE = re.compile(r"conftest$|test_|\w+_test$")
# Files by which virtual environments, conda's environments and migrations are known, whatever their name.
_OTHERS_MARKS = ("pyvenv.cfg", "conda-meta", "script.py.mako")
# An application may lie in the root of a container's file system; these beside it belong to the system.
_SYSTEM_FOLDERS = frozenset("bin boot dev etc home lib lib32 lib64 media mnt opt proc root run sbin srv sys tmp usr var".split())
# A larger source is not parsed: that takes up to two hundred times its size in memory, and most such files are data.
LARGEST = 2_000_000
_BUILD_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
# How deep the projects of a monorepo are looked for: `apps/backend/user-service`.
_DEEPEST_PROJECT = 2
AnyPath = TypeVar("AnyPath", str, Path)


def list_sources(directory: Path, excluded: Collection[Path] = ()) -> Iterator[Path]:
    """The Python files under `directory` that may belong to an application, in a stable order; see `walk_sources`."""
    return map(Path, walk_sources(directory, excluded))


def walk_sources(directory: Path, excluded: Collection[Path] = ()) -> Iterator[str]:
    """What `list_sources` lists, as plain text: a `Path` takes longer to make than the file to read.

    Left out: virtual environments, tests, migrations (folders with a `script.py.mako`), hidden and vendored folders,
    folders that may not be read or that lead back to themselves, and whatever has a name that no import statement can say.
    """
    skipped = _list_skipped(directory)
    start = os.fspath(directory)
    left_out = {os.fspath(path) for path in excluded}
    # Files to give, and folders to look into, with the real paths of those they are in; the next one is the last.
    pending = _list_folder(start, skipped, left_out, frozenset({os.path.realpath(start)}))
    while pending:
        path, above = pending.pop()
        if above is None:
            yield path
        else:
            pending += _list_folder(path, _SKIPPED_FOLDERS, left_out, above)


def _list_folder(
    folder: str, skipped: Collection[str], excluded: Collection[str], above: frozenset[str]
) -> list[tuple[str, frozenset[str] | None]]:
    """The sources in a folder and the folders to look into, in reverse; the latter with the real paths of all above."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name, reverse=True)
    except OSError:  # the data of a database, for example
        return []
    found: list[tuple[str, frozenset[str] | None]] = []
    if len(above) > 1 and any(entry.name in _OTHERS_MARKS for entry in entries):
        return found
    for entry in entries:
        name = entry.name
        if name.endswith(".py"):
            stem = name[:-3]
            if stem.isidentifier() and not _TEST_MODULE.match(stem) and entry.path not in excluded and _is_file(entry):
                found.append((entry.path, None))
        elif name.isidentifier() and name not in skipped and entry.path not in excluded and _is_folder(entry):
            real = os.path.realpath(entry.path)
            if real not in above:
                found.append((entry.path, above | {real}))
    return found


def _list_skipped(directory: Path) -> frozenset[str]:
    """The names of the folders in `directory` that are never the application's."""
    system = _SYSTEM_FOLDERS if directory == Path(directory.anchor) else frozenset[str]()
    return _SKIPPED_FOLDERS | _SKIPPED_BESIDE | system


def list_inner_projects(directory: Path, excluded: Collection[Path] = ()) -> Iterator[Path]:
    """Folders below `directory` that no import statement can name, `user-service` for example, with a file of a build tool."""
    pending = [(directory, 0)]
    skipped = _list_skipped(directory)
    while pending:
        folder, depth = pending.pop()
        try:
            entries = sorted((entry for entry in os.scandir(folder) if _is_folder(entry)), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith(".") or entry.name in skipped or path in excluded:
                continue
            if not entry.name.isidentifier() and has_build_file(path):
                yield path
            elif depth < _DEEPEST_PROJECT and not entry.is_symlink():
                pending.append((path, depth + 1))


def has_build_file(folder: Path) -> bool:
    """Whether a folder is that of a project, by a file of a build tool."""
    return any(os.path.isfile(folder / name) for name in _BUILD_FILES)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads back to itself
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def read_source(path: str | Path) -> bytes:
    """The text of a file, empty when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def is_too_large(path: Path) -> bool:
    """Whether a file is too large to be parsed."""
    try:
        return os.stat(path).st_size > LARGEST
    except OSError:
        return False


def dotted_name(path: str | Path, root: str | Path) -> str:
    """The name under which `path` is imported when `root` is on `sys.path`."""
    name = os.fspath(path)[len(os.fspath(root)) :].strip(os.sep).removesuffix(".py").replace(os.sep, ".")
    return name.removesuffix(".__init__")


def name_modules(paths: Iterable[AnyPath], root: Path) -> dict[str, AnyPath]:
    """The sources by the name of their module; of a module and a package of one name, Python imports the package."""
    named: dict[str, AnyPath] = {}
    start = os.fspath(root)
    for path in paths:
        file = os.fspath(path)
        name = dotted_name(file, start)
        if name not in named or file.endswith("__init__.py"):
            named[name] = path
    return named
