"""Makes the flipped copy of a file: one bit differs, and it still is what it was in form.

flip.py FILE byte OFFSET: the lowest bit of a byte.
flip.py FILE entry NUMBER: one bit in the middle of an entry, from 0, of a bundle (C2SP tlog-tiles).
flip.py FILE base64 LINE: one bit, in the middle, of what the last word of a line says in base64; lines from 1.
flip.py FILE number LINE: the last word of a line, a number, with its lowest bit flipped.
flip.py FILE json KEY: one bit of the first of the base64 texts in since.KEY.
"""

import base64
import json
import pathlib
import sys


def flipped(text: str) -> str:
    data = bytearray(base64.b64decode(text, validate=True))
    data[len(data) // 2] ^= 1
    return base64.b64encode(data).decode()


file, how, where = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
before = data = file.read_bytes()
if how in ("byte", "entry"):
    at = int(where)
    if how == "entry":
        start = 0
        for _ in range(at):
            start += 2 + int.from_bytes(data[start : start + 2], "big")
        at = start + 2 + int.from_bytes(data[start : start + 2], "big") // 2
    data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
elif how == "json":
    shown = json.loads(data)
    shown["since"][where][0] = flipped(shown["since"][where][0])
    data = json.dumps(shown).encode()
else:
    lines = data.decode().split("\n")
    *head, word = lines[int(where) - 1].split(" ")
    word = flipped(word) if how == "base64" else str(int(word) ^ 1)
    lines[int(where) - 1] = " ".join([*head, word])
    data = "\n".join(lines).encode()
if data == before:
    sys.exit(f"{file} was not changed")
file.write_bytes(data)
