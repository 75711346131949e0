"""A model of one table, and the revision that autogenerate writes for the models of a project."""

from support.project import Project

TABLE = """
from sqlmodel import Field, SQLModel


class {name}(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
"""


def autogenerate(project: Project, *arguments: str, check: bool = True) -> str:
    """The new revision's text, or the error."""
    result = project.alembic(*arguments, "revision", "--autogenerate", "-m", "x", check=check)
    return project.revisions()[-1].read_text() if check else result.block
