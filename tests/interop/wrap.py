"""Wraps with the HPKE of `cryptography`: KEM MLKEM768_X25519 (X-Wing, 0x647a), HKDF-SHA256, AES-256-GCM.

wrap.py unwrap KEY FILE: opens the wrap in a vector, as Sealpost made it, and compares what it hides.
wrap.py wrap KEY: prints a vector with a wrap of its own making, for Sealpost to open.

KEY is an agency's sealing key, as `sealpost-admin` wrote it. A vector is a text of lines `name value`, agencies by name and
all else in base64. What a wrap is bound to is put together here, from the description in proto/sealpost/v1/envelope.proto
and crates/crypto/src/wrap.rs alone.
"""

import base64
import hashlib
import pathlib
import secrets
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sealpost.v1 import envelope_pb2

import export

SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
# Bytes of an encapsulated key, which stands before the ciphertext.
ENCAPSULATED = 1120
# SEQUENCE { 0, { 1.3.6.1.4.1.62253.25722 }, OCTET STRING seed }: PKCS#8 with X-Wing's object identifier.
PKCS8 = bytes.fromhex("3034020100300d060b2b0601040183e62d81c87a0420")


class Key:
    """An X-Wing key from its seed of 32 bytes, which SHAKE256 expands to the seeds of its two halves."""

    def __init__(self, file: str) -> None:
        lines = pathlib.Path(file).read_text().splitlines()
        der = base64.b64decode("".join(line for line in lines if not line.startswith("-----")))
        if not der.startswith(PKCS8) or len(der) != len(PKCS8) + 32:
            sys.exit(f"{file} holds no X-Wing private key")
        seeds = hashlib.shake_256(der[len(PKCS8) :]).digest(96)
        lattice, curve = MLKEM768PrivateKey.from_seed_bytes(seeds[:64]), X25519PrivateKey.from_private_bytes(seeds[64:])
        self.private = hpke.MLKEM768X25519PrivateKey(lattice, curve)
        raw = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        self.id = hashlib.sha256(b"X-Wing\0" + raw).digest()


def info(vector: dict[str, bytes], key: Key) -> bytes:
    """What the wrap is bound to."""
    parts = [vector["message_id"], vector["sender"], vector["recipient"], key.id, vector["header_digest"]]
    return b"sealpost/wrap/v1" + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def read(file: str) -> dict[str, bytes]:
    vector = {}
    for line in pathlib.Path(file).read_text().splitlines():
        name, value = line.split(" ")
        vector[name] = value.encode() if name in ("sender", "recipient") else base64.b64decode(value, validate=True)
    return vector


def unwrap(key: Key, vector: dict[str, bytes]) -> str:
    opened = SUITE.decrypt(vector["encapsulated"] + vector["ciphertext"], key.private, info(vector, key))
    content = envelope_pb2.WrapContent.FromString(opened)
    if opened != vector["hidden"] or content.SerializeToString() != opened or len(content.content_key) != 32:
        raise ValueError("the wrap hides something else than the vector says")
    return f"it opens, to position {content.number} on its link"


def wrap(key: Key) -> None:
    hidden = envelope_pb2.WrapContent(
        content_key=secrets.token_bytes(32),
        incarnation=secrets.token_bytes(16),
        number=secrets.randbelow(1 << 40) + 1,
        previous_digest=secrets.token_bytes(32),
        commitment_salt=secrets.token_bytes(32),
    ).SerializeToString()
    vector = {
        "message_id": secrets.token_bytes(16),
        "sender": b"TH-TCD",
        "recipient": b"DE-ZKA",
        "header_digest": secrets.token_bytes(32),
    }
    sealed = SUITE.encrypt(hidden, key.private.public_key(), info(vector, key))
    vector |= {"encapsulated": sealed[:ENCAPSULATED], "ciphertext": sealed[ENCAPSULATED:], "hidden": hidden}
    for name, value in vector.items():
        print(name, value.decode() if name in ("sender", "recipient") else base64.b64encode(value).decode())


match sys.argv[1:]:
    case ["unwrap", key, file]:
        export.conclude(lambda: unwrap(Key(key), read(file)), (InvalidTag,))
    case ["wrap", key]:
        wrap(Key(key))
    case _:
        sys.exit(__doc__)
