import enum

from sqlalchemy import Enum, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base
from .customers import Customer


class ParcelState(enum.Enum):
    accepted = "accepted"
    delivered = "delivered"


class Route(Base):
    __tablename__ = "route"

    id: Mapped[int] = mapped_column(primary_key=True)
    driver: Mapped[str]


class Parcel(Base):
    __tablename__ = "parcel"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", name="fk_parcel_customer"))
    route_id: Mapped[int | None] = mapped_column(ForeignKey("route.id", name="fk_parcel_route"))
    state: Mapped[ParcelState] = mapped_column(Enum(ParcelState, name="parcel_state"), server_default="accepted")

    customer: Mapped[Customer] = relationship()
