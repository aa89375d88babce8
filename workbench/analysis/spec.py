"""What an analysis says of itself, known without importing anything heavy."""

from __future__ import annotations

from dataclasses import dataclass, field

KINDS = ("language", "vision", "network", "brain")
INVARIANCES = (
    "translation",
    "scale",
    "unit scale",
    "unit permutation",
    "row permutation",
    "rotation",
)


@dataclass(frozen=True)
class Spec:
    """Specification of an analysis.

    Attributes
    ----------
    name : str
        Name on the command line; the entry point has the same.
    title : str
        Title for people.
    question : str
        The one question that the analysis answers, in a line.
    reference : str
        Paper and equation.
    method : str
        What is computed, in a few sentences, for the report.
    kinds : tuple of str
        Kinds of subject it accepts.
    needs : tuple of str
        What it cannot do without: ``labels``, ``order``, ``two recordings``, ``checkpoints``.
    companions : dict of str to str
        Optional further recordings by name, and what each must be.
    invariances : tuple of str
        Changes of the data that leave the measures as they are, out of `INVARIANCES`;
        `check_analysis` holds the plugin to them.
    version : str
        Rises whenever the numbers change.
    """

    name: str
    title: str
    question: str
    reference: str
    method: str = ""
    kinds: tuple[str, ...] = KINDS
    needs: tuple[str, ...] = ()
    companions: dict[str, str] = field(default_factory=dict)
    invariances: tuple[str, ...] = ()
    version: str = "1"
