from datetime import datetime
from decimal import Decimal

from sqlalchemy import Column, DateTime, func
from sqlmodel import Field, SQLModel


class Reading(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    device_id: int = Field(foreign_key="device.id", index=True)
    value: Decimal = Field(max_digits=8, decimal_places=3)
    taken_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
