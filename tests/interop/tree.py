"""Roots, inclusion and consistency with pymerkle.

tree.py EXPORT EARLIER PROOF LEAF: its root over the leaves is the checkpoint's; it proves records against the
checkpoint; an earlier checkpoint leads to this one; and the path of a tlog-proof is one that it believes.
pymerkle's hashing is that of RFC 6962 in its default mode; it counts leaves from one.
"""

import base64
import pathlib
import sys

import pymerkle

import export


def check() -> str:
    folder, earlier_file, proof_file, leaf_file = sys.argv[1:]
    leaves = export.leaves(folder)
    latest = export.checkpoint(pathlib.Path(folder, "checkpoint"))
    earlier = export.checkpoint(earlier_file)
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    tree.append_entries(leaf.data for leaf in leaves)

    for index in sorted({1, 2, 256, 257, latest.size // 2, latest.size}):
        proof = tree.prove_inclusion(index)
        proof.verify(tree.get_leaf(index), latest.root, index=index, size=latest.size, algorithm="sha256")
    grown = tree.prove_consistency(earlier.size, latest.size)
    grown.verify(earlier.root, latest.root, prior_size=earlier.size, later_size=latest.size, algorithm="sha256")
    if tree.get_root() != latest.root:
        raise pymerkle.InvalidProof("the leaves have another root")

    head, _ = pathlib.Path(proof_file).read_text(encoding="utf-8").split("\n\n", 1)
    _, index_line, *path = head.split("\n")
    index = int(index_line.removeprefix("index ")) + 1
    base = tree.hash_buff(pathlib.Path(leaf_file).read_bytes())
    # The shape of the path follows from index and size; pymerkle computes it again when it verifies.
    theirs = pymerkle.InclusionProof(
        algorithm="sha256",
        security=True,
        size=latest.size,
        index=index,
        rule=tree.prove_inclusion(index).rule,
        path=[base, *(base64.b64decode(line, validate=True) for line in path)],
    )
    theirs.verify(base, latest.root, index=index, size=latest.size, algorithm="sha256")
    return f"{len(leaves)} leaves have the checkpoint's root, {latest.size} records continue {earlier.size}"


export.conclude(check, (pymerkle.InvalidProof,))
