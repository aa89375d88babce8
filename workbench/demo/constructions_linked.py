"""Constructions of more than one clause: relative, subordinate, coordinated, quoted."""

from __future__ import annotations

from workbench.demo import lexicon
from workbench.demo.clauses import (
    HUMAN,
    INTRANSITIVE,
    NO_PASSIVE,
    choose_frame,
    clause,
    copula,
    description,
    negated,
)
from workbench.demo.constructions import COMMA, MARK, STOP
from workbench.demo.morphology import gerund, participle, plural, singular
from workbench.demo.phrases import Phrase, Speaker, Words, be_form, tagged, verb_parts

_THINGS = ("object", "text", "meal", "vehicle", "pet", "music", "abstract", "burnable")
_MASTERED = tuple(frame for frame in HUMAN if frame[2] in _THINGS)


def _comment(speaker: Speaker, subject: Phrase, group: str) -> Words:
    """What the sentence says of a noun phrase that a relative clause has picked out."""
    if group == "person" and speaker.chance(0.5):
        return clause(speaker, INTRANSITIVE[:1], "past", subject).predicate()
    return [*copula(subject, "past"), *description(speaker, group)]


def relative_subject(speaker: Speaker) -> Words:
    """The man who called the nurse was nervous."""
    group = speaker.rng.choice(("person", "person", "pet"))
    head = speaker.noun_phrase(group, determiner="the", plain=True)
    frames = INTRANSITIVE[:1] + HUMAN
    if group == "pet":
        frames = (("pet", "animal person", "person"), ("pet", "animal meal", "meal"))
    relative = speaker.pick("who/PRON|that/PRON" if group == "person" else "that/PRON|which/PRON")
    inner = clause(speaker, frames, "past", head, bare=True).predicate()
    return [*head.words, *relative, *inner, *_comment(speaker, head, group), *STOP]


def relative_object(speaker: Speaker) -> Words:
    """The book that the girl read was boring; with or without the pronoun."""
    _, verb, thing = choose_frame(speaker, _MASTERED)
    head = speaker.noun_phrase(thing, determiner="the", plain=True)
    subject = speaker.people()
    relative = speaker.rng.choice((tagged("that/PRON"), tagged("which/PRON"), []))
    first, rest = verb_parts(subject, verb, "past", support=False)
    clause_words = [*relative, *subject.words, *first, *rest]
    return [*head.words, *clause_words, *_comment(speaker, head, thing), *STOP]


def relative_of_object(speaker: Speaker) -> Words:
    """We know the woman who sold the house."""
    made = clause(speaker, (("person", "person person", ""),), bare=True)
    head = speaker.noun_phrase("person", determiner="the", plain=True)
    inner = clause(speaker, HUMAN, "past", head, bare=True)
    made.complement = [*head.words, *speaker.pick("who/PRON|that/PRON"), *inner.predicate()]
    return made.statement() + STOP


def cleft(speaker: Speaker) -> Words:
    """It was Anna who lost the key."""
    head = speaker.people("singular", plain=True, determiner="definite")
    inner = clause(speaker, HUMAN, "past", head, bare=True)
    be = speaker.pick("was/AUX|was/AUX n't/PART|was/AUX not/PART")
    relative = speaker.pick("who/PRON|that/PRON")
    return [("it", "PRON"), *be, *head.words, *relative, *inner.predicate(), *STOP]


def coordinated_clauses(speaker: Speaker) -> Words:
    """The rain stopped, and the children left the house."""
    tense = speaker.rng.choice(("past", "past", "will"))
    first = clause(speaker, tense=tense).statement()
    second = clause(speaker, tense=tense, bare=True).statement()
    link = speaker.pick("and/CCONJ|but/CCONJ" + ("|or/CCONJ" if tense == "will" else ""))
    return [*first, *COMMA, *link, *second, *STOP]


def coordinated_nouns(speaker: Speaker) -> Words:
    """Both the baker and his wife like the song."""
    group = speaker.rng.choice(("person", "person", "animal"))
    one = speaker.noun_phrase(group, "singular", "definite", plain=True)
    other = speaker.noun_phrase(group, "singular", "definite", plain=True)
    opener, link, many = speaker.rng.choice(
        (
            ("", "and", True),
            ("", "and", True),
            ("both", "and", True),
            ("either", "or", False),
            ("neither", "nor", False),
        )
    )
    opening: Words = [(opener, "CCONJ")] if opener else []
    words = (*opening, *one.words, (link, "CCONJ"), *other.words)
    subject = Phrase(words, plural=many)
    frames = HUMAN + INTRANSITIVE[:1] if group == "person" else INTRANSITIVE[2:3]
    return clause(speaker, frames, subject=subject).statement() + STOP


