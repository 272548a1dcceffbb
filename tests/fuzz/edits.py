"""Edits of bytes that any format can meet: cuts, repeats, noise, odd numbers, other encodings and line ends."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Sequence
from random import Random

Edit = Callable[[bytes, Random], bytes]

ODD_NUMBERS = tuple(
    b"nan NaN inf -inf 1e308 1e-400 -0 0 -1 1 999 9999 99999999 -99999999 2147483648 -2147483649 18446744073709551616 "
    b"0x10 1_000 1,5 .5 +1 ++1 1e 123456789012345678901234567890 3.14.15 \xd9\xa3 ? . * ******** True None".split()
)
ODD_TEXT = (
    *(
        b"",
        b" ",
        b"\x00",
        b"\x1b[31m",
        b"\t",
        b"'",
        b'"',
        b'"""',
        b";",
        b"\n;\n",
        b"#",
        b"$$$$",
        b"<>",
        b"../../x",
        b"%n%s",
    ),
    *(
        b"=1+1",
        b"\xff\xfe",
        b"\xc3",
        "Å".encode(),
        "é".encode(),
        "\u202e".encode(),
        "\u2028".encode(),
        b"\x0b",
        b"\x85",
        b"\\",
        b"," * 9,
        b"A" * 300,
    ),
)
_NUMBER = re.compile(rb"[-+]?\d+(?:\.\d+)?")


def place(data: bytes, rng: Random) -> int:
    """A position in the data, either end included."""
    return rng.randint(0, len(data))


def span(data: bytes, rng: Random) -> tuple[int, int]:
    """A short or long stretch of the data."""
    start = place(data, rng)
    return start, min(len(data), start + int(2 ** rng.uniform(0, 10)))


def flip_bits(data: bytes, rng: Random) -> bytes:
    """One to eight bits turned."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def truncate(data: bytes, rng: Random) -> bytes:
    """The beginning, or the end."""
    cut = place(data, rng)
    return data[:cut] if rng.random() < 0.8 else data[cut:]


def delete_span(data: bytes, rng: Random) -> bytes:
    """A stretch left out."""
    start, end = span(data, rng)
    return data[:start] + data[end:]


def repeat_span(data: bytes, rng: Random) -> bytes:
    """A stretch written again, once or many times."""
    start, end = span(data, rng)
    return data[:end] + data[start:end] * rng.choice((1, 1, 2, 20)) + data[end:]


def move_span(data: bytes, rng: Random) -> bytes:
    """A stretch put elsewhere."""
    start, end = span(data, rng)
    piece, rest = data[start:end], data[:start] + data[end:]
    target = place(rest, rng)
    return rest[:target] + piece + rest[target:]


def insert_noise(data: bytes, rng: Random) -> bytes:
    """Random bytes put in."""
    position = place(data, rng)
    return data[:position] + rng.randbytes(rng.choice((1, 3, 30, 300))) + data[position:]


def insert_text(data: bytes, rng: Random) -> bytes:
    """A piece of text that means something to some parser."""
    position = place(data, rng)
    return data[:position] + rng.choice(ODD_TEXT) + data[position:]


def odd_number(data: bytes, rng: Random) -> bytes:
    """A number replaced by an odd one."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return insert_text(data, rng)
    match = rng.choice(found)
    return data[: match.start()] + rng.choice(ODD_NUMBERS) + data[match.end() :]


def edit_lines(data: bytes, rng: Random) -> bytes:
    """Lines dropped, repeated, exchanged, joined or shuffled."""
    lines = data.split(b"\n")
    first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
    low, high = min(first, second), max(first, second) + 1
    kind = rng.randrange(6)
    if kind == 0:
        del lines[first]
    elif kind == 1:
        lines.insert(second, lines[first])
    elif kind == 2:
        lines[first], lines[second] = lines[second], lines[first]
    elif kind == 3:
        lines[low:high] = [b" ".join(lines[low:high])]
    elif kind == 4:
        part = lines[low:high]
        rng.shuffle(part)
        lines[low:high] = part
    else:
        lines[low:low] = lines[low:high]
    return b"\n".join(lines)


def edit_words(data: bytes, rng: Random) -> bytes:
    """Words of a line dropped, repeated, exchanged or replaced."""
    lines = data.split(b"\n")
    number = rng.randrange(len(lines))
    words = re.split(rb"(\s+)", lines[number])
    first, second = rng.randrange(len(words)), rng.randrange(len(words))
    kind = rng.randrange(4)
    if kind == 0:
        words[first] = b""
    elif kind == 1:
        words.insert(second, b" " + words[first])
    elif kind == 2:
        words[first], words[second] = words[second], words[first]
    else:
        words[first] = rng.choice((*ODD_TEXT, *ODD_NUMBERS))
    lines[number] = b"".join(words)
    return b"\n".join(lines)


def other_encoding(data: bytes, rng: Random) -> bytes:
    """Other line ends, a byte-order mark, UTF-16, Latin-1, or gzip, whole or damaged."""
    kind = rng.randrange(8)
    if kind == 0:
        return data.replace(b"\n", b"\r\n")
    if kind == 1:
        return data.replace(b"\n", b"\r")
    if kind == 2:
        return b"\xef\xbb\xbf" + data
    if kind == 3:
        return data.decode("latin-1").encode("utf-16")
    if kind == 4:
        return data.upper() if rng.random() < 0.5 else data.lower()
    packed = gzip.compress(data, 1, mtime=0)
    if kind == 5:
        return packed
    return truncate(packed, rng) if kind == 6 else flip_bits(packed, rng)


ANY: tuple[Edit, ...] = (
    *(flip_bits, truncate, delete_span, repeat_span, move_span, insert_noise, insert_text, odd_number, odd_number),
    *(edit_lines, edit_lines, edit_words, edit_words, other_encoding),
)
"""Edits for every text format."""


def edited(data: bytes, rng: Random, own: Sequence[Edit], *, any_format: Sequence[Edit] = ANY) -> bytes:
    """The data after one to four edits, two thirds of them of the format's own."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        data = rng.choice(own if own and rng.random() < 0.67 else any_format)(data, rng)
    return data
