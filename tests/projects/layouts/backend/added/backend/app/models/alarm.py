from sqlmodel import Field, SQLModel


class Alarm(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    reading_id: int = Field(foreign_key="reading.id", index=True)
    acknowledged: bool = Field(default=False)
