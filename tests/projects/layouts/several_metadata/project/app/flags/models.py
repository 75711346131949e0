from sqlmodel import Field, SQLModel


class FeatureFlag(SQLModel, table=True):
    __tablename__ = "feature_flag"

    name: str = Field(primary_key=True)
    enabled: bool = False
