"""The bytes that DSSE signs, by securesystemslib.

pae.py TYPE FILE ENCODED: whether they are those in ENCODED (base64), for the content of FILE under a type.
"""

import base64
import pathlib
import sys

from securesystemslib.dsse import Envelope

import export


class Different(Exception):
    """securesystemslib signs other bytes."""


def check() -> str:
    kind, file, encoded = sys.argv[1:]
    expected = Envelope(pathlib.Path(file).read_bytes(), kind, {}).pae()
    if base64.b64decode(pathlib.Path(encoded).read_text()) != expected:
        raise Different(f"securesystemslib.dsse.Envelope.pae gives {expected[:60]!r}")
    return f"{len(expected)} bytes are signed"


export.conclude(check, (Different,))
