"""What all real servers of these tests have in common: Debian's packages unpacked (not installed)
into a folder that is kept, a temporary folder with configuration, mailboxes and certificates that
is gone afterwards, and programs that are ended by their own process id.
"""

import email
import email.policy
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

DOMAIN = "example.test"
USER = "bench"
PASSWORD = "right-Pa55word"
MAILBOXES = ("ann", "carol", "dave", "sender")

MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>]*>)", re.IGNORECASE | re.MULTILINE)


class Unavailable(Exception):
    """Why there can be no such server here; the tests are skipped with it."""


def run(command, words="", **options):
    """Runs a command to its end, with `words` on its standard input; a failure is an exception."""
    done = subprocess.run(command, input=words.encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, check=False, **options)
    if done.returncode != 0:
        words = done.stdout.decode(errors="replace").strip()
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {words}")
    return done.stdout.decode(errors="replace")


def unpack(cache, packages):
    """Debian's packages, unpacked into cache/root; done once, kept for the next run."""
    cache = pathlib.Path(cache).resolve()
    root = cache / "root"
    complete = cache / "complete"
    if complete.exists() and complete.read_text().split() == list(packages):
        return root
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise Unavailable(f"no Debian to take the package {packages[0]} from")
    shutil.rmtree(cache, ignore_errors=True)
    folder = cache / "packages"
    folder.mkdir(parents=True)
    for name in packages:
        try:
            run(["apt-get", "-q", "download", name], cwd=folder)
        except RuntimeError as error:
            raise Unavailable(f"Debian's package {name} cannot be had ({error})") from error
    for package in sorted(folder.glob("*.deb")):
        run(["dpkg-deb", "-x", str(package), str(root)])
    shutil.rmtree(folder)
    complete.write_text("\n".join(packages))
    return root


