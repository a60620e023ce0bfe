"""Checks in a trace of the kill test's writer that nothing was told before it was durable.

usage: order.py TRACE    prints what was checked; exit 1 names the first line that came too early
"""

import re
import sys

CALL = re.compile(r"^(?P<pid>\d+) +(?P<name>\w+)\((?P<args>.*)$")
RESUMED = re.compile(r"^(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)$")
FRAME_MAGIC = b"\x93SPF"


def text(quoted):
    """The bytes of a string as `strace -xx` writes it."""
    return bytes.fromhex(quoted.replace("\\x", ""))


class Order:
    def __init__(self):
        self.paths = {}  # descriptor -> path
        self.pending = {}  # pid -> (name, args, what was unsynced when the call began)
        self.unsynced = []  # (first index, path) of each write of frames that no sync covers yet, in order
        self.content_synced = False  # of the checkpoint that is being written
        self.renamed = False  # it has its name, which may not last yet
        self.in_place = False  # and its name was synced: it may be told, once
        self.acks = self.checkpoints = self.syncs = 0

    def line(self, number, line):
        resumed = RESUMED.match(line)
        if resumed:
            name, args, state = self.pending.pop(resumed["pid"], (None, "", None))
            if name:
                self.returned(name, args + resumed["rest"], state)
            return
        call = CALL.match(line)
        if not call:
            return
        state = self.begins(number, call["name"], call["args"])
        if call["args"].endswith("<unfinished ...>"):
            args = call["args"].removesuffix("<unfinished ...>")
            self.pending[call["pid"]] = (call["name"], args, state)
        else:
            self.returned(call["name"], call["args"], state)

    def begins(self, number, name, args):
        if name == "write" and args.startswith("1, "):
            self.told(number, text(re.search(r'"([^"]*)"', args)[1]).decode())
        # What a sync covers is what had been written when it began.
        return list(self.unsynced)

    def returned(self, name, args, state):
        quoted = re.findall(r'"([^"]*)"', args)
        result = args.rsplit("= ", 1)[-1].split(" ")[0]
        if result.startswith("-1") or result.startswith("?"):
            return
        descriptor = args.split(",")[0].split(")")[0].strip()
        if name == "openat":
            self.paths[result] = text(quoted[0]).decode()
        elif name == "pwrite64":
            begin = text(quoted[0])
            if begin[:4] == FRAME_MAGIC:
                first = int.from_bytes(begin[8:16], "little")
                self.unsynced.append((first, self.paths[descriptor]))
        elif name in ("fdatasync", "fsync"):
            path = self.paths.get(descriptor, "")
            self.syncs += 1
            if path.endswith(".seg"):
                covered = {write for write in state if write[1] == path}
                self.unsynced = [write for write in self.unsynced if write not in covered]
            elif path.endswith("checkpoint.new"):
                self.content_synced = True
            elif path.endswith("/tree") and self.renamed:
                self.in_place = True
        elif name.startswith("rename") and text(quoted[-1]).decode().endswith("/checkpoint"):
            self.renamed = self.content_synced
            self.content_synced = False

    def durable(self):
        """Every record below this index is on the disk."""
        return self.unsynced[0][0] if self.unsynced else None  # None: all that was written

    def told(self, number, line):
        for said in line.splitlines():
            word, first, _ = said.split(" ", 2)
            durable, last = self.durable(), int(first) - (word == "checkpoint")
            if durable is not None and last >= durable:
                sys.exit(f"line {number}: `{said}` was told, but only records below {durable} are on the disk")
            if word == "checkpoint" and not self.in_place:
                sys.exit(f"line {number}: `{said}` was told before its file and its name were synced")
            if word == "checkpoint":
                # The next one needs syncs of its own.
                self.renamed = self.in_place = False
            self.acks += word == "ack"
            self.checkpoints += word == "checkpoint"


def main():
    order = Order()
    with open(sys.argv[1], encoding="utf-8") as trace:
        for number, line in enumerate(trace, 1):
            order.line(number, line.rstrip("\n"))
    if order.acks < 100 or order.checkpoints < 1:
        sys.exit(f"only {order.acks} acknowledgements and {order.checkpoints} checkpoints: too few to say anything")
    print(
        f"{order.acks} acknowledgements and {order.checkpoints} checkpoints, "
        f"each after its sync; {order.syncs} syncs seen"
    )


main()
