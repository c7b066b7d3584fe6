"""Turns wheels into installed pieces; runs inside the builder container, standard library only, Python >= 3.8.

usage: install.py < requests > pieces

Standard input is a line of JSON with the settings and then requests, each worked on as soon as it is there:
  {prefix, compile, jobs, files?}
                               where the environment lives in the images; whether __pycache__/*.pyc are added beside
                               every .py below site-packages; how many wheels are worked on at once; what the paths of
                               wheels and pieces begin with where these are files
  SIZE {out, name, directUrl?} and SIZE bytes of a wheel: a name for what is made, the normalized project name, and the
                               text of direct_url.json for what did not come from an index
  0 {out, name, directUrl?}    with `files`: the wheel is in FILES + OUT.whl, and removed when it was read
  0 {out}                      the empty virtual environment

Standard output is a tar. For each request it has OUT.json, {ok: true, warnings: [...], size} or {ok: false, error: "...",
full?}, where `full` says that there was no space left, and if all went well OUT.tar, of that size, or with `files` there is
FILES + OUT.tar: what `uv pip install` leaves below the prefix, paths relative to it, as bytes that depend on nothing
but the settings and the request: sorted as a walk through the folders would come to them, explicit folders, one time, owner 0:0, modes 0644 and 0755.
Working files are in the current folder.
"""

import os
import sys


def settle():
    """Starts this program again with a known environment: marshalled sets follow the hash seed before Python 3.11."""
    if sys.flags.no_site and os.environ.get("PYTHONHASHSEED") == "0":
        return
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYTHONHASHSEED"] = "0"
    # Byte-compiling takes much memory and gives it back: 6 % less time where that comes in large pages (glibc 2.35; others ignore it).
    environment.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    program = os.path.abspath(__file__)
    os.execve(sys.executable, [sys.executable, "-s", "-S", "-B", "-X", "utf8", program], environment)


# Before everything else is loaded, so that it is loaded once.
if __name__ == "__main__":
    settle()

import base64
import configparser
import csv
import errno
import fcntl
import gc
import hashlib
import importlib.util
import io
import json
import mmap
import re
import shutil
import struct
import sysconfig
import tarfile
import tempfile
import warnings
import zipfile
import zlib

# 1980-01-01, the earliest time that ZIP can hold; the same in archive/entry.ts.
FIXED_TIME = 315532800
INSTALLER = b"uv"
CHUNK = 1 << 20
# Bytes of a wheel's files that are kept after their hashes were checked, so that they are not unpacked again.
HELD = 48 << 20
# Bytes above which a piece goes through a file.
SPOOLED = 16 << 20

SCRIPT = '''{shebang}
# -*- coding: utf-8 -*-
import sys
from {module} import {name}
if __name__ == "__main__":
    if sys.argv[0].endswith("-script.pyw"):
        sys.argv[0] = sys.argv[0][:-11]
    elif sys.argv[0].endswith(".exe"):
        sys.argv[0] = sys.argv[0][:-4]
    sys.exit({function}())
'''


class BadWheel(Exception):
    """The wheel breaks the format or reaches outside its place."""


def main():
    # Syntax warnings of other people's code are not our subject.
    warnings.simplefilter("ignore")
    requests = sys.stdin.buffer
    settings = requests.readline()
    limit = max(1, int(json.loads(settings)["jobs"]))
    shared = "files" in json.loads(settings)
    # Reads the interpreter's settings, once for all.
    site_packages()
    # A child ends with its wheel; there are next to no cycles to look for.
    gc.disable()
    running = {}
    for number, line in enumerate(iter(requests.readline, b"")):
        size, _, request = line.partition(b" ")
        wheel = None if shared else receive(requests, int(size), "%d.whl" % number)
        while len(running) >= limit:
            reap(running)
        # Each in a child forked from this very state, so that byte code never depends on what ran before it: this
        # process reads nothing of a request.
        pid = os.fork()
        if pid == 0:
            os._exit(child(json.loads(settings), json.loads(request), wheel))
        running[pid] = request
    while running:
        reap(running)
    os.write(1, bytes(2 * tarfile.BLOCKSIZE))


