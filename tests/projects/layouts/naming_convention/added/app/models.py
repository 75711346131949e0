

class Country(Base):
    __tablename__ = "country"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


Customer.country_code = mapped_column(ForeignKey("country.code"), nullable=True)
