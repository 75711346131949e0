import enum
import uuid

from sqlalchemy import Enum, ForeignKey, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from app.auth.models import User
from app.infrastructure.database import Base


class PostStatus(enum.Enum):
    DRAFT = "draft"
    LIVE = "live"


class Post(Base):
    __tablename__ = "post"
    __table_args__ = (UniqueConstraint("author_id", "slug"), {"schema": "blog"})

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    slug: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default="{}")
    status: Mapped[PostStatus] = mapped_column(
        Enum(PostStatus, name="post_status", schema="blog"), server_default="DRAFT", index=True
    )
