from datetime import date
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import JSON, Enum, ForeignKey, Index, Numeric
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Contract(StrEnum):
    FULL = "full-time"
    PART = "part-time"


class Staff(Base):
    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    contract: Mapped[Contract] = mapped_column(Enum(Contract, values_callable=lambda c: [item.value for item in c]))
    salary: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    skills: Mapped[list[str]] = mapped_column(JSON, server_default="[]")


class Leave(Base):
    __tablename__ = "leave"
    __table_args__ = (Index("ix_leave_staff_first_day", "staff_id", "first_day", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    first_day: Mapped[date]
    last_day: Mapped[date]
