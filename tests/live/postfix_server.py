"""A real Postfix on loopback, on its own: nothing of the machine's own mail service is touched.

The programs come from the machine where Postfix is installed, and otherwise from Debian's packages,
unpacked (not installed) into a folder that is kept. Configuration, queue, mailboxes, certificates
and passwords live in a temporary folder that is gone afterwards. STARTTLS and AUTH are required.
"""

import email
import email.policy
import glob
import grp
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

DOMAIN = "example.test"
USER = "bench"
PASSWORD = "right-Pa55word"
MAILBOXES = ("ann", "carol", "dave")

PACKAGES = ("postfix", "sasl2-bin", "libsasl2-modules", "libsasl2-2", "libsasl2-modules-db",
            "libdb5.3", "libicu72", "libnsl2", "libtirpc3")

# Postfix wants two identities that nobody else uses. Where Postfix is not installed there are no
# users made for it: these come with every Debian system and own nothing there.
OWNERS = (("postfix", "postdrop"), ("list", "operator"))

MAIN_CF = """\
compatibility_level = 3.6
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {home}/etc
queue_directory = {home}/queue
data_directory = {home}/data
mail_owner = {owner}
setgid_group = {group}
default_privs = nobody
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C LD_LIBRARY_PATH SASL_PATH
maillog_file = {home}/log
maillog_file_prefixes = {home}

myhostname = mx.{domain}
mydomain = {domain}
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
in_flow_delay = 0
biff = no
alias_maps =
alias_database =
local_recipient_maps =
default_transport = error:nothing leaves this machine
relay_transport = error:nothing leaves this machine

virtual_mailbox_domains = {domain}
virtual_mailbox_maps = inline:{{ {mailboxes} }}
virtual_mailbox_base = {home}/mail
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1

smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {home}/server.pem
smtpd_tls_key_file = {home}/server.key
smtpd_tls_session_cache_database =
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = {domain}
cyrus_sasl_config_path = {home}/etc/sasl
smtpd_forbid_bare_newline = reject
smtpd_forbid_bare_newline_exclusions =
smtpd_relay_restrictions =
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
"""

QUEUE_FOLDERS = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
                 "maildrop", "pid", "private", "public", "saved", "trace")

MASTER_CF = """\
{port}     inet  n - n - -   smtpd
cleanup    unix  n - n - 0   cleanup
qmgr       unix  n - n 300 1 qmgr
tlsmgr     unix  - - n 1000? 1 tlsmgr
rewrite    unix  - - n - -   trivial-rewrite
bounce     unix  - - n - 0   bounce
defer      unix  - - n - 0   bounce
trace      unix  - - n - 0   bounce
verify     unix  - - n - 1   verify
flush      unix  n - n 1000? 0 flush
proxymap   unix  - - n - -   proxymap
error      unix  - - n - -   error
retry      unix  - - n - -   error
virtual    unix  - n n - -   virtual
anvil      unix  - - n - 1   anvil
postlog    unix-dgram n - n - 1 postlogd
"""


class Unavailable(Exception):
    """Why there can be no Postfix here; the tests are skipped with it."""


def _run(command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, check=False, **options)
    if done.returncode != 0:
        words = done.stdout.decode(errors="replace").strip()
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {words}")
    return done.stdout.decode(errors="replace")


def _unpack(cache):
    """Debian's packages, unpacked into cache/root; done once, kept for the next run."""
    root = cache / "root"
    if (root / "complete").exists():
        return root
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise Unavailable("Postfix is not installed, and this is no Debian to take its package from")
    shutil.rmtree(cache, ignore_errors=True)
    packages = cache / "packages"
    packages.mkdir(parents=True)
    for name in PACKAGES:
        try:
            _run(["apt-get", "-q", "download", name], cwd=packages)
        except RuntimeError as error:
            raise Unavailable(f"Debian's package {name} cannot be had ({error})") from error
    for package in sorted(packages.glob("*.deb")):
        _run(["dpkg-deb", "-x", str(package), str(root)])
    shutil.rmtree(packages)
    (root / "complete").touch()
    return root