def receive(requests, size, path):
    with open(path, "wb") as file:
        while size > 0:
            chunk = requests.read(min(size, CHUNK))
            if not chunk:
                sys.exit("the input ended within a wheel")
            file.write(chunk)
            size -= len(chunk)
    return path


def reap(running):
    pid, status = os.wait()
    request = running.pop(pid)
    if status != 0:
        error = "the installer was killed (status %d); out of memory?" % status
        send(json.loads(request)["out"], {"ok": False, "error": error}, None)


def child(settings, item, wheel):
    files = settings.get("files")
    if files is None:
        with tempfile.SpooledTemporaryFile(max_size=SPOOLED, dir=".") as piece:
            outcome = attempt(settings, item, wheel, piece)
            send(item["out"], outcome, piece if outcome["ok"] else None)
    else:
        send(item["out"], into_file(settings, item, files + item["out"]), None)
    return 0


def into_file(settings, item, path):
    try:
        piece = open(path + ".tar", "xb", buffering=CHUNK)
    except OSError as error:
        return failure(error)
    outcome = attempt(settings, item, path + ".whl" if "name" in item else None, piece)
    try:
        piece.close()
    except OSError:  # the attempt failed for want of space, which is told already
        pass
    if not outcome["ok"]:
        os.unlink(path + ".tar")
    return outcome


def attempt(settings, item, wheel, piece):
    """Writes the piece and gives the outcome: every failure of one wheel is reported and leaves the others alone."""
    try:
        if "name" in item:
            found = install_wheel(wheel, {**settings, **item}, piece)
        else:
            found = write_skeleton(settings["prefix"], piece)
        piece.flush()
        return {"ok": True, "warnings": found, "size": piece.tell()}
    except Exception as error:
        return failure(error)
    finally:
        if wheel is not None:
            os.unlink(wheel)


def failure(error):
    text = str(error) if isinstance(error, BadWheel) else "%s: %s" % (type(error).__name__, error)
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return {"ok": False, "error": text, **({"full": True} if full else {})}


def send(out, outcome, piece):
    """Writes an outcome and its piece to standard output, one child at a time."""
    text = json.dumps(outcome).encode("ascii")
    with open("output.lock", "wb") as lock, open(1, "wb", closefd=False) as output:
        fcntl.flock(lock, fcntl.LOCK_EX)
        send_member(output, out + ".json", len(text), io.BytesIO(text))
        if piece is not None:
            size = piece.tell()
            piece.seek(0)
            send_member(output, out + ".tar", size, piece)
        output.flush()


def send_member(output, name, size, stream):
    entry = tarfile.TarInfo(name)
    entry.size = size
    output.write(entry.tobuf())
    shutil.copyfileobj(stream, output, CHUNK)
    output.write(bytes(-size % tarfile.BLOCKSIZE))


# --- layout ---------------------------------------------------------------------------------------------------------


def site_packages():
    """purelib and platlib below the prefix, with `lib64` seen through the link that a virtual environment has."""
    scheme = "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix"
    base = {"base": "/p", "platbase": "/p", "installed_base": "/p", "installed_platbase": "/p"}
    paths = sysconfig.get_paths(scheme, vars=base)
    return tuple(through_link(os.path.relpath(paths[kind], "/p")) for kind in ("purelib", "platlib"))


def through_link(path):
    return "lib" + path[5:] if path == "lib64" or path.startswith("lib64/") else path


def checked(name):
    """A path of the archive that stays where it is put, or BadWheel."""
    plain = name[:-1] if name.endswith("/") else name
    if not plain or plain.startswith("/") or "\\" in plain or "\0" in plain:
        raise BadWheel("unsafe path %r in the wheel" % name)
    if any(part in ("", ".", "..") for part in plain.split("/")):
        raise BadWheel("unsafe path %r in the wheel" % name)
    return plain


class Content:
    """What becomes one file: bytes, or a member of the wheel that is read when it is written."""

    def __init__(self, executable=False, data=None, member=None):
        self.executable = executable
        self.data = data
        self.member = member