def coordinated_verbs(speaker: Speaker) -> Words:
    """She opened the door and smiled."""
    subject = speaker.people()
    tense = speaker.rng.choice(("past", "past", "will"))
    one = clause(speaker, HUMAN, tense, subject, bare=True)
    other = clause(speaker, INTRANSITIVE[:1], tense, subject)
    ending = other.predicate()[1:] if tense == "will" else other.predicate()
    link = speaker.pick("and/CCONJ|and/CCONJ then/ADV|but/CCONJ")
    return [*one.statement(), *link, *ending, *STOP]


def coordinated_adjectives(speaker: Speaker) -> Words:
    """The box was small but heavy."""
    group = speaker.rng.choice(("object", "person", "vehicle", "event", "meal", "text"))
    subject = speaker.noun_phrase(group, determiner="definite", plain=True)
    one = speaker.adjective(group, "compared")
    clashing = [row for row in lexicon.OPPOSITES if one in row]
    fitting = [w for w in lexicon.ADJECTIVES[group] if not any(w in row for row in clashing)]
    other = speaker.one([word for word in fitting if word not in lexicon.NOT_COMPARED])
    link = speaker.pick("and/CCONJ|but/CCONJ")
    be = copula(subject, speaker.rng.choice(("present", "past")))
    return [*subject.words, *be, (one, "ADJ"), *link, (other, "ADJ"), *STOP]


def complement_clause(speaker: Speaker) -> Words:
    """The nurse knew that the train would stop."""
    subject = speaker.people()
    verb = speaker.one(lexicon.VERBS["says"])
    tense = speaker.rng.choice(("past", "present"))
    first, rest = verb_parts(subject, verb, tense, support=False)
    that: Words = []
    if verb in ("hear", "remember") or speaker.chance(0.65):
        that = tagged("that/SCONJ")
    later = ("would", "could", "past") if tense == "past" else ("will", "can", "past", "perfect")
    inner = clause(speaker, tense=speaker.rng.choice(later), bare=True).statement()
    return [*subject.words, *first, *rest, *that, *inner, *STOP]


def embedded_question(speaker: Speaker) -> Words:
    """The guide asked whether the bus had left."""
    subject = speaker.people()
    link = speaker.pick("whether/SCONJ|if/SCONJ|why/ADV|when/ADV|where/ADV|how/ADV")
    inner = clause(speaker, tense="past", bare=True).statement()
    if link[0][1] == "ADV" and speaker.chance(0.5):
        first, rest = verb_parts(subject, "know", "present", support=True)
        words = [*subject.words, *negated(first, True), *rest]
    else:
        verb = speaker.one(lexicon.VERBS["asks"])
        words = [*subject.words, *verb_parts(subject, verb, "past", support=False)[1]]
    return [*words, *link, *inner, *STOP]


_LINKS = {
    "because": ("past", "past"),
    "although": ("past", "past"),
    "before": ("past", "past"),
    "after": ("past", "past"),
    "until": ("past", "past"),
    "while": ("past", "past progressive"),
    "when": ("past", "past"),
    "since": ("past", "past"),
    "if": ("will", "present"),
    "unless": ("will", "present"),
    "as": ("past", "past progressive"),
}
_LASTING = lexicon.words("wait work sleep rest sing dance play swim travel walk run read cook")


def adverbial_clause(speaker: Speaker) -> Words:
    """Although it rained, the farmer worked in the field."""
    link = speaker.rng.choice(tuple(_LINKS))
    outer_tense, inner_tense = _LINKS[link]
    inner = clause(speaker, tense=inner_tense, bare=True)
    if inner_tense.endswith("progressive"):
        inner.verb, inner.complement = speaker.one(_LASTING), []
        inner.subject = speaker.people()
    outer = clause(speaker, tense=outer_tense, bare=True)
    if link == "until":
        outer.verb, outer.complement, outer.subject = speaker.one(_LASTING), [], speaker.people()
    head = (link, "ADV" if link == "when" else "SCONJ")
    if speaker.chance(0.5):
        return [head, *inner.statement(), *COMMA, *outer.statement(), *STOP]
    return [*outer.statement(), head, *inner.statement(), *STOP]


