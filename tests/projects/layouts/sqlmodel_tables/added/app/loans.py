import uuid
from datetime import date, timedelta

from sqlmodel import Field, SQLModel


class Loan(SQLModel, table=True):
    __tablename__ = "loans"

    id: int | None = Field(default=None, primary_key=True)
    book_uid: uuid.UUID = Field(foreign_key="books.uid")
    due: date = Field(default_factory=lambda: date.today() + timedelta(weeks=4))
    renewals: int = 0
