"""A real Exim on loopback: STARTTLS, AUTH PLAIN under TLS only, CHUNKING, SMTPUTF8, DSN."""

import os
import pathlib

from live_server import (DOMAIN, MAILBOXES, PASSWORD, USER, Jail, JailedServer, free_port,
                         unpack)

PACKAGES = ("exim4-daemon-light",)
USERS = ("Debian-exim",)

EXIM_CONF = """\
primary_hostname = mx.{domain}
spool_directory = {home}/spool
log_file_path = {home}/exim-%slog
log_selector = +smtp_connection
pid_file_path = {home}/exim.pid
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
exim_path = /usr/sbin/exim4
exim_user = Debian-exim
exim_group = Debian-exim
never_users = root
deliver_drop_privilege = true
host_lookup =
rfc1413_hosts =
# As many messages as one connection brings, each delivered at once.
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
tls_advertise_hosts = *
tls_certificate = {home}/server.pem
tls_privatekey = {home}/exim.key
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
chunking_advertise_hosts = *
pipelining_advertise_hosts = *
smtp_enforce_sync = true
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data

begin acl
acl_rcpt:
  deny    message = log in first
          !authenticated = *
  require verify = recipient
  accept
acl_data:
  deny    message = header syntax: $acl_verify_message
          !verify = header_syntax
  accept

begin routers
mailboxes:
  driver = accept
  domains = {domain}
  local_parts = {mailboxes}
  transport = maildir
  cannot_route_message = no such mailbox

begin transports
maildir:
  driver = appendfile
  directory = {home}/mail/$local_part_data
  maildir_format
  create_directory
  return_path_add

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_prompts = :
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}
"""


class Exim(JailedServer):
    name = "Exim"
    connection = r"SMTP connection from .*\(TCP/IP connection count"
    utf8_mailbox = "jürgen"

    def __init__(self, cache):
        super().__init__()
        self.jail = Jail(unpack(pathlib.Path(cache) / "exim", PACKAGES), USERS)
        self.port = None

    def prepare(self):
        uid = self.jail.uid("Debian-exim")
        (self.home / "spool").mkdir(mode=0o750)
        os.chown(self.home / "spool", uid, uid)
        # Exim writes logs and mailboxes as its own user.
        os.chown(self.home, uid, uid)
        os.chown(self.home / "mail", uid, uid)
        key = self.home / "exim.key"
        key.write_bytes((self.home / "server.key").read_bytes())
        key.chmod(0o600)
        os.chown(key, uid, uid)

    def configure(self):
        self.port = free_port()
        # Exim keeps its privileges with a configuration at the usual place only.
        path = self.home / "etc" / "exim4" / "exim4.conf"
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.write_text(EXIM_CONF.format(
            home=self.home, domain=DOMAIN, port=self.port, user=f"{USER}@{DOMAIN}",
            password=PASSWORD,
            mailboxes=" : ".join(MAILBOXES + (self.utf8_mailbox,))))
        path.chmod(0o644)

    def command(self):
        return (self.jail.command(self.home, "exec /usr/sbin/exim4 -bdf"),
                dict(os.environ, LC_ALL="C"))

    def ports(self):
        return (self.port,)
