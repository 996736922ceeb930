"""A real OpenSMTPD on loopback, plain text: STARTTLS of the version in Debian 12 does not work.

It offers no PIPELINING, and takes a bare LF for the end of a line, so that a message which is not
made of whole CRLF lines could end early and become two.
"""

import os
import pathlib

from live_server import DOMAIN, MAILBOXES, Jail, JailedServer, free_port, unpack

PACKAGES = ("opensmtpd",)
USERS = ("opensmtpd", "opensmtpq")

# The folders have to be where the program was built to look for them.
SCRIPT = """\
mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
chmod 711 /var/spool/smtpd
for folder in queue corrupt incoming purge temporary; do
    mkdir -m 700 /var/spool/smtpd/$folder
    chown opensmtpq /var/spool/smtpd/$folder
done
mkdir -m 770 /var/spool/smtpd/offline
chgrp opensmtpq /var/spool/smtpd/offline
exec /usr/sbin/smtpd -d -f {home}/smtpd.conf
"""

SMTPD_CONF = """\
smtp limit max-mails 100000
queue ttl 1h
listen on 127.0.0.1 port {port} hostname mx.{domain}
action "mailbox" maildir "{home}/mail/%{{rcpt.user}}" virtual {{ {mailboxes} }}
match from any for domain "{domain}" action "mailbox"
"""


class OpenSMTPD(JailedServer):
    name = "OpenSMTPD"
    connection = r"smtp connected address="

    def __init__(self, cache):
        super().__init__()
        self.jail = Jail(unpack(pathlib.Path(cache) / "opensmtpd", PACKAGES), USERS)
        self.port = None

    def configure(self):
        self.port = free_port()
        mailboxes = ", ".join(f'"{name}@{DOMAIN}" = nobody' for name in MAILBOXES)
        (self.home / "smtpd.conf").write_text(SMTPD_CONF.format(
            home=self.home, port=self.port, domain=DOMAIN, mailboxes=mailboxes))

    def command(self):
        return (self.jail.command(self.home, SCRIPT.format(home=self.home),
                                  empty=("/var/lib", "/var/spool", "/run")),
                dict(os.environ, LC_ALL="C"))

    def ports(self):
        return (self.port,)

    def url(self, user=None, **options):
        return super().url(user=user, **{"tls": "none", **options})
