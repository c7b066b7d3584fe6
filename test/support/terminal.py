"""terminal.py COLUMNS ROWS COMMAND…: runs a command on a terminal of its own and obeys lines on standard input:

    size COLUMNS ROWS
    type TEXT (JSON)
    hangup

What the terminal shows goes to standard output. At the command's end one JSON line on standard error tells its status and
whether the terminal echoes and edits lines, as it did before.
"""
import fcntl, json, os, select, signal, struct, sys, termios

terminal, kept = os.openpty()  # the second stays open, so that its settings can be read when the command has ended


def resize(columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


resize(int(sys.argv[1]), int(sys.argv[2]))
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(kept, termios.TIOCSCTTY, 0)
    for descriptor in (0, 1, 2):
        os.dup2(kept, descriptor)
    os.closerange(3, 64)
    os.execvp(sys.argv[3], sys.argv[3:])


def obey(line):
    word, _, rest = line.partition(" ")
    if word == "size":
        resize(*map(int, rest.split()))
    elif word == "type":
        os.write(terminal, json.loads(rest).encode())
    elif word == "hangup":
        os.kill(pid, signal.SIGHUP)


sources = [terminal, 0]
pending = b""
status = None
while status is None:
    readable, _, _ = select.select(sources, [], [], 0.1)
    if terminal in readable:
        os.write(1, os.read(terminal, 65536))
    if 0 in readable:
        chunk = os.read(0, 65536)
        if not chunk:
            sources.remove(0)
        pending += chunk
        *lines, pending = pending.split(b"\n")
        for line in lines:
            obey(line.decode())
    ended, code = os.waitpid(pid, os.WNOHANG)
    if ended:
        status = code
while select.select([terminal], [], [], 0)[0]:
    os.write(1, os.read(terminal, 65536))
flags = termios.tcgetattr(kept)[3]
result = {"status": os.waitstatus_to_exitcode(status), "echo": bool(flags & termios.ECHO), "lines": bool(flags & termios.ICANON)}
os.write(2, json.dumps(result).encode() + b"\n")
