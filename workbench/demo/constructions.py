"""Constructions of one clause; each function says one sentence, punctuation included."""

from __future__ import annotations

from collections.abc import Callable

from workbench.demo import lexicon
from workbench.demo.clauses import (
    HUMAN,
    INTRANSITIVE,
    MODALS,
    NO_PASSIVE,
    TRANSITIVE,
    choose_frame,
    clause,
    copula,
    describable,
    description,
    have_got,
    negated,
)
from workbench.demo.morphology import (
    article,
    comparative,
    participle,
    plural,
    singular,
    superlative,
)
from workbench.demo.phrases import Phrase, Speaker, Words, tagged, verb_parts

Construction = Callable[[Speaker], Words]

STOP: Words = [(".", "PUNCT")]
MARK: Words = [("?", "PUNCT")]
COMMA: Words = [(",", "PUNCT")]


def intransitive(speaker: Speaker) -> Words:
    """The nurse slept in the garden."""
    return clause(speaker, INTRANSITIVE).statement() + STOP


def transitive(speaker: Speaker) -> Words:
    """The boy will find the key tomorrow."""
    return clause(speaker, TRANSITIVE).statement() + STOP


def _gift(speaker: Speaker) -> tuple[Phrase, str, str, Words, Words]:
    giver = speaker.people()
    telling = speaker.chance(0.3)
    verb = speaker.one(lexicon.VERBS["tells" if telling else "gives"])
    thing = speaker.noun_phrase("text" if verb in lexicon.VERBS["tells"] else "object")
    if verb == "tell":
        thing = Phrase((("a", "DET"), (speaker.one(("story", "joke", "secret")), "NOUN")))
    tense = speaker.rng.choice(("past", "past", "will", "perfect", *MODALS))
    receiver = speaker.people(case="object")
    return giver, verb, tense, list(receiver.words), list(thing.words)


def ditransitive(speaker: Speaker) -> Words:
    """The clerk gave her a letter."""
    giver, verb, tense, receiver, thing = _gift(speaker)
    first, rest = verb_parts(giver, verb, tense, support=False)
    return [*giver.words, *first, *rest, *receiver, *thing, *STOP]


def prepositional_dative(speaker: Speaker) -> Words:
    """The clerk gave a letter to her."""
    giver, verb, tense, receiver, thing = _gift(speaker)
    first, rest = verb_parts(giver, verb, tense, support=False)
    return [*giver.words, *first, *rest, *thing, ("to", "ADP"), *receiver, *STOP]


def passive(speaker: Speaker) -> Words:
    """The lamp was broken by the child."""
    frames = tuple(frame for frame in HUMAN if frame[2] not in ("person", "occasion"))
    _, verb, thing = choose_frame(speaker, frames, NO_PASSIVE | lexicon.STATIVE)
    subject = speaker.noun_phrase(thing, determiner="definite")
    done: Words = [(participle(verb), "VERB")]
    tense = speaker.rng.choice(("past", "past", "past", "will", "perfect", "must", "can"))
    if tense == "perfect":
        group = [("have" if subject.plural else "has", "AUX"), ("been", "AUX")]
    else:
        first, rest = verb_parts(subject, "be", tense, support=False)
        group = first + rest
    agent: Words = []
    if speaker.chance(0.5):
        agent = [("by", "ADP"), *speaker.noun_phrase("person", determiner="definite").words]
    return [*subject.words, *group, *done, *agent, *speaker.time(tense), *STOP]


def copular_adjective(speaker: Speaker) -> Words:
    """The question seemed rather difficult."""
    subject, group = describable(speaker)
    tense = speaker.rng.choice(("present", "past", "past"))
    if speaker.chance(0.35):
        verb = speaker.one(("seem", "look", "become", "remain", "feel"))
        if group == "person" or verb in ("seem", "look"):
            first, rest = verb_parts(subject, verb, "past", support=False)
            described = _mood(speaker) if group == "person" else description(speaker, group)
            return [*subject.words, *first, *rest, *described, *STOP]
    return [*subject.words, *copula(subject, tense), *description(speaker, group), *STOP]


def _mood(speaker: Speaker) -> Words:
    return [(speaker.one(lexicon.MOODS), "ADJ")]


