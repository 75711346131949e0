from sqlmodel import Field, SQLModel


class Seed(SQLModel, table=True):
    """Not a table of the application: only this script's."""

    id: int | None = Field(default=None, primary_key=True)
