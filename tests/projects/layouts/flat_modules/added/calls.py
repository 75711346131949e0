from sqlalchemy import Boolean, Column, ForeignKey, Integer, false

from models import Base


class Call(Base):
    id = Column(Integer, primary_key=True)
    contact_id = Column(ForeignKey("contact.id"), nullable=False)
    missed = Column(Boolean, nullable=False, server_default=false())
