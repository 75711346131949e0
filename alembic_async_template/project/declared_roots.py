"""Reads in pyproject.toml where a project's packages lie."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def find_project_folder(directory: Path) -> Path | None:
    """The nearest folder at or above `directory` with a pyproject.toml, inside of the same repository."""
    for folder in (directory, *directory.parents):
        if os.path.isfile(folder / "pyproject.toml"):  # `Path.is_file` raises if the folder may not be entered
            return folder
        if os.path.exists(folder / ".git"):
            return None
    return None


def find_newer_python(directory: Path) -> str | None:
    """The oldest Python that the project of a folder asks for, if that is newer than the one that runs: `3.14`."""
    folder = find_project_folder(directory)
    if folder is None:
        return None
    project = _read(folder)
    wanted = _table(project, "project").get("requires-python") or _table(project, "tool", "poetry", "dependencies").get("python")
    versions = re.findall(r"(?:>=|~=|==|\^|~)\s*(\d+)\.(\d+)", wanted if isinstance(wanted, str) else "")
    oldest = max(((int(major), int(minor)) for major, minor in versions), default=(0, 0))
    return ".".join(map(str, oldest)) if oldest > sys.version_info[:2] else None


def read_declared_roots(folder: Path) -> tuple[Path, ...]:
    """The folders that the pyproject.toml of `folder`, and those of its workspace's members, declare as import roots."""
    roots: dict[Path, None] = {}
    for project in (folder, *_list_members(folder)):
        for place in _list_places(_read(project)):
            root = (project / place).resolve()
            if os.path.isdir(root):
                roots[root] = None
    return tuple(roots)


def find_workspace_member(directory: Path, module: str) -> Path | None:
    """The member of uv's workspace, around a folder, that has a module."""
    for folder in (directory, *directory.parents):
        for member in _list_members(folder):
            name = str(_table(_read(member), "project").get("name", "")).lower()
            places = (place / one for place in (member, member / "src") for one in (module, f"{module}.py"))
            if re.sub(r"[-_.]+", "_", name) == module.lower() or any(map(os.path.exists, places)):
                return member
        if os.path.exists(folder / ".git"):
            return None
    return None


def _list_members(folder: Path) -> Iterator[Path]:
    """The members of uv's workspace: https://docs.astral.sh/uv/concepts/projects/workspaces/."""
    workspace = _table(_read(folder), "tool", "uv", "workspace")
    left_out = {path for pattern in _strings(workspace.get("exclude")) for path in folder.glob(pattern)}
    for pattern in _strings(workspace.get("members")):
        for path in sorted(folder.glob(pattern)):
            if path not in left_out and os.path.isfile(path / "pyproject.toml"):
                yield path


def _list_places(project: dict[str, Any]) -> Iterator[str]:
    """The import roots that the settings of each build tool amount to, relative to the project."""
    setuptools = _table(project, "tool", "setuptools")
    for package, folder in _table(setuptools, "package-dir").items():
        yield from _strip_package(str(folder), package)
    yield from _strings(_table(setuptools, "packages", "find").get("where"))

    uv = _table(project, "tool", "uv", "build-backend")
    if uv or _table(project, "build-system").get("build-backend") == "uv_build":
        yield str(uv.get("module-root", "src"))

    packages = _table(project, "tool", "poetry").get("packages")
    for package in packages if isinstance(packages, list) else ():
        if isinstance(package, dict):
            yield str(package.get("from", "."))

    for hatch in (_table(project, "tool", "hatch", "build", "targets", "wheel"), _table(project, "tool", "hatch", "build")):
        yield from (Path(package).parent.as_posix() for package in _strings(hatch.get("packages")))
        sources = hatch.get("sources")
        yield from (
            (source for source, target in sources.items() if not target) if isinstance(sources, dict) else _strings(sources)
        )

    pdm = _table(project, "tool", "pdm", "build").get("package-dir")
    yield from _strings(pdm)


def _strip_package(folder: str, package: str) -> Iterator[str]:
    """The root for a package that lies in `folder`; none where the folder has another name than the package."""
    parts, names = Path(folder).parts, package.split(".") if package else []
    if not names or list(parts[-len(names) :]) == names:
        yield Path(*parts[: len(parts) - len(names)]).as_posix()


def _read(folder: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):  # its own tools will say what is wrong with it
        return {}


def _table(values: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        found = values.get(name)
        values = found if isinstance(found, dict) else {}
    return values


def _strings(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str)]
