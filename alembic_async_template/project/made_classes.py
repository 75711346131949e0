"""Reads a call that makes a class, such as `type("Post", (Base,), {})`, as the class statement that it stands for."""

from __future__ import annotations

import ast
from collections.abc import Sequence

# What makes a class, by the absolute names that it has.
MAKERS = {
    "type": "type",
    "builtins.type": "type",
    "types.new_class": "new_class",
    "pydantic.create_model": "create_model",
    "pydantic.main.create_model": "create_model",
}


def read_made_class(maker: str, call: ast.Call) -> ast.ClassDef | None:
    """The statement for a call of one of `MAKERS`; None if it makes no class, or one that cannot be a table."""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    match MAKERS.get(maker), call.args:
        case "type", [name, bases, namespace]:
            return _statement(call, name, bases, call.keywords, namespace)
        case "new_class", [name, *others]:
            given = dict(zip(("bases", "kwds"), others, strict=False)) | named
            return _statement(call, name, given.get("bases"), _unpacked(given.get("kwds")), None)
        case "create_model", [name, *_] if "__cls_kwargs__" in named:
            return _statement(call, name, named.get("__base__"), _unpacked(named["__cls_kwargs__"]), None)
    return None


def read_entries(mapping: ast.expr | None) -> dict[str, ast.expr] | None:
    """What `{"a": b}` or `dict(a=b)` has; None for what only running it can tell."""
    if isinstance(mapping, ast.Call) and isinstance(mapping.func, ast.Name) and mapping.func.id == "dict" and not mapping.args:
        pairs: list[tuple[object, ast.expr]] = [(keyword.arg, keyword.value) for keyword in mapping.keywords]
    elif isinstance(mapping, ast.Dict):
        pairs = [(getattr(key, "value", None), value) for key, value in zip(mapping.keys, mapping.values, strict=True)]
    else:
        return None
    entries = {key: value for key, value in pairs if isinstance(key, str)}
    return entries if len(entries) == len(pairs) else None


def _unpacked(mapping: ast.expr | None) -> list[ast.keyword]:
    return [] if mapping is None else [ast.keyword(arg=None, value=mapping)]


def _statement(
    call: ast.Call, name: ast.expr, bases: ast.expr | None, keywords: Sequence[ast.keyword], namespace: ast.expr | None
) -> ast.ClassDef:
    made = ast.ClassDef(
        name=name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else ast.unparse(name),
        bases=list(bases.elts) if isinstance(bases, ast.Tuple | ast.List) else [] if bases is None else [bases],
        keywords=list(keywords),
        body=[
            ast.Assign(targets=[ast.Name(id=key, ctx=ast.Store())], value=value)
            for key, value in (read_entries(namespace) or {}).items()
        ],
        decorator_list=[],
    )
    return ast.copy_location(made, call)