def _identity():
    for owner, group in OWNERS:
        try:
            pwd.getpwnam(owner)
            grp.getgrnam(group)
            return owner, group
        except KeyError:
            continue
    raise Unavailable("no user and group that Postfix could run as")


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postfix:
    """One private Postfix; use as a context manager."""

    def __init__(self, cache):
        if os.geteuid() != 0:
            raise Unavailable("Postfix's daemons start as root only")
        if shutil.which("openssl") is None:
            raise Unavailable("openssl is not there")
        installed = all(shutil.which(tool) for tool in ("postfix", "saslpasswd2"))
        self.root = pathlib.Path("/") if installed else _unpack(pathlib.Path(cache).resolve())
        self.owner, self.group = _identity()
        self.home = None
        self.port = None
        self.master = None
        self.environment = dict(os.environ, LC_ALL="C")
        if not installed:
            # Unpacked programs find their libraries and plug-ins beside themselves.
            multiarch = [folder for folder in glob.glob(f"{self.root}/usr/lib/*-linux-gnu*")]
            self.environment["LD_LIBRARY_PATH"] = ":".join([f"{self.root}/usr/lib/postfix"] + multiarch)
            self.environment["SASL_PATH"] = ":".join(f"{folder}/sasl2" for folder in multiarch)

    def __enter__(self):
        # Processes of several users walk through this folder: open to all, but not listable.
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="tidymail-postfix-"))
        try:
            self.home.chmod(0o711)
            self._make_certificates()
            self._make_passwords()
            self._make_mailboxes()
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        if self.master is not None:
            self._stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def _stop(self):
        """The master ends its children when it is told to end."""
        self.master.terminate()
        try:
            self.master.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.master.pid, signal.SIGKILL)  # a session of its own, started here
            self.master.wait()
        self.master = None

    def _make_certificates(self):
        """A certificate authority, and a server certificate for 127.0.0.1 and localhost."""
        home = self.home
        _run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
              "-nodes", "-days", "2", "-subj", "/CN=tidymail test authority",
              "-keyout", f"{home}/ca.key", "-out", f"{home}/ca.pem"])
        _run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
              "-subj", f"/CN=mx.{DOMAIN}", "-keyout", f"{home}/server.key",
              "-out", f"{home}/server.csr"])
        (home / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        _run(["openssl", "x509", "-req", "-in", f"{home}/server.csr", "-CA", f"{home}/ca.pem",
              "-CAkey", f"{home}/ca.key", "-CAcreateserial", "-days", "2",
              "-extfile", f"{home}/san", "-out", f"{home}/server.pem"])

    def _make_passwords(self):
        """Cyrus SASL with a password file of our own, where Debian's Postfix looks for it."""
        folder = self.home / "etc" / "sasl"
        folder.mkdir(mode=0o755, parents=True)
        (folder / "smtpd.conf").write_text(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n"
            f"sasldb_path: {folder}/users.db\n")
        done = subprocess.run([f"{self.root}/usr/sbin/saslpasswd2", "-p", "-c", "-f",
                               f"{folder}/users.db", "-u", DOMAIN, USER],
                              input=PASSWORD.encode(), env=self.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"saslpasswd2: {done.stdout.decode(errors='replace')}")
        shutil.chown(folder / "users.db", self.owner)

    def _make_mailboxes(self):
        nobody = pwd.getpwnam("nobody")
        folder = self.home / "mail"
        folder.mkdir(mode=0o755)
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)

    def _configure(self, port):
        folder = self.home / "etc"
        folder.mkdir(mode=0o755, exist_ok=True)
        nobody = pwd.getpwnam("nobody")
        values = {
            "root": str(self.root).rstrip("/"), "home": self.home, "domain": DOMAIN, "port": port,
            "owner": self.owner, "group": self.group, "uid": nobody.pw_uid, "gid": nobody.pw_gid,
            "mailboxes": ", ".join(f"{{ {name}@{DOMAIN} = {name}/ }}" for name in MAILBOXES),
        }
        (folder / "main.cf").write_text(MAIN_CF.format(**values))
        (folder / "master.cf").write_text(MASTER_CF.format(**values))
        (self.home / "data").mkdir(mode=0o700, exist_ok=True)
        shutil.chown(self.home / "data", self.owner)
        for name in QUEUE_FOLDERS:
            path = self.home / "queue" / name
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
            if name != "pid":
                shutil.chown(path, self.owner, self.group)

    def _start(self):
        for _ in range(3):  # another program may be quicker to take the port
            self.port = _free_port()
            self._configure(self.port)
            with open(self.home / "start.log", "ab") as log:
                self.master = subprocess.Popen(
                    [f"{self.root}/usr/lib/postfix/sbin/master", "-c", f"{self.home}/etc", "-d"],
                    env=dict(self.environment, MAIL_CONFIG=f"{self.home}/etc"),
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            if self._listens():
                return
            self._stop()
        raise RuntimeError("Postfix does not start: " + self.log())

    def _listens(self):
        for _ in range(100):
            if self.master.poll() is not None:
                return False
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as probe:
                    if probe.recv(200).startswith(b"220 "):
                        return True
            except OSError:
                pass
            time.sleep(0.1)
        return False

    def log(self):
        """What Postfix said so far, for the message of a test that fails."""
        words = ""
        for name in ("start.log", "log"):
            path = self.home / name
            if path.exists():
                words += path.read_text(errors="replace")
        return words

    def url(self, password=PASSWORD):
        return (f"smtp://{USER}%40{DOMAIN}:{password}@127.0.0.1:{self.port}"
                f"?ca={self.home}/ca.pem&timeout=60")

    def mailbox(self, name, count=1):
        """The messages in a mailbox, parsed; waits a while for `count` of them."""
        for _ in range(200):
            paths = sorted((self.home / "mail" / name / "new").glob("*"))
            if len(paths) >= count:
                break
            time.sleep(0.05)
        return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                for path in paths]

    def empty_mailboxes(self):
        for path in (self.home / "mail").glob("*/new/*"):
            path.unlink()
