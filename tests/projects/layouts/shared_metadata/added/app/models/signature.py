from sqlmodel import Field, SQLModel

import app.models.base  # noqa: F401


class Signature(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    document_id: int = Field(foreign_key="document.id")
    person_id: int = Field(foreign_key="person.id")
    image: bytes
