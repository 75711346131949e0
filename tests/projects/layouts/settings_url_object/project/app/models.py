import enum
from datetime import datetime

from sqlalchemy import DateTime, Enum, ForeignKey, Index, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Audience(enum.Enum):
    ADULT = "adult"
    FAMILY = "family"


class Venue(Base):
    __tablename__ = "venue"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    facilities: Mapped[dict] = mapped_column(JSONB, server_default="{}")


class Event(Base):
    __tablename__ = "event"
    __table_args__ = (Index("ix_event_facts", "facts", postgresql_using="gin"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    venue_id: Mapped[int] = mapped_column(ForeignKey("venue.id"), index=True)
    audiences: Mapped[list[Audience]] = mapped_column(ARRAY(Enum(Audience, name="audience")))
    facts: Mapped[dict] = mapped_column(JSONB)
    starts_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
