"""Checks whether passwords are where they are kept, or shown, for long."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..errors.block import Fix
from ..project.syntax import expression_name
from .finding import Problem
from .git import ask_git
from .revision_files import called_name
from .subject import SourceFile, Subject

_URL = re.compile(r"\b(?!driver:)[a-z][\w+]*://[^\s:/@'\"]*:(?P<password>[^\s@'\"]+)@", re.IGNORECASE)
# What documentation has in place of a password.
_PLACEHOLDER = re.compile(r"\*+|\.+|<.*>|\$\{?.*|%\(.*|\{.*")
_SQL_PASSWORD = re.compile(r"\b(?:WITH|ENCRYPTED)?\s*PASSWORD\s+'(?P<password>[^']+)'", re.IGNORECASE)
_PRINTING = {"print", "debug", "info", "warning", "error", "critical", "log", "echo"}
_MASKING = {"mask_url", "obfuscate_url_pw", "hide_password", "repr"}
# A line of an ini with a URL that has a password in it.
_SETTING = r"sqlalchemy\.url\s*=.*://[^:@ ]*:[^@ ]+@"


def check_secrets(subject: Subject) -> Iterator[Problem]:
    """Find passwords in the settings, their history and the revisions, and an `env.py` that prints the URL."""
    in_settings = list(_check_settings(subject))
    yield from in_settings
    if not in_settings and subject.ini is not None:
        yield from _check_history(subject, subject.ini)
    for revision in subject.revisions:
        for node in ast.walk(revision.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and (found := _find_password(node.value)):
                fix = Fix("read it from the environment of the deployment", 'os.environ["PASSWORD"]')
                problem = f"{subject.relative_path(revision.path)} has a password in it, of {len(found)} characters"
                yield Problem("password-in-revision", problem, fix, revision.path, node.lineno)
    if subject.env is not None:
        yield from _check_printing(subject, subject.env)


def _check_settings(subject: Subject) -> Iterator[Problem]:
    for setting in subject.settings.values():
        if _find_password(setting.value):
            problem = f"{setting.name} in {setting.file.path.name} has a password in it"
            fix = Fix("remove the setting, read the URL from an environment variable, and change the password")
            yield Problem("password-in-ini", problem, fix, setting.file.path, setting.line)


def _find_password(text: str) -> str | None:
    found = _URL.search(text) or _SQL_PASSWORD.search(text)
    if found is None or _PLACEHOLDER.fullmatch(found["password"]):
        return None
    return found["password"]


def _check_history(subject: Subject, ini: SourceFile) -> Iterator[Problem]:
    log = ask_git(subject.directory, "log", "--format=commit %h", "-p", "--no-color", f"-G{_SETTING}", "--", ini.path.name)
    commit = ""
    for line in log.splitlines():
        if line.startswith("commit "):
            commit = line.split()[1]
        elif re.match(rf"\+\s*{_SETTING}", line) and _find_password(line):
            problem = f"{ini.path.name} had a password in it in commit {commit}"
            yield Problem("password-in-history", problem, Fix("change the password of that role"), ini.path)
            return


def _check_printing(subject: Subject, env: SourceFile) -> Iterator[Problem]:
    for node in ast.walk(env.tree):
        if isinstance(node, ast.Call) and called_name(node) in _PRINTING and any(map(_shows_url, node.args)):
            problem = f"{subject.relative_path(env.path)} prints the URL"
            yield Problem(
                "url-printed", problem, Fix(f"remove line {node.lineno}, or print the database's name"), env.path, node.lineno
            )


def _shows_url(node: ast.expr) -> bool:
    """Whether an expression is a URL with its password: a text by its name, or the setting; `engine.url` hides it."""
    if isinstance(node, ast.Name):
        return re.search(r"(^|_)(url|dsn)$", node.id, re.IGNORECASE) is not None
    if isinstance(node, ast.Call):
        if called_name(node) in _MASKING:
            return False
        if called_name(node) in {"get_main_option", "get_section_option"}:
            return any(isinstance(argument, ast.Constant) and argument.value == "sqlalchemy.url" for argument in node.args)
        if called_name(node) == "render_as_string":
            return any(keyword.arg == "hide_password" and expression_name(keyword.value) is None for keyword in node.keywords)
        return any(map(_shows_url, node.args))
    if isinstance(node, ast.JoinedStr):
        return any(_shows_url(part.value) for part in node.values if isinstance(part, ast.FormattedValue))
    return isinstance(node, ast.BinOp) and (_shows_url(node.left) or _shows_url(node.right))
