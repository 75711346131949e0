import enum
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import JSON, Column, DateTime, Index, UniqueConstraint
from sqlmodel import Field, Relationship, SQLModel


class BookFormat(enum.Enum):
    PAPERBACK = "paperback"
    HARDCOVER = "hardcover"
    EBOOK = "ebook"


class BookAuthor(SQLModel, table=True):
    __tablename__ = "book_author"

    book_id: uuid.UUID | None = Field(default=None, foreign_key="books.uid", primary_key=True, ondelete="CASCADE")
    author_id: int | None = Field(default=None, foreign_key="authors.id", primary_key=True)


class Author(SQLModel, table=True):
    __tablename__ = "authors"
    __table_args__ = (UniqueConstraint("first_name", "last_name", name="uq_authors_name"),)

    id: int | None = Field(default=None, primary_key=True)
    first_name: str
    last_name: str = Field(index=True)
    books: list["Book"] = Relationship(back_populates="authors", link_model=BookAuthor)


class Book(SQLModel, table=True):
    __tablename__ = "books"
    __table_args__ = (Index("ix_books_language_published", "language", "published_date"),)

    uid: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    title: str
    isbn: str = Field(max_length=13, unique=True)
    language: str = Field(default="en", sa_column_kwargs={"server_default": "en"})
    format: BookFormat = Field(default=BookFormat.PAPERBACK)
    price: Decimal = Field(default=0, max_digits=8, decimal_places=2)
    details: dict = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    published_date: date
    created_at: datetime = Field(
        default_factory=lambda: datetime.now(UTC), sa_column=Column(DateTime(timezone=True), nullable=False)
    )
    authors: list[Author] = Relationship(back_populates="books", link_model=BookAuthor)
