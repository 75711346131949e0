import enum

from sqlalchemy import Column, DateTime, Enum, ForeignKey, Integer, String, Text, func
from sqlalchemy.orm import DeclarativeBase, declared_attr, relationship


class Base(DeclarativeBase):
    @declared_attr
    def __tablename__(cls):
        return cls.__name__.lower()


class Kind(enum.Enum):
    home = "home"
    work = "work"


class Contact(Base):
    id = Column(Integer, primary_key=True)
    name = Column(String(100), nullable=False, index=True)
    notes = Column(Text, nullable=False, server_default="")
    created_at = Column(DateTime(timezone=True), nullable=False, server_default=func.now())

    addresses = relationship("Address", back_populates="contact")


class Address(Base):
    id = Column(Integer, primary_key=True)
    contact_id = Column(ForeignKey("contact.id", ondelete="CASCADE"), nullable=False, index=True)
    kind = Column(Enum(Kind, name="address_kind"), nullable=False)
    street = Column(String(200))

    contact = relationship("Contact", back_populates="addresses")
