"""Reads and writes private key files with `cryptography`.

Usage: keyfile.py public FILE [PASSPHRASE]      prints the public key in hexadecimal
       keyfile.py encrypt FILE PASSPHRASE OUT   writes it as this library does

Ends with 3 when the library refuses the file.
"""

import os
import sys

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)


def load(path, passphrase):
    with open(path, "rb") as file:
        try:
            return load_pem_private_key(file.read(), passphrase and passphrase.encode())
        except (ValueError, TypeError) as error:
            print(f"load_pem_private_key: {error}")
            sys.exit(3)


command, path, *rest = sys.argv[1:]
if command == "public":
    key = load(path, rest[0] if rest else None)
    print(key.public_key().public_bytes_raw().hex())
else:
    passphrase, out = rest
    text = load(path, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode())
    )
    with open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