class Installation:
    """One wheel on its way to a tar."""

    def __init__(self, archive, raw, item):
        self.archive = archive
        self.raw = raw
        self.item = item
        self.prefix = item["prefix"]
        self.compile = item["compile"]
        self.held = {}
        self.room = HELD
        self.files = {}
        self.folders = set()
        self.warnings = []
        self.members = {}
        self.empty_folders = []
        self.read_members()
        self.dist_info = self.find_dist_info()
        purelib, platlib = site_packages()
        self.purelib, self.platlib = purelib, platlib
        self.site = purelib if self.root_is_purelib() else platlib

    def read_members(self):
        for member in self.archive.infolist():
            path = checked(member.filename)
            if member.is_dir():
                self.empty_folders.append(path)
            else:
                self.members[path] = member

    def find_dist_info(self):
        names = {path.split("/")[0] for path in self.members if "/" in path}
        found = sorted(name for name in names if name.endswith(".dist-info"))
        if len(found) != 1:
            raise BadWheel("the wheel has %s .dist-info folders" % (len(found) or "no"))
        project = found[0][: -len(".dist-info")].split("-")[0]
        if normalize(project) != self.item["name"]:
            raise BadWheel("the wheel contains %s" % found[0])
        return found[0]

    def text(self, name):
        member = self.members.get("%s/%s" % (self.dist_info, name))
        return None if member is None else self.archive.read(member).decode("utf-8", "surrogateescape")

    def root_is_purelib(self):
        text = self.text("WHEEL")
        if text is None:
            raise BadWheel("the wheel has no WHEEL file")
        fields = {}
        for line in text.splitlines():
            name, colon, value = line.partition(":")
            if colon:
                fields.setdefault(name.strip().lower(), value.strip())
        version = fields.get("wheel-version", "")
        if not re.match(r"^(1|0\.1$)(\.|$)?", version):
            raise BadWheel("wheel format %s is not supported" % (version or "(none)"))
        return fields.get("root-is-purelib") == "true"

    # --- what goes where ---

    def run(self, out):
        record = self.read_record()
        scripts = self.entry_points()
        data = self.dist_info[: -len(".dist-info")] + ".data"
        moved = {}
        for path, member in self.members.items():
            if path == "%s/RECORD" % self.dist_info:
                continue
            content = Content(executable=(member.external_attr >> 16) & 0o111 != 0, member=member)
            if path.startswith(data + "/"):
                self.place_data(path, data, content, scripts, moved)
            else:
                self.add("%s/%s" % (self.site, path), content)
        for path in self.empty_folders:
            if path != data and not path.startswith(data + "/"):
                self.add_folder("%s/%s" % (self.site, path))
        self.check_record(record)
        record = [self.moved_row(row, moved) for row in record]
        for name, (module, function) in scripts.items():
            content = SCRIPT.format(
                shebang=self.shebang(), module=module, name=function.split(".")[0], function=function
            ).encode("utf-8")
            self.add_recorded("bin/" + name, content, record, executable=True)
        info = "%s/%s/" % (self.site, self.dist_info)
        self.add_recorded(info + "REQUESTED", b"", record)
        if self.item.get("directUrl") is not None:
            self.add_recorded(info + "direct_url.json", self.item["directUrl"].encode("utf-8"), record)
        self.add_recorded(info + "INSTALLER", INSTALLER, record)
        if self.compile:
            self.compile_sources()
        executable = (self.members[self.dist_info + "/RECORD"].external_attr >> 16) & 0o111 != 0
        self.add(info + "RECORD", Content(data=record_bytes(record), executable=executable))
        write_tar(out, self.files, self.folders, self.open)
        return self.warnings

    def place_data(self, path, data, content, scripts, moved):
        kind, _, rest = path[len(data) + 1 :].partition("/")
        if not rest:
            raise BadWheel("unknown wheel data %r" % path)
        if kind == "scripts":
            if "/" in rest:
                raise BadWheel("the wheel has a folder among its scripts: %r" % path)
            plain = re.sub(r"(\.exe|-script\.py|\.pya)$", "", rest)
            if plain in scripts:
                return
            target = "bin/" + rest
            content = self.script(content)
        elif kind == "headers":
            target = "include/site/python%d.%d/%s/%s" % (*sys.version_info[:2], self.item["name"], rest)
        elif kind in ("purelib", "platlib"):
            target = "%s/%s" % (getattr(self, kind), rest)
        elif kind == "data":
            target = through_link(rest)
        else:
            raise BadWheel("unknown wheel data %r" % path)
        self.add(target, content)
        changed = None if content.data is None else (digest(content.data), str(len(content.data)))
        moved[path] = (os.path.relpath(target, self.site), changed)

    def script(self, content):
        """Scripts are executable; a first line that starts with `#!python` becomes the environment's interpreter."""
        with self.archive.open(content.member) as file:
            if file.read(8) != b"#!python":
                return Content(executable=True, member=content.member)
            _, _, rest = file.read().partition(b"\n")
        return Content(executable=True, data=self.shebang().encode("utf-8") + b"\n" + rest)

    def shebang(self):
        """The kernel cuts lines above 127 bytes and splits at spaces; then sh finds the interpreter."""
        python = self.prefix + "/bin/python"
        if len(python.encode("utf-8")) + 3 > 127 or " " in python:
            quoted = "'" + python.replace("'", "'\"'\"'") + "'"
            return "#!/bin/sh\n'''exec' %s \"$0\" \"$@\"\n' '''" % quoted
        return "#!" + python

    def entry_points(self):
        """Launchers by name: (module, function), of console_scripts and gui_scripts."""
        text = self.text("entry_points.txt")
        if text is None:
            return {}
        parser = configparser.RawConfigParser(
            delimiters=("=",), comment_prefixes=("#", ";"), inline_comment_prefixes=("#", ";"), strict=False
        )
        parser.optionxform = str
        try:
            parser.read_string(text)
        except configparser.Error as error:
            raise BadWheel("entry_points.txt is broken: %s" % str(error).splitlines()[0]) from None
        scripts = {}
        for section in ("console_scripts", "gui_scripts"):
            if parser.has_section(section):
                found = {name: self.entry_point(name, value) for name, value in parser.items(section)}
                scripts.update(versioned_pip(found) if section == "console_scripts" else found)
        return scripts

    def entry_point(self, name, value):
        if name in ("", ".", "..") or "/" in name or "\0" in name or "\\" in name:
            raise BadWheel("unsafe script name %r in entry_points.txt" % name)
        if re.match(r"^(python|pythonw|python3|python3\.\d+)$", name):
            raise BadWheel("the script name %r is reserved for the interpreter" % name)
        match = re.match(r"^([\w\d_\-.]+)\s*:\s*([\w\d_\-.]+)\s*(?:\[\s*[^\]]+\])?\s*$", value or "")
        if not match:
            raise BadWheel("entry_points.txt has the invalid script %r" % ("%s = %s" % (name, value)))
        return match.group(1), match.group(2)

    # --- RECORD ---

    def read_record(self):
        text = self.text("RECORD")
        if text is None:
            raise BadWheel("the wheel has no RECORD")
        rows = []
        for row in csv.reader(io.StringIO(text, newline="")):
            if row:
                rows.append([row[0].lstrip("/")] + (row[1:] + ["", ""])[:2])
        return rows

    def check_record(self, record):
        """RECORD is the wheel's own claim; the archive's hash is what was pinned, so a wrong row is only a warning.

        As uv does, rows without a file are left out, and files without a row get one.
        """
        record[:] = [row for row in record if row[0] in self.members]
        listed = {row[0]: row for row in record}
        for path, member in self.members.items():
            row = listed.get(path)
            if row is None:
                record.append([path, "", str(member.file_size)])
                continue
            if not row[1]:
                continue
            algorithm, _, expected = row[1].partition("=")
            if algorithm in ("sha256", "sha384", "sha512"):
                found = digest(self.content(member), algorithm)
                if found != "%s=%s" % (algorithm, expected.rstrip("=")):
                    self.warnings.append("RECORD gives another hash for %s" % path)

    def moved_row(self, row, moved):
        if row[0] not in moved:
            return row
        target, changed = moved[row[0]]
        return [target, *(changed or row[1:])]

    # --- files ---

    def add(self, path, content):
        if path in self.folders:
            raise BadWheel("%r is a file and a folder" % path)
        self.add_folder(os.path.dirname(path))
        self.files[path] = content

    def add_folder(self, path):
        while path and path not in self.folders:
            if path in self.files:
                raise BadWheel("%r is a file and a folder" % path)
            self.folders.add(path)
            path = os.path.dirname(path)

    def add_recorded(self, path, data, record, executable=False):
        self.add(path, Content(executable=executable, data=data))
        relative = os.path.relpath(path, self.site)
        record.append([relative, digest(data), str(len(data))])

    def open(self, content):
        """A file's bytes, or a stream of them, and their size."""
        if content.data is not None:
            return content.data, len(content.data)
        return self.content(content.member), content.member.file_size

    def content(self, member):
        """A member's bytes, or a stream of them where there is no room to hold them."""
        data = self.held.get(member.filename)
        if data is not None:
            return data
        if member.file_size > self.room:
            return self.archive.open(member)
        data = self.held[member.filename] = self.unpack(member)
        self.room -= len(data)
        return data

    def unpack(self, member):
        """What the archive's own `read` gives, which takes about as long for a small file as unpacking it; that decides where anything is unusual."""
        start = member.header_offset + 30
        head = self.raw[member.header_offset : start]
        name = member.orig_filename.encode("utf-8" if member.flag_bits & 0x800 else "cp437", "replace")
        if head[:4] == b"PK\3\4" and not member.flag_bits & 0x61 and self.raw[start : start + len(name)] == name:
            name_size, extra_size = struct.unpack_from("<HH", head, 26)
            start += name_size + extra_size
            data = self.raw[start : start + member.compress_size]
            if member.compress_type == zipfile.ZIP_DEFLATED:
                try:
                    data = zlib.decompressobj(-15).decompress(data, member.file_size + 1)
                except zlib.error:
                    data = b""
            plain = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and name_size == len(name)
            if plain and len(data) == member.file_size and zlib.crc32(data) == member.CRC:
                return data
        return self.archive.read(member)

    def compile_sources(self):
        roots = tuple(root + "/" for root in {self.purelib, self.platlib})
        for path in sorted(self.files):
            name = os.path.basename(path)
            if not path.startswith(roots) or not name.endswith(".py") or name == ".py" or "/__pycache__/" in path:
                continue
            source, _ = self.open(self.files[path])
            if not isinstance(source, bytes):
                with source as stream:
                    source = stream.read()
            code = byte_code(source, "%s/%s" % (self.prefix, path))
            if code is not None:
                self.add(importlib.util.cache_from_source(path, optimization=""), Content(data=code))


