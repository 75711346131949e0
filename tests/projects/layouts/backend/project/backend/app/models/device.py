from enum import Enum

from sqlmodel import Field, SQLModel


class DeviceKind(str, Enum):
    thermometer = "thermometer"
    hygrometer = "hygrometer"


class Device(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    serial: str = Field(unique=True, index=True)
    kind: DeviceKind = Field(default=DeviceKind.thermometer)
    firmware: str | None = None
