"""Describes what the application has raised, without its secrets."""

from __future__ import annotations

import sys
from typing import Any

from ..masking import hide_secrets, mask_message


def describe_exception(error: BaseException) -> str:
    """An exception of the application in words, without passwords: neither what pydantic rejected nor those in URLs."""
    if type(error).__name__ == "ValidationError":
        rejected: Any = error
        details = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in rejected.errors())
        return mask_message(f"{type(error).__name__}: {details}")
    try:
        text = str(error)
    except Exception:  # the application's own class
        text = "it cannot be described"
    return mask_message(f"{type(error).__name__}: {text}").removesuffix(".").removesuffix(": ")


def hide_input(error: BaseException) -> BaseException:
    """An exception for the traceback, without passwords in URLs; pydantic's would show whatever was put in."""
    core: Any = sys.modules.get("pydantic_core")
    if core is None or not isinstance(error, core.ValidationError):
        hide_secrets(error)
        error.args = tuple(mask_message(text) if isinstance(text, str) else text for text in error.args)
        return error
    rejected: Any = error
    details = [
        {"type": core.PydanticCustomError(item["type"], item["msg"]), "loc": item["loc"], "input": None}
        for item in rejected.errors()
    ]
    hidden: BaseException = core.ValidationError.from_exception_data(rejected.title, details, hide_input=True)
    return hidden.with_traceback(error.__traceback__)
