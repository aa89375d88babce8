"""Simple clauses of the demonstration grammar: who does what, in which tense."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.demo import lexicon
from workbench.demo.phrases import Phrase, Speaker, Words, agreeing, be_form, verb_parts

# Subject group, key of lexicon.VERBS, object group ("" where there is none).
Frames = tuple[tuple[str, str, str], ...]
INTRANSITIVE: Frames = (
    ("person", "person acts", ""),
    ("person", "person acts", ""),
    ("animal", "animal acts", ""),
    ("conveyance", "vehicle acts", ""),
    ("event", "event happens", ""),
)
HUMAN: Frames = tuple(
    ("person", f"person {thing}", thing)
    for thing in lexicon.words(
        "object object person person meal drink vehicle place text music abstract spectacle "
        "occasion pet wild fixture institution burnable bookable plant"
    )
)
ANIMAL: Frames = (
    ("animal", "animal animal", "animal"),
    ("animal", "animal person", "person"),
    ("pet", "animal meal", "meal"),
)
TRANSITIVE = HUMAN + HUMAN + ANIMAL

NO_PASSIVE = frozenset(lexicon.words("want need like leave reach bring hold keep wear fear"))
MODALS = lexicon.words("can must should may could might")
_DYNAMIC = {
    "past": 40,
    "will": 12,
    "perfect": 12,
    "progressive": 10,
    "past progressive": 8,
    "modal": 12,
    "present": 6,
}
_STATIVE = {"present": 45, "past": 45, "will": 5}


@dataclass
class Clause:
    """A clause in the parts that questions and negation move about."""

    subject: Phrase
    verb: str
    tense: str
    complement: Words = field(default_factory=list)
    tail: Words = field(default_factory=list)
    adverb: Words = field(default_factory=list)

    def statement(self) -> Words:
        """Subject, verb, complement."""
        first, rest = verb_parts(self.subject, self.verb, self.tense, support=False)
        return [*self.subject.words, *first, *self.adverb, *rest, *self.complement, *self.tail]

    def predicate(self) -> Words:
        """The statement without its subject."""
        return self.statement()[len(self.subject.words) :]

    def negative(self, contracted: bool) -> Words:
        """The statement with *not* or *n't*."""
        first, rest = verb_parts(self.subject, self.verb, self.tense, support=True)
        auxiliary = negated(first, contracted)
        return [*self.subject.words, *auxiliary, *rest, *self.complement, *self.tail]

    def question(self, with_complement: bool = True) -> Words:
        """Auxiliary, subject, verb; the question mark is left to the caller."""
        first, rest = verb_parts(self.subject, self.verb, self.tense, support=True)
        complement = self.complement if with_complement else []
        return [*first, *self.subject.words, *rest, *complement, *self.tail]


def negated(auxiliary: Words, contracted: bool) -> Words:
    """Negate a lone auxiliary: *did not*, *did n't*, *ca n't*, *wo n't*."""
    form = auxiliary[0][0]
    if not contracted or form in ("am", "may", "might"):
        return [*auxiliary, ("not", "PART")]
    return [({"can": "ca", "will": "wo"}.get(form, form), "AUX"), ("n't", "PART")]


def choose_tense(speaker: Speaker, verb: str) -> str:
    """A tense that suits the verb; modals come as the modal itself."""
    weights = _STATIVE if verb in lexicon.STATIVE else _DYNAMIC
    if verb not in lexicon.STATIVE | lexicon.HABITUAL:
        weights = {tense: weight for tense, weight in weights.items() if tense != "present"}
    tense = speaker.rng.choices(tuple(weights), tuple(weights.values()))[0]
    return speaker.rng.choice(MODALS) if tense == "modal" else tense


def choose_frame(
    speaker: Speaker, frames: Frames, without: frozenset[str] = frozenset()
) -> tuple[str, str, str]:
    """Subject group, verb and object group, none of the verbs in ``without``."""
    frames = tuple(f for f in frames if set(lexicon.VERBS[f[1]]) - without)
    subject, verbs, thing = speaker.rng.choice(frames)
    allowed = [verb for verb in lexicon.VERBS[verbs] if verb not in without]
    return subject, speaker.one(allowed), thing


def clause(
    speaker: Speaker,
    frames: Frames = INTRANSITIVE + TRANSITIVE,
    tense: str = "",
    subject: Phrase | None = None,
    *,
    bare: bool = False,
    without: frozenset[str] = frozenset(),
) -> Clause:
    """A random clause.

    Parameters
    ----------
    speaker : Speaker
        Where the draws come from.
    frames : tuple
        Which kinds of clause there may be.
    tense : str
        Empty: one that suits the verb.
    subject : Phrase, optional
        A given subject, which must suit the frames.
    bare : bool
        No adverbials.
    without : frozenset of str
        Verbs that do not suit.
    """
    group, verb, thing = choose_frame(speaker, frames, without)
    subject = subject or speaker.actor(group)
    tense = tense or choose_tense(speaker, verb)
    complement = list(speaker.thing(thing).words) if thing else []
    made = Clause(subject, verb, tense, complement)
    if not bare:
        _add_adverbials(speaker, made, group, thing)
    return made


def _add_adverbials(speaker: Speaker, made: Clause, group: str, thing: str) -> None:
    """Manner, place, time and frequency, each where English puts it."""
    habitual = made.tense == "present" and made.verb not in lexicon.STATIVE
    dynamic = made.verb not in lexicon.STATIVE
    if not thing and group == "person" and speaker.chance(0.35):
        made.tail += manner(speaker, made.verb)
    elif not thing and group != "event" and made.verb != "travel" and speaker.chance(0.35):
        made.tail += speaker.place()
    if habitual:
        made.adverb = [(speaker.one(lexicon.ADVERBS["frequency"]), "ADV")]
    elif dynamic and made.verb != "continue" and speaker.chance(0.3):
        made.tail += speaker.time(made.tense)


def manner(speaker: Speaker, verb: str) -> Words:
    """An adverb that says how or where, among those that the verb takes."""
    return [(speaker.one(lexicon.MANNER.get(verb, lexicon.ADVERBS["place"])), "ADV")]


def describable(speaker: Speaker) -> tuple[Phrase, str]:
    """A subject, and the group whose adjectives can describe it."""
    group = speaker.rng.choice(
        ("person", "person", "animal", "object", "vehicle", "meal", "abstract", "text", "event")
    )
    if group == "person":
        return speaker.people(), "person"
    return speaker.noun_phrase(group, determiner="definite", plain=True), group


def description(speaker: Speaker, group: str, degree: float = 0.3) -> Words:
    """An adjective as predicate, perhaps with a degree adverb."""
    word = speaker.adjective(group, "compared")
    if word not in lexicon.EXTREME and speaker.chance(degree):
        return [(speaker.one(lexicon.ADVERBS["degree"]), "ADV"), (word, "ADJ")]
    return [(word, "ADJ")]


def copula(subject: Phrase, tense: str) -> Words:
    """The copula, agreeing with the subject."""
    return [(be_form(subject, tense), "AUX")]


def have_got(subject: Phrase, tense: str) -> Words:
    """The full verb *have*, agreeing with the subject."""
    return [("had" if tense == "past" else agreeing(subject, "have"), "VERB")]
