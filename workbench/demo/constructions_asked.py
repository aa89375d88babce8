"""Questions, requests, denials and exclamations; each function says one sentence."""

from __future__ import annotations

from workbench.demo import lexicon
from workbench.demo.clauses import HUMAN, INTRANSITIVE, choose_frame, clause
from workbench.demo.constructions import COMMA, MARK, STOP
from workbench.demo.morphology import article, singular
from workbench.demo.phrases import Phrase, Speaker, Words, tagged

SHOUT: Words = [("!", "PUNCT")]


def yes_no_question(speaker: Speaker) -> Words:
    """Did the tailor lose his key?"""
    return clause(speaker).question() + MARK


def object_question(speaker: Speaker) -> Words:
    """What did the girl carry to the station?"""
    frame = speaker.rng.choice(HUMAN)
    made = clause(speaker, (frame,))
    if frame[2] == "person":
        asked = tagged("who/PRON")
    elif frame[2] in lexicon.NOUNS and frame[2] != "drink" and speaker.chance(0.4):
        noun = (singular(speaker.one(lexicon.NOUNS[frame[2]])), "NOUN")
        asked = [*speaker.pick("which/DET|what/DET"), noun]
    else:
        asked = tagged("what/PRON")
    return asked + made.question(with_complement=False) + MARK


def subject_question(speaker: Speaker) -> Words:
    """Who opened the gate?"""
    noun = singular(speaker.one(lexicon.NOUNS["person"]))
    asked = speaker.pick(f"who/PRON|who/PRON|which/DET {noun}/NOUN")
    made = clause(speaker, HUMAN, subject=Phrase(tuple(asked)))
    return made.statement() + MARK


def adverb_question(speaker: Speaker) -> Words:
    """Where did the train stop?"""
    tense = speaker.rng.choice(("past", "past", "will", "can"))
    made = clause(speaker, tense=tense, bare=True, without=lexicon.STATIVE | {"continue"})
    asked = speaker.pick("why/ADV|when/ADV|how/ADV|where/ADV")
    return asked + made.question() + MARK


def imperative(speaker: Speaker) -> Words:
    """Please close the window, Anna."""
    frames = tuple(f for f in HUMAN if f[2] not in ("person", "abstract", "occasion"))
    forbid = tagged("do/AUX n't/PART") if speaker.chance(0.3) else []
    unwanted = frozenset({"need"}) if forbid else lexicon.MISHAPS | lexicon.STATIVE
    _, verb, thing = choose_frame(speaker, frames, unwanted)
    polite = tagged("please/INTJ") if speaker.chance(0.4) else []
    name: Words = []
    if speaker.chance(0.25):
        name = [*COMMA, (speaker.one(lexicon.NAMES), "PROPN")]
    thing_words = speaker.noun_phrase(thing, determiner="definite").words
    end = STOP if polite or speaker.chance(0.6) else SHOUT
    return [*polite, *forbid, (verb, "VERB"), *thing_words, *name, *end]


def suggestion(speaker: Speaker) -> Words:
    """Let's visit the museum."""
    the_place: Words = [("the", "DET"), (singular(speaker.one(lexicon.NOUNS["place"])), "NOUN")]
    verb, ending = speaker.rng.choice(
        (
            ("visit", the_place),
            ("leave", the_place),
            ("go", [("to", "ADP"), *the_place]),
            ("cook", list(speaker.noun_phrase("meal").words)),
            ("play", [("in", "ADP"), *tagged("the/DET garden/NOUN")]),
        )
    )
    time = speaker.time("will") if speaker.chance(0.5) else []
    return [*tagged("let/VERB 's/PRON"), (verb, "VERB"), *ending, *time, *STOP]


def negation(speaker: Speaker) -> Words:
    """The baker did not hear the bell."""
    subject = speaker.people(determiner="definite")
    made = clause(speaker, HUMAN + INTRANSITIVE[:1], subject=subject)
    made.adverb = []
    return made.negative(speaker.chance(0.6)) + STOP


def exclamation(speaker: Speaker) -> Words:
    """What a beautiful song!"""
    group = speaker.rng.choice(("music", "text", "object", "meal", "spectacle", "person", "pet"))
    word = speaker.adjective(group)
    noun = (singular(speaker.one(lexicon.NOUNS[group])), "NOUN")
    return [("what", "DET"), (article(word), "DET"), (word, "ADJ"), noun, *SHOUT]
