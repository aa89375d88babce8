"""Token ids of texts and of arrays, and the word that every token belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError
from workbench.subjects.language.texts import Text, plain

_TEXTS_AT_ONCE = 256
PIECE_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class TokenizedText:
    """A text as token ids.

    Attributes
    ----------
    source : Text
    ids : ndarray (tokens,) int32
    words : ndarray (tokens,) int32
        0-based word of the text that each token belongs to; -1 for none, as of special tokens.
    replaced : int
        Characters of the text that have no UTF-8 form and gave way to question marks.
    """

    source: Text
    ids: NDArray[np.int32]
    words: NDArray[np.int32]
    replaced: int = 0


def tokenize(texts: Iterable[Text], tokenizer: Any) -> Iterator[TokenizedText]:
    """Token ids as the tokenizer itself would give them, special tokens included.

    Parameters
    ----------
    texts : iterable of Text
    tokenizer : Hugging Face tokenizer

    Yields
    ------
    TokenizedText

    Notes
    -----
    A text of more than a million characters is tokenized in pieces cut at white space, so that
    memory stays bounded. A lone surrogate, which JSON can spell, has no UTF-8 form and so no token:
    it becomes a question mark.
    """
    for given in _groups(texts):
        group = [_encodable(text) for text in given]
        short = [text.text for text in group if len(text.text) <= PIECE_CHARACTERS]
        encoded = iter(_encode(short, tokenizer, special=True))
        for number, text in enumerate(group):
            if len(text.text) <= PIECE_CHARACTERS:
                ids, offsets = next(encoded)
            else:
                ids, offsets = _in_pieces(text.text, tokenizer)
            replaced = _n_differing(text.text, given[number].text)
            yield TokenizedText(text, ids, _word_of_token(offsets, text), replaced)


def _n_differing(first: str, second: str) -> int:
    return 0 if first == second else sum(a != b for a, b in zip(first, second, strict=True))


def _encodable(text: Text) -> Text:
    valid = {key: _valid(value) for key, value in text.about.items()}
    if text.text.isascii() and valid == text.about:
        return text
    return replace(text, text=_valid(text.text), about=valid)


def _valid(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _encode(
    texts: list[str], tokenizer: Any, special: bool
) -> list[tuple[NDArray[np.int32], NDArray[np.int64]]]:
    if not texts:
        return []
    fast = bool(getattr(tokenizer, "is_fast", False))
    result = tokenizer(
        texts,
        add_special_tokens=special,
        return_offsets_mapping=fast,
        return_attention_mask=False,
        verbose=False,
    )
    ids = [np.asarray(each, dtype=np.int32) for each in result["input_ids"]]
    if not fast:
        return [(each, np.zeros((len(each), 2), dtype=np.int64)) for each in ids]
    offsets = [np.asarray(o, dtype=np.int64).reshape(-1, 2) for o in result["offset_mapping"]]
    return list(zip(ids, offsets, strict=True))


def _in_pieces(text: str, tokenizer: Any) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    ids, offsets, start = [], [], 0
    while start < len(text):
        end = min(start + PIECE_CHARACTERS, len(text))
        if end < len(text):
            # The space goes to the next piece, where byte-pair tokenizers expect it.
            end = max(text.rfind(" ", start + 1, end), text.rfind("\n", start + 1, end), 0) or end
        ((piece_ids, piece_offsets),) = _encode([text[start:end]], tokenizer, special=False)
        ids.append(piece_ids)
        offsets.append(piece_offsets + start * (piece_offsets[:, 1:] > 0))
        start = end
    before, after = _special_tokens(tokenizer)
    none = [np.zeros((len(each), 2), dtype=np.int64) for each in (before, after)]
    return np.concatenate([before, *ids, after]), np.concatenate([none[0], *offsets, none[1]])


def _special_tokens(tokenizer: Any) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """What the tokenizer puts before and behind a text."""
    ((plain_ids, _),) = _encode(["a"], tokenizer, special=False)
    ((framed, _),) = _encode(["a"], tokenizer, special=True)
    n_more = len(framed) - len(plain_ids)
    at = next(
        k for k in range(n_more + 1) if np.array_equal(framed[k : k + len(plain_ids)], plain_ids)
    )
    return framed[:at], framed[at + len(plain_ids) :]


def _word_of_token(offsets: NDArray[np.int64], text: Text) -> NDArray[np.int32]:
    if not text.spans:
        return np.full(len(offsets), -1, dtype=np.int32)
    spans = np.asarray(text.spans, dtype=np.int64)
    starts, ends = offsets[:, 0], offsets[:, 1]
    # The last character decides, because many tokens begin with the space before their word; of
    # the words of a contraction that share one span, the first is taken.
    word = np.searchsorted(spans[:, 0], ends - 1, side="right") - 1
    word = np.searchsorted(spans[:, 0], spans[np.maximum(word, 0), 0], side="left")
    inside = (ends > starts) & (spans[word, 1] > starts) & (ends > spans[word, 0])
    return np.where(inside, word, -1).astype(np.int32)


def read_token_array(given: Path | NDArray, vocabulary: int) -> Iterator[TokenizedText]:
    """Texts given as token ids.

    Parameters
    ----------
    given : Path or ndarray (texts, tokens) or (tokens,)
        Integers, or an ``.npy`` file of them. Negative ids at the end of a row mean that the text
        is shorter.
    vocabulary : int
        Number of token ids that the model has.

    Yields
    ------
    TokenizedText
        With an empty text.

    Raises
    ------
    UsageError
        If there is no such file, or it holds anything but token ids.
    """
    array = _load(given) if isinstance(given, Path) else np.asarray(given)
    name = f"'{given}'" if isinstance(given, Path) else "the token array"
    if array.dtype.kind not in "iu" or array.ndim not in (1, 2) or array.size == 0:
        raise UsageError(
            f"Found {array.dtype} of shape {array.shape} in {name}; expected integers of shape "
            "(texts, tokens)."
        )
    for number, row in enumerate(np.atleast_2d(array)):
        yield _token_row(np.asarray(row), number, vocabulary, name)


def _load(path: Path) -> NDArray:
    if not path.is_file():
        raise UsageError(f"Found no token file '{path}'; expected an .npy file: check the path.")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UsageError(f"'{path}' is not an .npy file of integers ({error}).") from error


def _token_row(row: NDArray, number: int, vocabulary: int, name: str) -> TokenizedText:
    length = int((row >= 0).sum())
    if length == 0 or (row[:length] < 0).any():
        raise UsageError(
            f"Row {number} of {name} has no token id, or a negative one before its end; negative "
            "ids may only fill up the end of a row."
        )
    if row[:length].max() >= vocabulary:
        raise UsageError(
            f"Row {number} of {name} has token id {row[:length].max()}; the model knows 0 to "
            f"{vocabulary - 1}: was it made with another tokenizer?"
        )
    ids = row[:length].astype(np.int32)
    return TokenizedText(plain(""), ids, np.full(length, -1, dtype=np.int32))


def token_texts(tokenizer: Any, vocabulary: int) -> NDArray[np.object_]:
    """Readable text of every token id, for the row table.

    Parameters
    ----------
    tokenizer : Hugging Face tokenizer or None
    vocabulary : int

    Returns
    -------
    ndarray (vocabulary,) of str
        The id in angle brackets where there is no tokenizer.
    """
    if tokenizer is None:
        return np.array([f"<{i}>" for i in range(vocabulary)], dtype=object)
    known = len(tokenizer)
    texts = tokenizer.batch_decode([[i] for i in range(min(known, vocabulary))])
    texts += [f"<{i}>" for i in range(known, vocabulary)]
    if len(texts) != vocabulary:
        raise WorkbenchError(
            f"The tokenizer names {len(texts)} tokens for a vocabulary of {vocabulary}."
        )
    return np.array(texts, dtype=object)


def _groups(texts: Iterable[Text]) -> Iterator[list[Text]]:
    rest = iter(texts)
    while group := list(islice(rest, _TEXTS_AT_ONCE)):
        yield group