def install_wheel(wheel, item, out):
    with open(wheel, "rb") as file, zipfile.ZipFile(file) as archive, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        return Installation(archive, raw, item).run(out)


def byte_code(source, path):
    """A time-stamp .pyc whose source has the fixed time; None where the source does not compile (as pip and uv do)."""
    import marshal

    try:
        code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    except Exception:  # Python 2 code, templates and broken samples are common in packages
        return None
    header = struct.pack("<III", 0, FIXED_TIME, len(source) & 0xFFFFFFFF)
    return importlib.util.MAGIC_NUMBER + header + marshal.dumps(code)


def versioned_pip(scripts):
    """pip's wheels name the Python they were built with; its launchers are to name the one they run on."""
    kept = {name: value for name, value in scripts.items() if not re.match(r"^pip3\.\d+$", name)}
    if "pip3" in kept:
        kept["pip3.%d" % sys.version_info[1]] = kept["pip3"]
    return kept


def normalize(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def digest(source, algorithm="sha256"):
    """`sha256=<urlsafe base64 without padding>`, as RECORD has it, of bytes or of a stream."""
    hasher = hashlib.new(algorithm)
    if isinstance(source, bytes):
        hasher.update(source)
    else:
        with source:
            for chunk in iter(lambda: source.read(CHUNK), b""):
                hasher.update(chunk)
    return "%s=%s" % (algorithm, base64.urlsafe_b64encode(hasher.digest()).rstrip(b"=").decode("ascii"))


def record_bytes(rows):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(sorted(rows, key=record_order))
    return text.getvalue().encode("utf-8", "surrogateescape")


def record_order(row):
    path, digested, size = row
    return path.encode("utf-8", "surrogateescape"), digested, int(size) if size.isdigit() else -1


# --- tar ------------------------------------------------------------------------------------------------------------


def write_tar(out, files, folders, opened, links=None):
    """Writes the tree; `opened(content)` gives bytes or a stream, and their size. Wheel paths that are not Unicode are refused by encode."""
    links = links or {}
    for path in sorted([*files, *folders, *links], key=lambda path: path.split("/")):
        if path in links:
            out.write(header(path, tarfile.SYMTYPE, 0o777, 0, links[path]))
        elif path in folders:
            out.write(header(path + "/", tarfile.DIRTYPE, 0o755))
        else:
            found, size = opened(files[path])
            out.write(header(path, tarfile.REGTYPE, 0o755 if files[path].executable else 0o644, size))
            if isinstance(found, bytes):
                copied = out.write(found)
            else:
                with found as stream:
                    copied = copy(stream, out)
            if copied != size:
                raise BadWheel("%r has another size than the archive says" % path)
            out.write(bytes(-size % tarfile.BLOCKSIZE))
    out.write(bytes(2 * tarfile.BLOCKSIZE))
    out.write(bytes(-out.tell() % tarfile.RECORDSIZE))


def copy(stream, out):
    copied = 0
    for chunk in iter(lambda: stream.read(CHUNK), b""):
        copied += out.write(chunk)
    return copied


def header(path, kind, mode, size=0, link=""):
    """As tarfile has it with PAX_FORMAT, which takes about as long for a small file as unpacking it: the format's (POSIX ustar) own where that is enough."""
    name, target = path.encode("utf-8"), link.encode("utf-8")
    if max(len(name), len(target)) > 100 or not (name + target).isascii() or size > 0o77777777777:
        entry = tarfile.TarInfo(path)
        entry.type, entry.mode, entry.size, entry.linkname, entry.mtime = kind, mode, size, link, FIXED_TIME
        return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
    head = name.ljust(100, b"\0") + b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, 0, 0, size, FIXED_TIME)
    tail = (kind + target.ljust(100, b"\0") + tarfile.POSIX_MAGIC).ljust(tarfile.BLOCKSIZE - len(head) - 8, b"\0")
    return b"%b%06o\0 %b" % (head, sum(head) + 8 * 32 + sum(tail), tail)


