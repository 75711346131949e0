import enum
from datetime import datetime

from sqlalchemy import Column, DateTime, func
from sqlmodel import Field

from app.models.base import SQLModel


class Access(enum.Enum):
    READ = "read"
    WRITE = "write"


class Person(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(max_length=254, unique=True)


class Document(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    owner_id: int = Field(foreign_key="person.id", index=True)
    title: str
    access: Access = Access.READ
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), server_default=func.now(), nullable=False))