_RESOLVED = ("try", "decide", "promise", "hope")


def infinitive(speaker: Speaker) -> Words:
    """The pilot wants to buy a boat."""
    subject = speaker.people()
    verb = speaker.one(lexicon.VERBS["wants"])
    first, rest = verb_parts(subject, verb, speaker.rng.choice(("past", "present")), support=False)
    negative = tagged("not/PART") if verb in _RESOLVED and speaker.chance(0.25) else []
    return [*subject.words, *first, *rest, *negative, *_to_do(speaker), *STOP]


def _to_do(speaker: Speaker) -> Words:
    """*to* with a bare predicate."""
    frames = tuple(frame for frame in HUMAN if frame[2] not in ("abstract", "occasion"))
    _, verb, thing = choose_frame(speaker, frames, lexicon.MISHAPS | lexicon.STATIVE)
    return [("to", "PART"), (verb, "VERB"), *speaker.thing(thing).words]


def purpose(speaker: Speaker) -> Words:
    """The woman went to the market to sell the goat."""
    subject = speaker.people()
    goals = (
        ("buy", "meal"),
        ("sell", "pet"),
        ("meet", "person"),
        ("visit", "kin"),
        ("find", "object"),
        ("sell", "object"),
        ("help", "person"),
        ("watch", "spectacle"),
    )
    goal, thing = speaker.rng.choice(goals)
    verb = speaker.one(("go", "come", "return", "walk"))
    tense = speaker.rng.choice(("past", "past", "will", "must"))
    first, rest = verb_parts(subject, verb, tense, support=False)
    to_do: Words = [("to", "PART"), (goal, "VERB"), *speaker.thing(thing).words]
    return [*subject.words, *first, *rest, *speaker.destination(), *to_do, *STOP]


def causative(speaker: Speaker) -> Words:
    """The story made the children laugh; we helped them find the key."""
    kind = speaker.rng.choice(("made", "let", "helped"))
    causer = speaker.people()
    causee = speaker.people(case="object")
    effect: Words = [(speaker.one(_LASTING), "VERB")]
    if kind == "made" and speaker.chance(0.6):
        causer = speaker.noun_phrase("text", determiner="definite")
        effect = speaker.pick("laugh/VERB|cry/VERB|smile/VERB|think/VERB")
    elif kind == "helped":
        effect = _to_do(speaker)[speaker.rng.choice((0, 1)) :]
    return [*causer.words, (kind, "VERB"), *causee.words, *effect, *STOP]


def perception(speaker: Speaker) -> Words:
    """We heard the girl singing in the garden."""
    subject = speaker.people()
    if speaker.chance(0.6):
        seen = speaker.people(case="object")
        action = speaker.one(("sing", "laugh", "cry", "dance", "work", "paint"))
    else:
        seen = speaker.noun_phrase("animal", determiner="definite", plain=True)
        action = speaker.one(("sleep", "run", "hide", "play", "rest", "swim"))
    verb = speaker.one(lexicon.VERBS["perceives"])
    first, rest = verb_parts(subject, verb, "past", support=False)
    form = gerund(action) if speaker.chance(0.7) else action
    return [*subject.words, *first, *rest, *seen.words, (form, "VERB"), *speaker.place(), *STOP]


def gerund_subject(speaker: Speaker) -> Words:
    """Reading letters is boring."""
    verb, group = speaker.rng.choice(
        (
            ("read", "text"),
            ("write", "text"),
            ("cook", "meal"),
            ("paint", "fixture"),
            ("repair", "vehicle"),
            ("train", "pet"),
            ("collect", "object"),
            ("sell", "vehicle"),
        )
    )
    things = plural(speaker.one(lexicon.NOUNS[group]))
    judged = speaker.one(("difficult", "easy", "hard", "boring", "interesting", "important"))
    be = speaker.pick("is/AUX|was/AUX|can/AUX be/AUX")
    if speaker.chance(0.4):
        start = tagged("it/PRON") + be
        return [*start, (judged, "ADJ"), ("to", "PART"), (verb, "VERB"), (things, "NOUN"), *STOP]
    return [(gerund(verb), "VERB"), (things, "NOUN"), *be, (judged, "ADJ"), *STOP]


