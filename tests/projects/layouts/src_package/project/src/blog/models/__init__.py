from .article import Article
from .base import Base
from .comment import Comment

__all__ = ["Article", "Base", "Comment"]