def copular_noun(speaker: Speaker) -> Words:
    """Her brother is a famous painter."""
    subject = speaker.rng.choice(
        (
            speaker.noun_phrase("kin"),
            speaker.pronoun(),
            Phrase(((speaker.one(lexicon.NAMES), "PROPN"),)),
            speaker.noun_phrase("role", determiner="definite"),
        )
    )
    if subject.plural:
        words: Words = [(plural(speaker.one(lexicon.NOUNS["profession"])), "NOUN")]
        if speaker.chance(0.5):
            words.insert(0, (speaker.adjective("person"), "ADJ"))
    else:
        words = [(singular(speaker.one(lexicon.NOUNS["profession"])), "NOUN")]
        if speaker.chance(0.6):
            words.insert(0, (speaker.adjective("person"), "ADJ"))
        words.insert(0, (article(words[0][0]), "DET"))
    tense = speaker.rng.choice(("present", "past"))
    return [*subject.words, *copula(subject, tense), *words, *STOP]


def copular_place(speaker: Speaker) -> Words:
    """Our guests are in the garden."""
    subject = speaker.people()
    place = speaker.place()
    if speaker.chance(0.3):
        place = speaker.pick("here/ADV|there/ADV|at/ADP home/NOUN|outside/ADV|away/ADV|back/ADV")
    be = copula(subject, speaker.rng.choice(("present", "past")))
    return [*subject.words, *be, *place, *STOP]


def demonstrative(speaker: Speaker) -> Words:
    """Those are her books."""
    group = speaker.rng.choice(("object", "vehicle", "pet", "text"))
    many = speaker.chance(0.4)
    pronoun = speaker.one(("these", "those") if many else ("this", "that"))
    noun = speaker.one(lexicon.NOUNS[group])
    words: Words = [(plural(noun) if many else singular(noun), "NOUN")]
    if speaker.chance(0.5):
        words.insert(0, (speaker.adjective(group), "ADJ"))
    owner = speaker.pick("my/PRON|your/PRON|her/PRON|his/PRON|our/PRON|their/PRON")
    if not many and speaker.chance(0.4):
        owner = [(article(words[0][0]), "DET")]
    subject = Phrase(((pronoun, "PRON"),), plural=many)
    if speaker.chance(0.2):
        return [*copula(subject, "present"), *subject.words, *owner, *words, *MARK]
    return [*subject.words, *copula(subject, "present"), *owner, *words, *STOP]


def existential(speaker: Speaker) -> Words:
    """There were two dogs in the yard."""
    group = speaker.rng.choice(("person", "animal", "object", "meal"))
    noun = speaker.one(lexicon.NOUNS[group])
    many = speaker.chance(0.5)
    words: Words = [(plural(noun) if many else singular(noun), "NOUN")]
    if speaker.chance(0.4):
        words.insert(0, (speaker.adjective(group), "ADJ"))
    if many:
        count = speaker.one(lexicon.NUMERALS)
        determiner = speaker.pick(f"{count}/NUM|some/DET|several/ADJ|many/ADJ|no/DET|a/DET few/ADJ")
    else:
        determiner = speaker.pick(f"{article(words[0][0])}/DET|no/DET|one/NUM|another/DET")
    found = Phrase(tuple(words), plural=many)
    be = copula(found, speaker.rng.choice(("present", "past")))
    where = speaker.place() if group in ("person", "animal") else speaker.spot()
    if speaker.chance(0.15) and determiner[0][0] != "no":
        return [*be, ("there", "PRON"), *determiner, *words, *where, *MARK]
    return [("there", "PRON"), *be, *determiner, *words, *where, *STOP]


def possession(speaker: Speaker) -> Words:
    """Maria has three brothers."""
    owner = speaker.people()
    kind = speaker.rng.choice(("object", "pet", "abstract", "vehicle", "kin", "cold"))
    tense = speaker.rng.choice(("present", "present", "past"))
    if kind == "kin":
        count = speaker.one(lexicon.NUMERALS[:4])
        kin = plural(speaker.one(("brother", "sister", "cousin", "aunt", "uncle", "nephew")))
        owned: Words = [(count, "NUM"), (kin, "NOUN")]
    elif kind == "cold":
        owned = tagged("a/DET cold/NOUN")
    else:
        noun = singular(speaker.one(lexicon.NOUNS[kind]))
        described = (speaker.adjective(kind), "ADJ")
        owned = [(article(described[0]), "DET"), described, (noun, "NOUN")]
    if speaker.chance(0.3):
        first, rest = verb_parts(owner, "have", tense, support=True)
        return [*owner.words, *negated(first, speaker.chance(0.6)), *rest, *owned, *STOP]
    return [*owner.words, *have_got(owner, tense), *owned, *STOP]


