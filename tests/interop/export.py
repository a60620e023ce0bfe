"""An exported ledger, read by the published layout (C2SP tlog-tiles) and contract (proto/) alone.

What is shared by the checks: leaves, checkpoints, and the exit codes 0 it holds, 3 a foreign tool refuses it,
1 it could not be looked at. A checkpoint's signature is not looked at here; note.Open and OpenSSL do that.
"""

import base64
import pathlib
import sys
import typing

ENTRIES = 256


class Leaf(typing.NamedTuple):
    """A leaf, and where its bytes begin."""

    file: pathlib.Path
    offset: int
    data: bytes


class Checkpoint(typing.NamedTuple):
    """What a checkpoint says."""

    size: int
    root: bytes


def checkpoint(file: str | pathlib.Path) -> Checkpoint:
    """The size and root of a checkpoint."""
    _, size, root = pathlib.Path(file).read_text(encoding="utf-8").split("\n")[:3]
    return Checkpoint(int(size), base64.b64decode(root, validate=True))


def leaves(folder: str) -> list[Leaf]:
    """All leaves that the export's checkpoint covers, in their order."""
    size = checkpoint(pathlib.Path(folder, "checkpoint")).size
    found: list[Leaf] = []
    for index in range(-(-size // ENTRIES)):
        width = min(ENTRIES, size - index * ENTRIES)
        groups = [f"{index % 1000:03}"]
        while index := index // 1000:
            groups.insert(0, f"x{index % 1000:03}")
        name = "/".join(groups) + ("" if width == ENTRIES else f".p/{width}")
        file = pathlib.Path(folder, "tile/entries", name)
        bundle, at = file.read_bytes(), 0
        for _ in range(width):
            length = int.from_bytes(bundle[at : at + 2], "big")
            found.append(Leaf(file, at + 2, bundle[at + 2 : at + 2 + length]))
            at += 2 + length
        if at != len(bundle):
            raise ValueError(f"{file} has {len(bundle)} bytes, its entries {at}")
    return found


def conclude(check: typing.Callable[[], str], refusals: tuple[type[Exception], ...]) -> None:
    """Runs a check, and ends with its exit code; a foreign tool refuses by raising one of `refusals`."""
    try:
        print(check())
    except refusals as refusal:
        print(f"{type(refusal).__module__}.{type(refusal).__name__}: {refusal}")
        sys.exit(3)
