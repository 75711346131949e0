"""Other packages that register an operation named add_enum_value: each call goes to the one it is written for."""

import sys

import pytest
from enums import create_enum, offline, read_enums
from project import Project

from alembic_async_template import op as typed_op
from alembic_async_template.enums import clash
from alembic_async_template.errors import OperationClashError

REVISION = """
from alembic import op as stock
{imports}
revision = "{name}"
down_revision = {previous!r}


def upgrade():
    {call}


def downgrade():
    pass
"""
THEIRS = "from alembic_postgresql_enum import TableReference\n"
OURS = "from alembic_async_template import op\n"


@pytest.mark.parametrize("env_imports", [False, True], ids=["revision imports it", "env.py imports it"])
def test_revisions_of_both_packages_run_in_one_history(project: Project, postgresql_url: str, env_imports: bool) -> None:
    """Whichever was registered last, and with whichever `op`."""
    create_enum(postgresql_url, "mood", ["a"])
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.environment["DATABASE_URL"] = postgresql_url
    if env_imports:
        env = project.directory / "migrations/env.py"
        env.write_text("import alembic_postgresql_enum\n" + env.read_text())
    calls = [
        ("one", THEIRS, 'stock.add_enum_value(enum_schema="public", enum_name="mood", new_value="b")'),
        ("two", "", 'stock.add_enum_value("public", "mood", "c", before_value="b")'),
        ("three", "", 'stock.add_enum_value("mood", "d", before="c", schema="public")'),
        ("four", OURS, 'op.add_enum_value("mood", "e", after="a")'),
    ]
    previous = None
    for name, imports, call in calls:
        text = REVISION.format(name=name, imports=imports, previous=previous, call=call)
        project.write({f"migrations/versions/{name}.py": text})
        previous = name
    project.alembic("upgrade", "head")
    assert read_enums(postgresql_url) == {"public.mood": ["a", "e", "b", "d", "c"]}  # their before_value means after
    project.write(
        {
            "migrations/versions/five.py": REVISION.format(
                name="five", imports="", previous="four", call='stock.add_enum_value("mood", "f", before_value="a")'
            )
        }
    )
    result = project.alembic("upgrade", "head", check=False)
    assert (
        "op.add_enum_value is an operation of alembic_async_template and of alembic_postgresql_enum, and the arguments fit none "
        "of them. Import op from the package that is meant: from alembic_async_template import op"
    ) in " ".join(result.output.split())


def test_a_call_that_fits_several_packages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three positional arguments are both other packages' way; the typed op is this package's in any case."""
    from alembic.operations import Operations

    for number, (name, class_) in enumerate(clash.OTHERS.items()):
        namespace = {"__name__": f"other{number}"}
        exec(f"class {class_}:\n    @classmethod\n    def add_enum_value(cls, op, schema, name, value): pass", namespace)
        module = type(sys)(name)
        setattr(module, class_, namespace[class_])
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(Operations, "add_enum_value", Operations.add_enum_value)
    clash.share_directive(sys)
    op, output = offline()
    with pytest.raises(OperationClashError) as error:
        op.add_enum_value("public", "mood", "b")
    assert (error.value.operation, error.value.packages) == ("add_enum_value", ("other0", "other1"))
    assert "the arguments fit each of them" in str(error.value)
    op.add_enum_value("mood", "b")
    assert "ALTER TYPE" in output.getvalue()
    assert typed_op.add_enum_value.func.__self__.__module__ == "alembic_async_template.enums.operations"