def genitive(speaker: Speaker) -> Words:
    """The doctor's car was stolen."""
    owner = speaker.people("singular", plain=True, determiner="definite")
    group = speaker.rng.choice(("object", "vehicle", "pet", "text"))
    many = speaker.chance(0.3)
    noun = speaker.one(lexicon.NOUNS[group])
    words = (*owner.words, ("'s", "PART"), (plural(noun) if many else singular(noun), "NOUN"))
    owned = Phrase(words, plural=many)
    if speaker.chance(0.5):
        be = copula(owned, speaker.rng.choice(("present", "past")))
        return [*words, *be, *description(speaker, group), *STOP]
    frame = ("person", f"person {group}", group)
    made = clause(speaker, (frame,), bare=True)
    made.complement = list(words)
    return made.statement() + STOP


def comparison(speaker: Speaker) -> Words:
    """The taxi is faster than the bus."""
    groups = ("person", "animal", "vehicle", "object", "abstract", "text", "event")
    group = speaker.rng.choice(groups)
    first = speaker.noun_phrase(group, "singular", "definite", plain=True)
    second = speaker.noun_phrase(group, "singular", "definite", plain=True)
    word = speaker.adjective(group, "compared")
    be = copula(first, speaker.rng.choice(("present", "past")))
    if speaker.chance(0.4):
        compared = [("as", "ADV"), (word, "ADJ"), ("as", "ADP")]
    else:
        short = comparative(word)
        compared = [(short, "ADJ")] if short else [("more", "ADV"), (word, "ADJ")]
        compared.append(("than", "ADP"))
    return [*first.words, *be, *compared, *second.words, *STOP]


def superlative_choice(speaker: Speaker) -> Words:
    """This is the oldest church in the village."""
    group, noun = "person", singular(speaker.one(lexicon.NOUNS["profession"]))
    subject: Words = [(speaker.one(lexicon.NAMES), "PROPN")]
    if speaker.chance(0.5):
        group = speaker.rng.choice(("text", "vehicle", "spectacle"))
        noun = singular(speaker.one(lexicon.NOUNS[group]))
        subject = speaker.pick("this/PRON|that/PRON|it/PRON")
    word = speaker.adjective(group, "compared")
    short = superlative(word)
    most = [(short, "ADJ")] if short else [("most", "ADV"), (word, "ADJ")]
    be = speaker.pick("is/AUX|was/AUX")
    where = tagged("of/ADP the/DET year/NOUN")
    if group in ("person", "vehicle"):
        where = speaker.place()
    return [*subject, *be, ("the", "DET"), *most, (noun, "NOUN"), *where, *STOP]


def likeness(speaker: Speaker) -> Words:
    """The kitten sleeps like a small lion."""
    subject = speaker.people("singular", plain=True)
    verb = speaker.one(("look", "sing", "run", "work", "dance", "sleep", "smile", "walk"))
    model = speaker.noun_phrase("animal" if verb in ("run", "sleep") else "person", determiner="a")
    first, rest = verb_parts(subject, verb, speaker.rng.choice(("present", "past")), support=False)
    return [*subject.words, *first, *rest, ("like", "ADP"), *model.words, *STOP]


