"""Runs `alembic doctor` on a project, and types what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.commands import keep_variables
from support.doctor_cases import Broken
from support.project import Project, write_files


def look(project: Project, *options: str, folder: str = ".") -> list[dict[str, Any]]:
    """What `alembic doctor --json` finds."""
    result = project.alembic("doctor", "--json", *options, cwd=project.directory / folder, check=False)
    findings: list[dict[str, Any]] = json.loads(result.stdout)["findings"]
    assert result.returncode == any(finding["severity"] != "note" for finding in findings), str(result)
    return findings


def type_line(project: Project, line: str, folder: str = ".") -> None:
    """Type a line as a person would, in a shell."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = keep_variables(**project.environment, PATH=path, HOME=str(project.directory))
    subprocess.run(line, shell=True, cwd=project.directory / folder, env=environment, check=True, capture_output=True)


def set_up(case: Broken, project: Project, file: Path) -> None:
    url = case.url.format(sqlite=f"sqlite:///{file}")
    write_files(project.directory, {name: text.replace("{url}", url) for name, text in case.files.items()})
    for line in case.before:
        type_line(project, line.replace("{file}", str(file)))
