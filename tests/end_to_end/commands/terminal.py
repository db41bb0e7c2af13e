"""A `mesh run` as the foreground job of a terminal: Ctrl-C, then a signal to the run."""

import os
import pty
import signal
import sys

COMMAND = """
count=0
trap 'count=$((count + 1)); echo "<key $count>"' INT
trap 'echo "<end after $count>"; exit 4' TERM
echo '<up>'
while :; do sleep 0.05; done
"""


def wait_for(screen, seen, wanted):
    while wanted not in seen:
        seen += os.read(screen, 4096)
    return seen


run, screen = pty.fork()
if run == 0:
    os.execv(sys.argv[1], ["mesh", "run", "r", "--", "sh", "-c", COMMAND])
signal.alarm(60)
seen = wait_for(screen, b"", b"<up>")
os.write(screen, b"\x03")
seen = wait_for(screen, seen, b"<key 1>")
# Had the run passed the key on, too, the command would have it by the time of this.
os.kill(run, signal.SIGTERM)
seen = wait_for(screen, seen, b"<end after ")
seen = wait_for(screen, seen, b">\r\n")
assert b"<end after 1>" in seen, seen
_, status = os.waitpid(run, 0)
print("code", os.waitstatus_to_exitcode(status))