def particle_verb(speaker: Speaker) -> Words:
    """She put the coat on."""
    subject = speaker.people()
    verb, particle, nouns = speaker.rng.choice(
        (
            ("put", "on", "coat hat scarf/scarves shirt ring"),
            ("take", "off", "coat hat scarf/scarves shirt shoe"),
            ("turn", "off", "lamp phone light"),
            ("turn", "on", "lamp phone light"),
            ("pick", "up", "bag coin stone letter suitcase box/boxes"),
            ("throw", "away", "newspaper box/boxes bottle letter ticket"),
            ("bring", "back", "book umbrella key phone"),
            ("put", "down", "pen bag cup basket drum"),
        )
    )
    thing: Words = [*speaker.pick("the/DET|his/PRON|her/PRON|their/PRON|that/DET")]
    thing.append((singular(speaker.one(nouns.split())), "NOUN"))
    tense = speaker.rng.choice(("past", "past", "will", "must", "progressive", "perfect"))
    first, rest = verb_parts(subject, verb, tense, support=False)
    word = (particle, "ADV" if particle in ("away", "back") else "ADP")
    placed = [word, *thing] if speaker.chance(0.5) else [*thing, word]
    return [*subject.words, *first, *rest, *placed, *STOP]


def movement(speaker: Speaker) -> Words:
    """The sailor came back from the island."""
    subject = speaker.people()
    verb = speaker.one(("come", "go", "run", "walk", "travel", "drive", "return"))
    tense = speaker.rng.choice(("past", "past", "will", "perfect", "must"))
    first, rest = verb_parts(subject, verb, tense, support=False)
    places = lexicon.NOUNS["place"]
    if verb in ("travel", "drive"):
        places = tuple(lexicon.FAR)
    place = singular(speaker.one(sorted(places)))
    path = speaker.pick("to/ADP|from/ADP|past/ADP|towards/ADP") + tagged(f"the/DET {place}/NOUN")
    back = tagged("back/ADV") if path[0][0] in ("to", "from") and speaker.chance(0.4) else []
    return [*subject.words, *first, *rest, *back, *path, *speaker.time(tense), *STOP]


def injury(speaker: Speaker) -> Words:
    """She hurt her back in the morning."""
    subject = speaker.pronoun()
    own = {"I": "my", "you": "your", "he": "his", "she": "her", "we": "our", "they": "their"}
    many = subject.pronoun in ("we", "they")
    noun = speaker.one(("arm", "leg", "back", "hand", "knee", "shoulder", "foot/feet"))
    part: Words = [(plural(noun) if many else singular(noun), "NOUN")]
    if noun != "back" and not many and speaker.chance(0.4):
        part.insert(0, (speaker.adjective("part"), "ADJ"))
    verb = "hurt" if noun == "back" else speaker.one(("hurt", "wash", "cover", "move"))
    first, rest = verb_parts(subject, verb, "past", support=False)
    when = speaker.pick("yesterday/NOUN|this/DET morning/NOUN|again/ADV|on/ADP Monday/PROPN")
    where = when if verb == "hurt" and speaker.chance(0.6) else []
    return [*subject.words, *first, *rest, (own[subject.pronoun], "PRON"), *part, *where, *STOP]


def weather(speaker: Speaker) -> Words:
    """It rained in the evening; the rain will stop soon."""
    verb = speaker.one(("rain", "snow"))
    tense = speaker.rng.choice(("past", "past", "will", "progressive", "perfect"))
    if speaker.chance(0.35):
        subject = Phrase((("the", "DET"), (verb, "NOUN")))
        frame = (("event", "event happens", ""),)
        return [*clause(speaker, frame, "past", subject).statement(), *STOP]
    first, rest = verb_parts(Phrase((("it", "PRON"),)), verb, tense, support=False)
    where: Words = []
    if speaker.chance(0.7):
        place = speaker.one(("village", "valley", "city", "forest", "mountains"))
        town = speaker.one(lexicon.TOWNS)
        where = speaker.pick(f"in/ADP the/DET {place}/NOUN|in/ADP {town}/PROPN")
    return [("it", "PRON"), *first, *rest, *where, *speaker.time(tense), *STOP]


def contracted(speaker: Speaker) -> Words:
    """She's reading; they'll sell the car; we've found the key."""
    subject = speaker.pronoun()
    tense = speaker.rng.choice(("progressive", "will", "perfect"))
    made = clause(speaker, HUMAN, tense, subject, without=lexicon.STATIVE)
    words = made.statement()
    short = {"will": "'ll", "am": "'m", "are": "'re", "is": "'s", "has": "'s", "have": "'ve"}
    words[1] = (short[words[1][0]], "AUX")
    return words + STOP
