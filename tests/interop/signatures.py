"""DSSE signatures with securesystemslib.

signatures.py DIRECTORY EXPORT: the directory by the keys of its authority, agencies' keys by the roots of their
jurisdictions, then every signed thing in the export's leaves: headers, the hub's promises, receipts and voids.
signatures.py DIRECTORY EXPORT place FIELD: only prints a file and an offset in it, in the middle of a field that may be
flipped without harm to the form: `header` or `signature` of the first message that was sent, `network` of the directory.
Messages are read by code that protoc makes from proto/, and only after their signature was verified.
"""

import collections
import hashlib
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sealpost.v1 import directory_pb2, envelope_pb2, ledger_pb2
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Signature, SSlibKey

import export


def key(raw: bytes) -> SSlibKey:
    """An Ed25519 key under the name that Sealpost gives it."""
    name = hashlib.sha256(b"Ed25519\0" + raw).hexdigest()
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(raw), keyid=name)


def verify(kind: str, payload: bytes, signatures, keys: list[SSlibKey], threshold: int = 1) -> bytes:
    """The payload, once securesystemslib verified it."""
    listed = {one.key_id.hex(): Signature(one.key_id.hex(), one.signature.hex()) for one in signatures}
    Envelope(payload, f"application/vnd.sealpost.{kind}.v1+protobuf", listed).verify(keys, threshold)
    return payload


class Keys:
    """What a signed directory says about who signs with what."""

    def __init__(self, file: str) -> None:
        statement = envelope_pb2.SignedStatement.FromString(pathlib.Path(file).read_bytes())
        # Version 1 is signed by the keys that it lists itself; whoever installs it compares its digest by other means,
        # here with what the ledger has.
        self.digest = hashlib.sha256(statement.payload).digest()
        listed = directory_pb2.Directory.FromString(statement.payload)
        authority = [key(raw) for raw in listed.authority_keys]
        verify("directory", statement.payload, statement.signatures, authority, listed.threshold)
        self.hub = [key(raw) for raw in listed.hub.signing_keys]
        roots = {one.code: x509.load_der_x509_certificate(one.root) for one in listed.jurisdictions}
        self.agencies: dict[str, list[SSlibKey]] = collections.defaultdict(list)
        for agency in listed.agencies:
            root = key(roots[agency.id[:2]].public_key().public_bytes_raw())
            for signed in agency.signing_keys:
                payload = verify("signing-key", signed.payload, signed.signatures, [root])
                self.agencies[agency.id].append(key(directory_pb2.SigningKey.FromString(payload).public_key))
        self.all = [one for keys in self.agencies.values() for one in keys]


def verify_leaf(leaf: ledger_pb2.LedgerLeaf, keys: Keys) -> str:
    """What a leaf holds; empty where that bears no signature."""
    kind = leaf.WhichOneof("record")
    record = getattr(leaf, kind)
    if kind == "directory" and record.directory.digest != keys.digest:
        raise ValueError("the ledger was begun with another directory")
    if kind in ("sent", "received"):
        verify("header", record.header, record.signatures, keys.all)
        # Not only by some agency: by the sender.
        sender = envelope_pb2.EnvelopeHeader.FromString(record.header).sender
        verify("header", record.header, record.signatures, keys.agencies[sender])
        return f"{kind} headers"
    if kind == "accepted":
        verify("accepted", record.statement.payload, record.statement.signatures, keys.hub)
        return "accepted batches"
    if kind in ("receipt_sent", "receipt_received"):
        payload = verify("receipt", record.statement.payload, record.statement.signatures, keys.all)
        recipient = envelope_pb2.Receipt.FromString(payload).recipient
        verify("receipt", payload, record.statement.signatures, keys.agencies[recipient])
        return "receipts"
    if kind == "voided":
        payload = verify("void", record.statement.payload, record.statement.signatures, keys.all)
        sender = envelope_pb2.Void.FromString(payload).sender
        verify("void", payload, record.statement.signatures, keys.agencies[sender])
        return "voids"
    return ""


def check() -> str:
    keys = Keys(sys.argv[1])
    counts: collections.Counter[str] = collections.Counter()
    for leaf in export.leaves(sys.argv[2]):
        counts[verify_leaf(ledger_pb2.LedgerLeaf.FromString(leaf.data), keys)] += 1
    del counts[""]
    if not counts["sent headers"] or not counts["receipts"]:
        raise ValueError(f"too little to verify: {dict(counts)}")
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def place(field: str) -> str:
    if field == "network":
        data = pathlib.Path(sys.argv[1]).read_bytes()
        statement = envelope_pb2.SignedStatement.FromString(data)
        network = directory_pb2.Directory.FromString(statement.payload).network.encode()
        return f"{sys.argv[1]} {data.index(network) + len(network) // 2}"
    for leaf in export.leaves(sys.argv[2]):
        sent = ledger_pb2.LedgerLeaf.FromString(leaf.data).sent
        if sent.header:
            wanted = sent.header if field == "header" else sent.signatures[0].signature
            return f"{leaf.file} {leaf.offset + leaf.data.index(wanted) + len(wanted) // 2}"
    raise ValueError("no message was sent")


if sys.argv[3:4] == ["place"]:
    print(place(sys.argv[4]))
else:
    export.conclude(check, (VerificationError,))
