from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base_class import Base, TimestampMixin

if TYPE_CHECKING:
    from app.models.order import Order


class Customer(TimestampMixin, Base):
    email: Mapped[str] = mapped_column(String(255), index=True, unique=True)
    address: Mapped[dict[str, str] | None] = mapped_column(JSON)

    orders: Mapped[list[Order]] = relationship(back_populates="customer")
