import enum
from decimal import Decimal

from sqlalchemy import Enum, ForeignKey, Numeric, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class ShopBase(DeclarativeBase):
    pass


class Unit(enum.Enum):
    PIECE = "piece"
    KILO = "kilo"


class Product(ShopBase):
    __tablename__ = "product"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    unit: Mapped[Unit] = mapped_column(Enum(Unit, name="unit"), server_default="PIECE")
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2))


class Stock(ShopBase):
    __tablename__ = "stock"

    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), primary_key=True)
    amount: Mapped[int] = mapped_column(server_default="0")
