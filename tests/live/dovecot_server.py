"""A real Dovecot on loopback: submission (STARTTLS, AUTH), which hands on to another server, and
LMTP over TCP and a Unix socket.
"""

import os
import pathlib

from live_server import (DOMAIN, MAILBOXES, PASSWORD, USER, Jail, JailedServer, free_port,
                         unpack)

PACKAGES = ("dovecot-core", "dovecot-lmtpd", "dovecot-submissiond")
USERS = ("dovecot", "dovenull")

DOVECOT_CONF = """\
base_dir = {home}/run
state_dir = {home}/run
log_path = {home}/dovecot.log
protocols = lmtp submission
listen = 127.0.0.1
hostname = mx.{domain}
ssl = required
ssl_cert = <{home}/server.pem
ssl_key = <{home}/server.key
disable_plaintext_auth = yes
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
auth_verbose = yes
mail_location = maildir:{home}/mail/%n
first_valid_uid = 1
lmtp_save_to_detail_mailbox = no
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {home}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {home}/users
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
  unix_listener {home}/lmtp.sock {{
    mode = 0666
  }}
}}
submission_relay_host = 127.0.0.1
submission_relay_port = {relay_port}
submission_relay_trusted = no
service submission-login {{
  inet_listener submission {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""


class Dovecot(JailedServer):
    name = "Dovecot"
    connection = r"lmtp\(\d+\): Info: Connect from |submission-login: Info: Login: "

    def __init__(self, cache):
        super().__init__()
        self.jail = Jail(unpack(pathlib.Path(cache) / "dovecot", PACKAGES), USERS)
        self.port = self.lmtp_port = None
        self.relay_port = 1  # nothing there, until there is a server to hand on to

    def configure(self):
        self.port, self.lmtp_port = free_port(), free_port()
        (self.home / "dovecot.conf").write_text(DOVECOT_CONF.format(
            home=self.home, domain=DOMAIN, port=self.port, lmtp_port=self.lmtp_port,
            relay_port=self.relay_port))
        ids = f"{self.nobody.pw_uid}:{self.nobody.pw_gid}"
        lines = [f"{name}@{DOMAIN}:{{PLAIN}}{PASSWORD}:{ids}::{self.home}/mail/{name}::"
                 for name in MAILBOXES + (USER,)]
        (self.home / "users").write_text("\n".join(lines) + "\n")
        (self.home / "users").chmod(0o644)

    def command(self):
        command = f"exec /usr/sbin/dovecot -F -c {self.home}/dovecot.conf"
        return self.jail.command(self.home, command), dict(os.environ, LC_ALL="C")

    def ports(self):
        return self.port, self.lmtp_port

    def lmtp_url(self, **options):
        words = "".join(f"&{name}={value}" for name, value in options.items())
        return f"lmtp://127.0.0.1:{self.lmtp_port}?tls=none&timeout=60{words}"

    def lmtp_unix_url(self):
        return f"lmtp+unix://{self.home}/lmtp.sock?timeout=60"
