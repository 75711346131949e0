import enum
from datetime import datetime
from decimal import Decimal

from sqlalchemy import DateTime, Enum, ForeignKey, Index, Numeric, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from app.orm import Base


class Quantity(enum.Enum):
    TEMPERATURE = "°C"
    PRESSURE = "hPa"
    WIND = "m/s"


class Station(Base):
    __tablename__ = "station"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(8), unique=True, index=True)
    latitude: Mapped[Decimal] = mapped_column(Numeric(9, 6))


class Measurement(Base):
    __tablename__ = "measurement"
    __table_args__ = (
        UniqueConstraint("station_id", "quantity", "taken_at", name="uq_measurement"),
        Index("ix_measurement_taken_at_desc", "taken_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"))
    quantity: Mapped[Quantity] = mapped_column(
        Enum(Quantity, name="quantity", values_callable=lambda quantities: [quantity.value for quantity in quantities])
    )
    value: Mapped[float]
    taken_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
