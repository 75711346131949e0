from decimal import Decimal

from sqlalchemy import ForeignKey, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Discount(Base):
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), unique=True)
    percent: Mapped[Decimal] = mapped_column(Numeric(4, 1))