def result_clause(speaker: Speaker) -> Words:
    """The singer was so nervous that she forgot the song."""
    subject = speaker.pronoun()
    mood = speaker.one(lexicon.MOODS)
    inner = clause(
        speaker, HUMAN, "past", subject, bare=True, without=lexicon.STATIVE - {"forget"}
    ).statement()
    be = copula(subject, "past")
    return [*subject.words, *be, ("so", "ADV"), (mood, "ADJ"), ("that", "SCONJ"), *inner, *STOP]


def tag_question(speaker: Speaker) -> Words:
    """The cat is hungry, isn't it?"""
    group = speaker.rng.choice(("pet", "object", "vehicle", "spectacle"))
    subject = speaker.noun_phrase(group, determiner="definite", plain=True)
    if speaker.chance(0.4):
        group, subject = "person", speaker.pronoun()
    if subject.person == 1 and not subject.plural:
        group, subject = "person", Phrase((("she", "PRON"),), pronoun="she")
    tense = speaker.rng.choice(("present", "past"))
    tag = negated([(be_form(subject, tense), "AUX")], contracted=True)
    words = [*subject.words, *copula(subject, tense), *description(speaker, group)]
    return [*words, *COMMA, *tag, (subject.pronoun, "PRON"), *MARK]


def interjection(speaker: Speaker) -> Words:
    """Oh, the milk is cold!"""
    opening = (speaker.one(lexicon.INTERJECTIONS), "INTJ")
    made = clause(speaker)
    made.adverb = []
    if opening[0] == "no":
        return [opening, *COMMA, *made.negative(True), *STOP]
    end = [("!", "PUNCT")] if speaker.chance(0.4) else STOP
    return [opening, *COMMA, *made.statement(), *end]


def stance(speaker: Speaker) -> Words:
    """Unfortunately, the thief has escaped."""
    opening = (speaker.one(lexicon.ADVERBS["stance"]), "ADV")
    comma = COMMA if opening[0].endswith("ly") else []
    return [opening, *comma, *clause(speaker).statement(), *STOP]


def quotation(speaker: Speaker) -> Words:
    """Somebody said: "The soup is cold," and who said it follows."""
    said = clause(speaker, tense=speaker.rng.choice(("past", "will", "can")), bare=True)
    who = speaker.people(plain=True)
    verb = speaker.one(("say", "whisper", "shout", "answer", "think"))
    _, rest = verb_parts(who, verb, "past", support=False)
    quote = ('"', "PUNCT")
    teller = [*who.words, *rest] if who.words[0][1] == "PRON" else [*rest, *who.words]
    if speaker.chance(0.3):
        return [quote, *said.question(), *MARK, quote, *teller, *STOP]
    return [quote, *said.statement(), *COMMA, quote, *teller, *STOP]


def fronted_place(speaker: Speaker) -> Words:
    """In the garden, a dog was sleeping."""
    frames = (("person", "person acts", ""), ("animal", "animal acts", ""))
    tense = speaker.rng.choice(("past", "past progressive"))
    elsewhere = frozenset(("return", "arrive", "disappear", "travel", "swim"))
    made = clause(speaker, frames, tense, bare=True, without=elsewhere)
    return [*speaker.place(), *COMMA, *made.statement(), *STOP]


def reduced_relative(speaker: Speaker) -> Words:
    """The letters written by the soldier were sad."""
    _, verb, thing = choose_frame(speaker, _MASTERED, NO_PASSIVE | lexicon.STATIVE)
    head = speaker.noun_phrase(thing, determiner="the", plain=True)
    agent = speaker.noun_phrase("person", determiner="definite", plain=True)
    done: Words = [(participle(verb), "VERB"), ("by", "ADP"), *agent.words]
    return [*head.words, *done, *_comment(speaker, head, thing), *STOP]


def habit(speaker: Speaker) -> Words:
    """My aunt always drinks tea in the evening."""
    subject = speaker.people()
    frames = HUMAN + INTRANSITIVE[:1]
    verbs = {verb for frame in frames for verb in lexicon.VERBS[frame[1]]}
    made = clause(
        speaker, frames, "present", subject, bare=True, without=frozenset(verbs - lexicon.HABITUAL)
    )
    made.adverb = [(speaker.one(lexicon.ADVERBS["frequency"]), "ADV")]
    daypart = singular(speaker.one(lexicon.NOUNS["daypart"]))
    times = f"in/ADP the/DET {daypart}/NOUN|at/ADP night/NOUN|after/ADP lunch/NOUN"
    made.tail = speaker.pick(times)
    return made.statement() + STOP
