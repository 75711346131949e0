import enum

from sqlalchemy import Enum, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from src.apps.people.profiles.models import Profile
from src.apps.shop.catalogue.models import Product
from src.core.models import Base, IdMixin


class BasketState(enum.IntEnum):
    OPEN = 1
    ORDERED = 2


class Basket(IdMixin, Base):
    __tablename__ = "basket"

    profile_id: Mapped[int] = mapped_column(ForeignKey("profile.id"), index=True)
    state: Mapped[BasketState] = mapped_column(Enum(BasketState, name="basket_state"), default=BasketState.OPEN)

    profile: Mapped[Profile] = relationship()


class BasketLine(IdMixin, Base):
    __tablename__ = "basket_line"
    __table_args__ = (UniqueConstraint("basket_id", "product_id", name="uq_basket_line"),)

    basket_id: Mapped[int] = mapped_column(ForeignKey("basket.id", ondelete="CASCADE"))
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    quantity: Mapped[int] = mapped_column(server_default="1")

    product: Mapped[Product] = relationship()
