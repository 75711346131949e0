import uuid

from sqlmodel import Field, SQLModel


class Review(SQLModel, table=True):
    __tablename__ = "reviews"

    id: int | None = Field(default=None, primary_key=True)
    rating: int = Field(lt=6)
    review_text: str
    book_uid: uuid.UUID = Field(foreign_key="books.uid", ondelete="CASCADE", index=True)
