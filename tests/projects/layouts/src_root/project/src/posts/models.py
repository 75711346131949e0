import enum

from sqlalchemy import JSON, Column, Enum, ForeignKey, Integer, String, Table

from auth.models import auth_user
from database import metadata


class Kind(enum.Enum):
    note = 1
    essay = 2


post = Table(
    "post",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("author_id", ForeignKey(auth_user.c.id), nullable=False, index=True),
    Column("kind", Enum(Kind, name="post_kind"), nullable=False),
    Column("title", String(200), nullable=False),
    Column("blocks", JSON, nullable=False),
)