def fast_folder():
    """Memory, where there is a folder of it: servers wait for the disk at every message. None is
    the usual place."""
    memory = pathlib.Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK):
        if shutil.disk_usage(memory).free > 200 * 1024 * 1024:
            return memory
    return None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def greets(port):
    """Whether a server says its first words there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as probe:
            probe.settimeout(5)
            return probe.recv(200).startswith(b"220")
    except OSError:
        return False


def make_certificates(home):
    """A certificate authority, and a server certificate for 127.0.0.1 and localhost."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run(["openssl", "req", "-x509", *key, "-days", "2", "-subj", "/CN=tidymail test authority",
         "-keyout", f"{home}/ca.key", "-out", f"{home}/ca.pem"])
    run(["openssl", "req", *key, "-subj", f"/CN=mx.{DOMAIN}", "-keyout", f"{home}/server.key",
         "-out", f"{home}/server.csr"])
    (home / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    run(["openssl", "x509", "-req", "-in", f"{home}/server.csr", "-CA", f"{home}/ca.pem",
         "-CAkey", f"{home}/ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{home}/san",
         "-out", f"{home}/server.pem"])


class Server:
    """One private server; use as a context manager. A subclass says how it is configured."""

    name = ""
    mail = "mail/{name}/new"  # where the messages of one mailbox are, below the home
    connection = None  # what the log says once for each connection
    patience = 20  # seconds to end by itself in

    def __init__(self):
        if os.geteuid() != 0:
            raise Unavailable(f"{self.name}'s daemons start as root only")
        if shutil.which("openssl") is None:
            raise Unavailable("openssl is not there")
        self.home = None
        self.process = None

    def __enter__(self):
        # Processes of several users walk through this folder: open to all, but not listable.
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="tidymail-live-", dir=fast_folder()))
        try:
            self.home.chmod(0o711)
            self.nobody = pwd.getpwnam("nobody")
            (self.home / "mail").mkdir(mode=0o755)
            os.chown(self.home / "mail", self.nobody.pw_uid, self.nobody.pw_gid)
            make_certificates(self.home)
            self.prepare()
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self._stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def prepare(self):
        """Once, before the first start."""

    def configure(self):
        """Chooses ports, writes the configuration; again where a port was taken meanwhile."""
        raise NotImplementedError

    def command(self):
        """The program in the foreground, and its environment."""
        raise NotImplementedError

    def ports(self):
        """All ports where a greeting is waited for."""
        raise NotImplementedError

    def _start(self):
        for _ in range(3):  # another program may be quicker to take a port
            self.configure()
            command, environment = self.command()
            with open(self.home / "start.log", "ab") as log:
                self.process = subprocess.Popen(command, env=environment, cwd="/", stdout=log,
                                                stdin=subprocess.DEVNULL, stderr=log,
                                                start_new_session=True)
            if self._listens():
                return
            self._stop()
        raise RuntimeError(f"{self.name} does not start: " + self.log())

    def _listens(self):
        waiting = list(self.ports())
        for _ in range(150):
            if self.process.poll() is not None:
                return False
            waiting = [port for port in waiting if not greets(port)]
            if not waiting:
                return True
            time.sleep(0.1)
        return False

    def _stop(self):
        """The first process of a server ends its children when it is told to end; the first one of
        a process namespace takes all others with it whatever it ends of."""
        for pid in self.first_processes():
            os.kill(pid, signal.SIGTERM)
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            for pid in self.first_processes():
                os.kill(pid, signal.SIGKILL)
            os.killpg(self.process.pid, signal.SIGKILL)  # a session of its own, started here
            self.process.wait()
        self.process = None

    def first_processes(self):
        return [self.process.pid]

    def log(self):
        """What the server said so far, for the message of a test that fails."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.home.glob("*log"))
                       if path.is_file())

    def connections(self):
        """How many connections the server has seen so far, by its own log."""
        return len(re.findall(self.connection, self.log(), re.MULTILINE))

    def url(self, password=PASSWORD, scheme="smtp", user=f"{USER}%40{DOMAIN}", port=None,
            **options):
        """A URL of this server; without a user no credentials are in it."""
        words = "".join(f"&{name.replace('_', '-')}={value}" for name, value in options.items())
        login = f"{user}:{password}@" if user else ""
        return (f"{scheme}://{login}127.0.0.1:{port or self.port}"
                f"?ca={self.home}/ca.pem&timeout=60{words}")

    def _paths(self, name):
        return sorted((self.home / self.mail.format(name=name)).glob("*"))

    def files(self, name, count=1, seconds=10):
        """The messages in a mailbox as bytes; waits a while for `count` of them."""
        end = time.monotonic() + seconds
        while len(self._paths(name)) < count and time.monotonic() < end:
            time.sleep(0.05)
        return [path.read_bytes() for path in self._paths(name)]

    def mailbox(self, name, count=1):
        """The same, parsed."""
        return [email.message_from_bytes(content, policy=email.policy.default)
                for content in self.files(name, count)]

    def message_ids(self, name, count, seconds):
        """The Message-ID of each message in a mailbox, however many there are of it."""
        found = []
        for content in self.files(name, count, seconds):
            found += [match.decode() for match in MESSAGE_ID.findall(content)]
        return found

    def empty_mailboxes(self):
        for folder in (self.home / "mail").glob("*"):
            shutil.rmtree(folder)


class JailedServer(Server):
    """A server inside a Jail."""

    patience = 5

    def first_processes(self):
        """What `unshare` waits for: it passes on no signal itself."""
        pid = self.process.pid
        try:
            return [int(word) for word in
                    pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            return []  # it has ended


class Jail:
    """A place where a server finds its files and users where it was built to find them: a mount
    namespace of its own, in which the unpacked packages lie over /usr, and over /etc files of our
    own with the users that the package would have made. Nobody outside sees any of it.
    """

    OVERLAY = "mount -t overlay -o ro,lowerdir={upper}:{lower} none {lower}"

    def __init__(self, root, users):
        self.root = root
        self.users = users
        if shutil.which("unshare") is None:
            raise Unavailable("unshare is not there to make a mount namespace with")
        try:
            run(self._words(self._over("/usr", f"{root}/usr")))
        except RuntimeError as error:
            raise Unavailable(f"no mount namespace of its own can be had ({error})") from error

    def _over(self, lower, upper):
        return self.OVERLAY.format(lower=lower, upper=upper)

    @staticmethod
    def _words(script):
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]

    def uid(self, name):
        return 64100 + self.users.index(name)  # ids that nobody has: they own nothing elsewhere

    def _make_users(self, etc):
        for file, line in (("passwd", "{0}:x:{1}:{1}::/nonexistent:/bin/false\n"),
                           ("group", "{0}:x:{1}:\n")):
            known = [entry for entry in pathlib.Path("/etc", file).read_text().splitlines()
                     if entry.split(":")[0] not in self.users]
            made = "".join(line.format(name, self.uid(name)) for name in self.users)
            (etc / file).write_text("".join(f"{entry}\n" for entry in known) + made)

    def command(self, home, command, empty=()):
        """The command inside, where home/etc lies over /etc; `empty` folders have nothing in them."""
        (home / "etc").mkdir(mode=0o755, exist_ok=True)
        self._make_users(home / "etc")
        return self._words("\n".join(
            ["set -e", self._over("/usr", f"{self.root}/usr"), self._over("/etc", f"{home}/etc")]
            + [f"mount -t tmpfs none {folder}" for folder in empty] + [command]))
