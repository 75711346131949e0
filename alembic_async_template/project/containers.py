"""Finds the engines that containers of the dependency_injector package provide."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .classes import Class
from .engine_makers import EngineMakers, Member
from .syntax import assignments, last_name

# Calling one of these calls what its first argument is.
_PROVIDERS = frozenset(
    {"Singleton", "ThreadSafeSingleton", "ThreadLocalSingleton", "ContextLocalSingleton", "Factory", "Callable"}
)
_CONFIGURATION_SOURCES = frozenset({"default", "pydantic_settings", "yaml_files", "ini_files", "json_files"})


def list_provided(makers: EngineMakers, class_: Class) -> Iterator[Member]:
    """The engines that the providers of a container make, or that what they make has."""
    module, node = class_
    values = {name: value for name, value in assignments(node.body) if isinstance(value, ast.Call)}
    unfilled = {name for name, value in values.items() if _is_unfilled(value)}
    for name, value in values.items():
        if last_name(value) not in _PROVIDERS or not value.args:
            continue
        needs = next(iter(unfilled & {inner.id for inner in ast.walk(value) if isinstance(inner, ast.Name)}), None)
        engine = makers.engine(module, ast.Call(value.args[0], value.args[1:], value.keywords))
        if engine is not None:
            yield Member(f"{name}()", engine, True, needs)
        provided = makers.classes.named(module, value.args[0])
        if provided is not None and provided[1] is not node:
            for member in makers.members(*provided):
                yield Member(f"{name}().{member.path}", member.engine, True, needs)


def _is_unfilled(value: ast.Call) -> bool:
    """Whether it is a configuration that gets its values later."""
    return last_name(value) == "Configuration" and not any(item.arg in _CONFIGURATION_SOURCES for item in value.keywords)