def write_skeleton(prefix, out):
    """What `python -m venv --without-pip PREFIX` makes, made elsewhere; without its .gitignore."""
    import venv

    work = tempfile.mkdtemp(dir=os.getcwd())
    # A name that is sure to occur nowhere else, replaced by the prefix in every text file.
    home = os.path.join(work, "wheelwright-virtual-environment")
    # `command =` of pyvenv.cfg repeats the arguments.
    sys.argv = ["venv", "--without-pip", home]
    venv.EnvBuilder(symlinks=True, with_pip=False).create(home)
    files, folders, links = {}, set(), {}
    for folder, names, leaves in os.walk(home):
        for name in [*names, *leaves]:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, home)
            if os.path.islink(path):
                links[relative] = os.readlink(path)
            elif os.path.isdir(path):
                folders.add(relative)
            else:
                with open(path, "rb") as file:
                    data = file.read().replace(home.encode(), prefix.encode())
                data = data.replace(b"wheelwright-virtual-environment", os.path.basename(prefix).encode())
                files[relative] = Content(data=data, executable=bool(os.stat(path).st_mode & 0o111))
    shutil.rmtree(work)
    write_tar(out, files, folders, lambda content: (content.data, len(content.data)), links)
    return []


if __name__ == "__main__":
    main()
