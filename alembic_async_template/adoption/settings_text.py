"""Adds settings to the file that has those of an environment; everything else in it stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..project.ini import Form, Setting

# What each setting is for, in the words of the template's own file.
_COMMENTS = {
    "prepend_sys_path": "# Import root: the folder from which the application is imported.",
    "path_separator": "# How the paths in prepend_sys_path are separated: as in the system's own PATH.",
    "app_models": "# Models: every module in them that defines tables is imported, those added later too. * is every module.",
    "app_engine": "# Engine: module:attribute of the application's engine, URL or settings value.",
    "database_url_env": "# Environment variable with the database URL, used where app_engine names none.",
    "sqlalchemy.url": "# The URL that is used where neither app_engine nor the environment variable names one.",
}


def add_settings(text: str, header: str, settings: Sequence[Setting], form: Form) -> str:
    """A file with settings written below the header of their section, in place of those of the same name.

    :raises ValueError: the section has no header of its own.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    found = re.search(rf"^{re.escape(header)}[^\n]*$\n?", text, re.MULTILINE)
    if found is None:
        raise ValueError(header)
    before, section = text[: found.end()], text[found.end() :]
    end = re.search(r"^\[", section, re.MULTILINE)
    section, after = (section[: end.start()], section[end.start() :]) if end else (section, "")
    for setting in settings:
        section = _remove(section, setting.name)
    blocks = [f"{_COMMENTS[setting.name]}\n{setting.render(form)}\n\n" for setting in settings]
    added = "".join(blocks).replace("\n", newline)
    if not before.endswith("\n"):
        before += newline
    return f"{before}{added}{section}{after}"


def _remove(section: str, name: str) -> str:
    """A section without the line that sets something, and without what continues it."""
    pattern = rf"^[\"']?{re.escape(name)}[\"']?[ \t]*[=:][^\n]*\n?(?:[ \t]+\S[^\n]*\n?|\][^\n]*\n?)*"
    return re.sub(pattern, "", section, count=1, flags=re.MULTILINE)


def list_new(settings: Sequence[Setting], present: Mapping[str, str], form: Form) -> list[Setting]:
    """The settings that are not there yet, or with another value."""
    return [one for one in settings if present.get(one.name) != one.render(form).partition(" = ")[2].strip('"')]
