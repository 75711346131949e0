from .base import Base as Base
from .customers import Customer as Customer
from .parcels import Parcel as Parcel
from .parcels import Route as Route
