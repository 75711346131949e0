from .item import Item, ItemCreate, ItemPublic
from .user import User, UserCreate, UserPublic

__all__ = ["Item", "ItemCreate", "ItemPublic", "User", "UserCreate", "UserPublic"]
