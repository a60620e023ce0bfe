"""Runs a program at a terminal of its own, types a passphrase when it is asked for, and fails if that is shown.

Usage: prompt.py PASSPHRASE COMMAND…   Ends as the command does; 3 when nothing is asked, 4 when the passphrase shows.
"""

import os
import pty
import sys
import termios
import time

passphrase, command = sys.argv[1], sys.argv[2:]
os.environ.pop("SEALPOST_PASSPHRASE", None)
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
shown, typed = b"", False
while True:
    try:
        read = os.read(terminal, 4096)
    except OSError:  # the way Linux tells that nobody has the terminal open any more
        read = b""
    if not read:
        break
    shown += read
    if not typed and b"passphrase for key file" in shown and shown.endswith(b": "):
        # As a person would, who is slower: not before the terminal has ceased to echo.
        begun = time.monotonic()
        while termios.tcgetattr(terminal)[3] & termios.ECHO:
            if time.monotonic() - begun > 30:
                sys.exit("the terminal goes on echoing")
            time.sleep(0.01)
        os.write(terminal, passphrase.encode() + b"\n")
        typed = True
_, status = os.waitpid(child, 0)
sys.stdout.write(shown.decode(errors="replace"))
if not typed:
    sys.exit(3)
if passphrase.encode() in shown:
    sys.exit(4)
sys.exit(os.waitstatus_to_exitcode(status))
