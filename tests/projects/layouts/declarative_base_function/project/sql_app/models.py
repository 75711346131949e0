import enum

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Integer,
    Numeric,
    String,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import relationship

from .database import Base


class ItemState(str, enum.Enum):
    new = "new"
    sold = "sold"


class User(Base):
    __tablename__ = "users"

    id = Column(Integer, primary_key=True, index=True)
    email = Column(String, unique=True, index=True)
    hashed_password = Column(String)
    is_active = Column(Boolean, default=True)

    items = relationship("Item", back_populates="owner")


class Item(Base):
    __tablename__ = "items"
    __table_args__ = (UniqueConstraint("title", "owner_id"),)

    id = Column(Integer, primary_key=True, index=True)
    title = Column(String(80), index=True)
    state = Column(Enum(ItemState), nullable=False, server_default="new")
    price = Column(Numeric(10, 2))
    attributes = Column(JSON)
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    owner_id = Column(Integer, ForeignKey("users.id"))

    owner = relationship("User", back_populates="items")
