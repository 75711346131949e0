import enum

import sqlalchemy as sa
from sqlalchemy import orm


class Base(orm.DeclarativeBase):
    pass


class Genre(enum.Enum):
    JAZZ = enum.auto()
    ROCK = enum.auto()


class Track(Base):
    __tablename__ = "track"

    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    title: orm.Mapped[str] = orm.mapped_column(sa.String(200), index=True)
    genre: orm.Mapped[Genre | None] = orm.mapped_column(sa.Enum(Genre, name="genre"))
    length: orm.Mapped[int] = orm.mapped_column(sa.SmallInteger, comment="seconds")
    added_at: orm.Mapped[object] = orm.mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())


class Playlist(Base):
    __tablename__ = "playlist"

    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(100), unique=True)


playlist_track = sa.Table(
    "playlist_track",
    Base.metadata,
    sa.Column("playlist_id", sa.ForeignKey("playlist.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("track_id", sa.ForeignKey("track.id"), primary_key=True),
    sa.Column("position", sa.Numeric(10, 5), nullable=False, server_default=sa.text("0")),
)
