"""The file of a combination, checked key by key: members, sets of systematics, and what members share."""

from typing import Annotated, Any, Literal

from pydantic import Field

from cevnsjax.experiments.ranges import Finite, Name, Range, RunName, Sigma, Text
from cevnsjax.experiments.schema import LARGEST_FACTOR, LEAST_FACTOR, CheckTable
from cevnsjax.experiments.tables import Table

__all__ = ["CombinationTable", "FactorTable", "MemberTable", "SharedTable"]

Members = Annotated[list[Text], Field(min_length=2)]


class MemberTable(Table):
    """[[experiment]]: a name with its part, or a path from this file's folder, and entries that replace its own."""

    name: Text
    overrides: dict[Text, Any] = Field(default_factory=dict)


class SharedTable(Table):
    """[[shared]]: a nuisance of several members that is the same nuisance, and why.

    A `centre` and a `sigma` given here hold for all; without them the members must agree.
    """

    nuisance: Name
    experiments: Members
    why: Text
    centre: Finite | None = None
    sigma: Sigma | None = None


class FactorTable(Table):
    """[[factor]]: an uncertainty of several members' signals that none of their files has, and why it is common."""

    name: Name
    experiments: Members
    why: Text
    sigma: Annotated[float, Range(LEAST_FACTOR, LARGEST_FACTOR)]


class CombinationTable(Table):
    """A whole file. `systematics` has, for each set of the combination, the sets of members that are not `default`."""

    format: Literal[2]
    name: RunName
    title: Text
    version: Text
    cite: list[Text] = Field(default_factory=list)
    experiment: Annotated[list[MemberTable], Field(min_length=2)]
    systematics: dict[Text, dict[Text, Text]] = Field(default_factory=dict)
    shared: list[SharedTable] = Field(default_factory=list)
    factor: list[FactorTable] = Field(default_factory=list)
    check: CheckTable | None = None
