"""The plugin: it loads without a warning in either order, keeps `import alembic` quick, and never breaks it."""

import subprocess
import sys
from pathlib import Path

import pytest


def run_python(code: str, *options: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, cwd=cwd, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [
        "import alembic",
        "import alembic_async_template, alembic",
        "import alembic, alembic_async_template",
        "from alembic_async_template import op, run_environment, AlembicAsyncTemplateError",
        "import alembic_async_template.errors, alembic.command",
        "from alembic import command, config",
        "from alembic_async_template.run import environment",
        "import alembic_async_template.plugin",
    ],
)
def test_any_import_order_works_with_warnings_as_errors(code: str) -> None:
    """Neither package minds which of the two comes first."""
    result = run_python(code, "-W", "error")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_operations_are_registered_by_importing_alembic_alone() -> None:
    """Revisions that import op from Alembic find the operations too."""
    result = run_python("import alembic; print(alembic.op.add_enum_value.__name__)", "-W", "error")
    assert result.stdout == "add_enum_value\n", result.stderr


def test_importing_alembic_imports_nothing_heavy() -> None:
    """The plugin's registration brings no SQLModel, no driver and none of the environment."""
    code = (
        "import sys, alembic\n"
        "heavy = ('sqlmodel', 'pydantic', 'asyncpg', 'psycopg', 'aiosqlite', 'sqlalchemy.ext.asyncio',"
        " 'alembic_async_template.commands.wrappers', 'alembic_async_template.errors', 'alembic.config')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    assert run_python(code).stdout == "[]\n"


def test_a_command_of_another_environment_imports_next_to_nothing() -> None:
    """The template is put among Alembic's and its functions are wrapped; what they do with it is imported when they do it."""
    code = (
        "import sys, alembic.config, alembic.command\n"
        "print(*sorted(name for name in sys.modules if name.startswith('alembic_async_template.')))"
    )
    names = ["_compat", "plugin"]
    assert run_python(code).stdout.split() == [f"alembic_async_template.{name}" for name in names]


def test_a_fault_in_setup_is_one_warning_and_alembic_imports(tmp_path: Path) -> None:
    """A broken installation of this package is named once, and every other program keeps its Alembic."""
    code = (
        "import sys; sys.modules['wrapt'] = None\n"
        "import alembic.config, alembic.command, alembic.op\n"
        "print(alembic.config.Config.__name__)"
    )
    result = run_python(code, "-W", "always", cwd=tmp_path)
    assert result.stdout == "Config\n", result.stderr
    assert result.stderr.count("alembic-async-template could not be set up and is not available") == 1
    assert "ModuleNotFoundError: import of wrapt halted" in result.stderr


def test_a_fault_after_the_import_is_one_warning(tmp_path: Path) -> None:
    """What waits for another module of Alembic may fail there, and is named once as well."""
    code = (
        "import sys; sys.modules['alembic_async_template._compat'] = None\n"
        "import alembic.config, alembic.command\n"
        "print(alembic.config.Config.__name__)"
    )
    result = run_python(code, cwd=tmp_path)
    assert result.stdout == "Config\n", result.stderr
    assert result.stderr.count("could not be set up") == 1, result.stderr


def test_the_public_names_are_listed() -> None:
    """`dir` and `__all__` agree, and a wrong name is an AttributeError."""
    import alembic_async_template

    assert set(alembic_async_template.__all__) <= set(dir(alembic_async_template))
    for name in alembic_async_template.__all__:
        assert getattr(alembic_async_template, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = alembic_async_template.nothing


def test_the_other_enum_packages_are_the_same_for_the_plugin_and_the_clash() -> None:
    """The plugin names them too, since it imports nothing at the start."""
    from alembic_async_template import plugin
    from alembic_async_template.enums import clash

    assert set(plugin._OTHER_ENUM_PACKAGES) == set(clash.OTHERS)
