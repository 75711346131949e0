from datetime import datetime
from decimal import Decimal
from enum import Enum

from sqlalchemy import DateTime, ForeignKey, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Category(str, Enum):
    PLAY = "play"
    OPERA = "opera"


class Show(Base):
    title: Mapped[str] = mapped_column(index=True)
    category: Mapped[Category]
    starts_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Seat(Base):
    __table_args__ = (UniqueConstraint("row", "number"),)

    row: Mapped[str]
    number: Mapped[int]


class Ticket(Base):
    __table_args__ = (UniqueConstraint("show_id", "seat_id", name="uq_ticket_show_seat"),)

    show_id: Mapped[int] = mapped_column(ForeignKey("show.id"))
    seat_id: Mapped[int] = mapped_column(ForeignKey("seat.id"))
    price: Mapped[Decimal] = mapped_column(Numeric(6, 2))
