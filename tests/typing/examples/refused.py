"""Mistakes that a type checker finds: each ignore is needed, or the checkers complain about it."""

from pathlib import Path

from alembic_async_template import Migrations, op, run_environment

op.add_enum_value("status", 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
op.add_enum_value("status", "live", "draft")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
op.add_enum_values("status", "live")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
op.create_enum("status")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
op.remove_enum_value("status", "draft", replaced_by="live")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
op.replace_enum_values("status", ["a"], replace_with=["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
op.create_table(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
run_environment("app.models")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Migrations(Path("alembic.ini"), "head")  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
Migrations(bind="postgresql://localhost/app")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def forget_to_wait() -> None:
    Migrations().upgrade()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    (await Migrations().current()).append("head")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
