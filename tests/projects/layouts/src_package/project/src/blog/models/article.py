from __future__ import annotations

import enum
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base

if TYPE_CHECKING:
    from .comment import Comment


class Visibility(enum.StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"


class Article(Base):
    __tablename__ = "articles"
    __table_args__ = (Index("ix_articles_published", "visibility", "published_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    visibility: Mapped[Visibility] = mapped_column(default=Visibility.PRIVATE, server_default="PRIVATE")
    meta: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    published_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    comments: Mapped[list[Comment]] = relationship(back_populates="article")
