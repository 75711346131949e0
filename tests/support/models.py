"""A model of one table, a naming convention, and the revision that autogenerate writes for the models of a project."""

from support.project import Project

TABLE = """
from sqlmodel import Field, SQLModel


class {name}(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
"""

# Every kind of constraint is named after its table and columns.
CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def autogenerate(project: Project, *arguments: str, check: bool = True) -> str:
    """The new revision's text, or the error."""
    result = project.alembic(*arguments, "revision", "--autogenerate", "-m", "x", check=check)
    return project.revisions()[-1].read_text() if check else result.block
