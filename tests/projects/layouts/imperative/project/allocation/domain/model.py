from dataclasses import dataclass
from datetime import date
from enum import Enum


class Origin(Enum):
    WAREHOUSE = "warehouse"
    SHIPMENT = "shipment"


@dataclass(unsafe_hash=True)
class OrderLine:
    orderid: str
    sku: str
    qty: int


class Batch:
    def __init__(self, ref: str, sku: str, qty: int, origin: Origin, eta: date | None):
        self.reference = ref
        self.sku = sku
        self.origin = origin
        self.eta = eta
        self._purchased_quantity = qty
        self._allocations: set[OrderLine] = set()
