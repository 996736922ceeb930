"""A real Postfix on loopback, on its own: nothing of the machine's own mail service is touched.

The programs come from the machine where Postfix is installed, and otherwise from Debian's packages,
unpacked. STARTTLS and AUTH are required on `port`, TLS at once on `tls_port`; `bare_port` offers no
PIPELINING; `relay_port` takes mail for the mailboxes from anybody, for servers that pass it on.
"""

import glob
import grp
import os
import pathlib
import pwd
import shutil

from live_server import (DOMAIN, MAILBOXES, PASSWORD, USER, Server, Unavailable, free_port, run,
                         unpack)

PACKAGES = ("postfix", "sasl2-bin", "libsasl2-modules", "libsasl2-2", "libsasl2-modules-db",
            "libdb5.3", "libicu72", "libnsl2", "libtirpc3")

# Postfix wants two identities that nobody else uses. Where Postfix is not installed there are no
# users made for it: these come with every Debian system and own nothing there.
OWNERS = (("postfix", "postdrop"), ("list", "operator"))

UTF8_MAILBOX = "jürgen"  # and its address needs SMTPUTF8

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
maillog_file = {home}/postfix.log
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

smtputf8_enable = yes
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
{port}       inet  n - n - -   smtpd
{tls_port}   inet  n - n - -   smtpd
  -o smtpd_tls_wrappermode=yes
{bare_port}  inet  n - n - -   smtpd
  -o smtpd_discard_ehlo_keywords=pipelining
{relay_port} inet  n - n - -   smtpd
  -o smtpd_tls_security_level=none
  -o smtpd_sasl_auth_enable=no
  -o smtpd_recipient_restrictions=reject_unauth_destination
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


def _identity():
    for owner, group in OWNERS:
        try:
            pwd.getpwnam(owner)
            grp.getgrnam(group)
            return owner, group
        except KeyError:
            continue
    raise Unavailable("no user and group that Postfix could run as")


class Postfix(Server):
    name = "Postfix"
    connection = r"smtpd\[\d+\]: connect from "

    def __init__(self, cache):
        super().__init__()
        installed = all(shutil.which(tool) for tool in ("postfix", "saslpasswd2"))
        self.root = pathlib.Path("/") if installed else unpack(pathlib.Path(cache) / "postfix",
                                                               PACKAGES)
        self.owner, self.group = _identity()
        self.port = self.tls_port = self.bare_port = self.relay_port = None
        self.environment = dict(os.environ, LC_ALL="C")
        if not installed:
            # Unpacked programs find their libraries and plug-ins beside themselves.
            multiarch = glob.glob(f"{self.root}/usr/lib/*-linux-gnu*")
            self.environment["LD_LIBRARY_PATH"] = ":".join([f"{self.root}/usr/lib/postfix"]
                                                           + multiarch)
            self.environment["SASL_PATH"] = ":".join(f"{folder}/sasl2" for folder in multiarch)

    def prepare(self):
        """Cyrus SASL with a password file of our own, where Debian's Postfix looks for it."""
        folder = self.home / "etc" / "sasl"
        folder.mkdir(mode=0o755, parents=True)
        (folder / "smtpd.conf").write_text(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
            "mech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256\n"
            f"sasldb_path: {folder}/users.db\n")
        run([f"{self.root}/usr/sbin/saslpasswd2", "-p", "-c", "-f", f"{folder}/users.db", "-u",
             DOMAIN, USER], words=PASSWORD, env=self.environment)
        shutil.chown(folder / "users.db", self.owner)

    def configure(self):
        folder = self.home / "etc"
        self.port, self.tls_port = free_port(), free_port()
        self.bare_port, self.relay_port = free_port(), free_port()
        names = MAILBOXES + (UTF8_MAILBOX,)
        values = {
            "root": str(self.root).rstrip("/"), "home": self.home, "domain": DOMAIN,
            "owner": self.owner, "group": self.group, "port": self.port,
            "tls_port": self.tls_port, "bare_port": self.bare_port, "relay_port": self.relay_port,
            "uid": self.nobody.pw_uid, "gid": self.nobody.pw_gid,
            "mailboxes": ", ".join(f"{{ {name}@{DOMAIN} = {name}/ }}" for name in names),
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

    def command(self):
        return ([f"{self.root}/usr/lib/postfix/sbin/master", "-c", f"{self.home}/etc", "-d"],
                dict(self.environment, MAIL_CONFIG=f"{self.home}/etc"))

    def ports(self):
        return self.port, self.bare_port, self.relay_port

    def implicit_tls(self, **options):
        return self.url(scheme="smtps", port=self.tls_port, **options)
