import enum
from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, DateTime, Enum, ForeignKey, Numeric, UniqueConstraint, false, func
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base


class InvoiceState(enum.Enum):
    OPEN = "open"
    PAID = "paid"


class Customer(Base):
    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    vip: Mapped[bool] = mapped_column(server_default=false())


class Invoice(Base):
    __tablename__ = "invoice"
    __table_args__ = (
        CheckConstraint("total >= 0", name="total_not_negative"),
        UniqueConstraint("customer_id", "number"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    number: Mapped[str]
    total: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    state: Mapped[InvoiceState] = mapped_column(Enum(InvoiceState, name="invoice_state"))
    issued_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), index=True)
