"""Noun phrases, verb groups and adverbials of the demonstration grammar.

Word classes follow the English Web Treebank: possessives such as *her* are PRON, *many* is ADJ,
*today* is NOUN, the copula is AUX, *n't* and the *'s* of possession are PART.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.demo import lexicon
from workbench.demo.morphology import (
    article,
    gerund,
    participle,
    past,
    plural,
    singular,
    third_person,
)

Word = tuple[str, str]
Words = list[Word]


def tagged(text: str) -> Words:
    """Read ``form/UPOS form/UPOS``.

    Examples
    --------
    >>> tagged("the/DET old/ADJ")
    [('the', 'DET'), ('old', 'ADJ')]
    """
    return [(form, upos) for form, _, upos in (item.rpartition("/") for item in text.split())]


@dataclass(frozen=True)
class Phrase:
    """A noun phrase with what agreement needs to know about it."""

    words: tuple[Word, ...]
    plural: bool = False
    person: int = 3
    pronoun: str = "it"


# Subject form, object form, possessive, reflexive, person, plural.
PRONOUNS: tuple[tuple[str, str, str, str, int, bool], ...] = (
    ("I", "me", "my", "myself", 1, False),
    ("you", "you", "your", "yourself", 2, True),
    ("he", "him", "his", "himself", 3, False),
    ("she", "her", "her", "herself", 3, False),
    ("we", "us", "our", "ourselves", 1, True),
    ("they", "them", "their", "themselves", 3, True),
)
POSSESSIVES = "my/PRON|your/PRON|his/PRON|her/PRON|our/PRON|their/PRON"
PEOPLE = ("person", "kin", "name", "pronoun")


def be_form(subject: Phrase, tense: str) -> str:
    """Form of *be* that agrees with the subject, in the present or the past."""
    if tense == "past":
        return "were" if subject.plural else "was"
    if subject.plural:
        return "are"
    return "am" if subject.person == 1 else "is"


def agreeing(subject: Phrase, verb: str) -> str:
    """Present tense of a verb, agreeing with the subject."""
    return third_person(verb) if subject.person == 3 and not subject.plural else verb


def verb_parts(subject: Phrase, verb: str, tense: str, support: bool) -> tuple[Words, Words]:
    """Split a verb group into its first auxiliary and the rest.

    Parameters
    ----------
    subject : Phrase
        What the first verb agrees with.
    verb : str
        Base form; *be* is the copula and its own auxiliary.
    tense : str
        present, past, perfect, progressive, past progressive, or a modal such as *will*.
    support : bool
        Whether an auxiliary is needed (questions, negation): then *do* steps in.
    """
    upos = "AUX" if verb == "be" else "VERB"
    if tense in ("present", "past"):
        if verb == "be":
            return [(be_form(subject, tense), "AUX")], []
        helper, form = agreeing(subject, "do"), agreeing(subject, verb)
        if tense == "past":
            helper, form = "did", past(verb)
        return ([(helper, "AUX")], [(verb, upos)]) if support else ([], [(form, upos)])
    if tense == "perfect":
        return [(agreeing(subject, "have"), "AUX")], [(participle(verb), upos)]
    if tense.endswith("progressive"):
        time = "past" if tense.startswith("past") else "present"
        return [(be_form(subject, time), "AUX")], [(gerund(verb), upos)]
    return [(tense, "AUX")], [(verb, upos)]


@dataclass
class Speaker:
    """Draws words and phrases for one sentence, without saying a noun or verb twice."""

    rng: random.Random
    used: set[str] = field(default_factory=set)

    def chance(self, share: float) -> bool:
        """True in this share of the draws."""
        return self.rng.random() < share

    def one(self, items: Sequence[str]) -> str:
        """One of the items, a fresh one where there is one."""
        fresh = [item for item in items if item.partition("/")[0] not in self.used]
        choice = self.rng.choice(fresh or list(items))
        self.used.add(choice.partition("/")[0])
        return choice

    def pick(self, text: str) -> Words:
        """One of several tagged word groups, separated by bars."""
        return tagged(self.rng.choice(text.split("|")))

    def adjective(self, group: str, used_with: str = "attributive") -> str:
        """An adjective that fits nouns of the group."""
        words = lexicon.ADJECTIVES[group]
        if used_with == "compared":
            words = tuple(word for word in words if word not in lexicon.NOT_COMPARED)
        return self.one(words)

    def noun_phrase(
        self,
        group: str,
        number: str = "any",
        determiner: str = "",
        plain: bool = False,
    ) -> Phrase:
        """A noun phrase around a noun of the group.

        Parameters
        ----------
        group : str
            A key of `lexicon.NOUNS`.
        number : str
            any, singular or plural.
        determiner : str
            Empty for any that fits, *definite* for those that name something known, *the* for
            the article only, *a* for the other one (which makes the phrase singular).
        plain : bool
            No adjective and no attribute behind the noun.
        """
        mass = group in ("drink", "job")
        many = not mass and determiner != "a"
        many = many and (number == "plural" or (number == "any" and self.chance(0.3)))
        noun = self.one(lexicon.NOUNS[group])
        many = many and noun not in lexicon.UNIQUE
        inner: Words = [(plural(noun) if many else singular(noun), "NOUN")]
        if not plain and group in lexicon.ADJECTIVES and self.chance(0.35):
            inner.insert(0, (self.adjective(group), "ADJ"))
        owned = group in lexicon.OWNED or noun in lexicon.RELATIONAL
        if mass:
            words = self.pick("the/DET|the/DET|some/DET|my/PRON|her/PRON|his/PRON")
        elif group == "kin":
            words = self.pick(POSSESSIVES)
        elif determiner in ("the", "a"):
            words = [("the" if determiner == "the" else article(inner[0][0]), "DET")]
        else:
            words = self._determiner(many, determiner == "definite", owned, inner[0][0])
        words += inner
        if group == "person" and not plain and noun not in lexicon.RELATIONAL:
            words += self._origin() if self.chance(0.15) else []
        return Phrase(tuple(words), plural=many, pronoun="they" if many else "it")

    def people(
        self, number: str = "any", plain: bool = False, case: str = "subject", determiner: str = ""
    ) -> Phrase:
        """A person as a subject or object: noun, name or pronoun."""
        kind = self.rng.choices(PEOPLE, (45, 15, 20, 20))[0]
        if kind == "name" and number != "plural":
            return Phrase(((self.one(lexicon.NAMES), "PROPN"),))
        if kind == "pronoun" and number == "any":
            return self.pronoun(case)
        group = "kin" if kind == "kin" else "person"
        return self.noun_phrase(group, number, determiner, plain)

    def pronoun(self, case: str = "subject") -> Phrase:
        """A personal pronoun; as an object only those of the third person."""
        rows = PRONOUNS if case == "subject" else [row for row in PRONOUNS if row[4] == 3]
        fresh = [row for row in rows if row[0] not in self.used] or list(rows)
        row = self.rng.choice(fresh)
        self.used.add(row[0])
        form = row[0] if case == "subject" else row[1]
        return Phrase(((form, "PRON"),), plural=row[5], person=row[4], pronoun=row[0])

    def thing(self, group: str) -> Phrase:
        """An object phrase of any group; people may be names and pronouns."""
        if group == "person":
            return self.people(case="object")
        if group == "abstract" and self.chance(0.1):
            return self.noun_phrase("job")
        return self.noun_phrase(group)

    def actor(self, group: str) -> Phrase:
        """A subject phrase of the group."""
        if group == "person":
            return self.people()
        return self.noun_phrase(group, determiner="definite")

    def place(self) -> Words:
        """Where something happens: *in the garden*, *near the old bridge*."""
        if self.chance(0.12):
            return [("in", "ADP"), (self.one(lexicon.TOWNS), "PROPN")]
        preposition = self.rng.choice(tuple(lexicon.PLACES))
        noun = self.one(lexicon.PLACES[preposition])
        if self.chance(0.25):
            preposition = "behind" if noun in lexicon.BUILDINGS and self.chance(0.5) else "near"
        words: Words = [(singular(noun), "NOUN")]
        if self.chance(0.25):
            words.insert(0, (self.adjective("place"), "ADJ"))
        return [(preposition, "ADP"), ("the", "DET"), *words]

    def spot(self) -> Words:
        """Where a thing lies: *on the table*."""
        return tagged(self.rng.choice(lexicon.SPOTS))

    def destination(self) -> Words:
        """Where a movement leads: *to the station*."""
        noun = self.one(lexicon.NOUNS["place"])
        return [("to", "ADP"), ("the", "DET"), (singular(noun), "NOUN")]

    def time(self, tense: str) -> Words:
        """When it happens, in keeping with the tense; empty where nothing fits."""
        period = self.rng.choice(lexicon.NOUNS["period"])
        day = f"on/ADP {self.rng.choice(lexicon.NOUNS['weekday'])}/PROPN"
        daypart = f"in/ADP the/DET {self.rng.choice(lexicon.NOUNS['daypart'])}/NOUN"
        count = self.rng.choice(lexicon.NUMERALS[:5])
        link = self.rng.choice(("before", "after", "during"))
        occasion = self.one(("storm", "wedding", "concert", "meeting", "festival", "lecture"))
        season = f"{self.rng.choice(lexicon.NOUNS['season'])}/NOUN"
        if tense == "past":
            return self.pick(
                f"yesterday/NOUN|last/ADJ {period}/NOUN|{count}/NUM {plural(period)}/NOUN ago/ADV"
                f"|{day}|{daypart}|last/ADJ {season}"
                f"|{link}/ADP the/DET {occasion}/NOUN"
            )
        if tense == "will":
            return self.pick(
                f"tomorrow/NOUN|next/ADJ {period}/NOUN|{day}|next/ADJ {season}|soon/ADV"
                f"|after/ADP dinner/NOUN"
            )
        if tense == "progressive":
            return self.pick("now/ADV|right/ADV now/ADV|today/NOUN")
        if tense == "present":
            return self.pick(f"every/DET {period}/NOUN|every/DET day/NOUN")
        return []

    def _determiner(self, many: bool, definite: bool, owned: bool, following: str) -> Words:
        if definite or self.chance(0.45):
            known = "these/DET|those/DET" if many else "this/DET|that/DET"
            owners = POSSESSIVES if owned else "the/DET|the/DET"
            return self.pick(f"the/DET|the/DET|the/DET|the/DET|the/DET|{owners}|{known}")
        if not many:
            a = article(following)
            return self.pick(f"{f'{a}/DET|' * 8}another/DET|every/DET")
        number = self.rng.choice(lexicon.NUMERALS)
        return self.pick(
            f"some/DET|many/ADJ|several/ADJ|all/DET the/DET|both/DET|{number}/NUM|{number}/NUM"
            f"|a/DET few/ADJ|most/ADJ of/ADP the/DET|{number}/NUM of/ADP the/DET"
        )

    def _origin(self) -> Words:
        if self.chance(0.5):
            return [("from", "ADP"), (self.one(lexicon.TOWNS), "PROPN")]
        return [("from", "ADP"), ("the", "DET"), (self.one(lexicon.HOMES), "NOUN")]
