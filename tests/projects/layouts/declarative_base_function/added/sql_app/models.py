

class Order(Base):
    __tablename__ = "orders"

    id = Column(Integer, primary_key=True)
    item_id = Column(ForeignKey("items.id"), nullable=False, index=True)
    placed_at = Column(DateTime(timezone=True), nullable=False, server_default=func.now())
