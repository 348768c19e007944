"""What all tables of an experiment file share."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Table"]


class Table(BaseModel):
    """A TOML table: a key that is not named here is an error, and a number is no string."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
