"""Keys for signatures, and the verifiers that are not ours: dkimpy, Mail::DKIM, OpenDKIM."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent


def make_key(folder, kind, bits=2048):
    """(path of a new private key, its DNS record)."""
    path = Path(folder) / f"{kind}{bits}.pem"
    if kind == "ed25519":
        make = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(path)]
    else:
        make = ["openssl", "genrsa", "-out", str(path), str(bits)]
    subprocess.run(make, check=True, capture_output=True)
    public = subprocess.run(["openssl", "pkey", "-in", str(path), "-pubout", "-outform", "DER"],
                            check=True, capture_output=True).stdout
    public = public[-32:] if kind == "ed25519" else public
    return path, f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"


def signature_count(message):
    return len(re.findall(rb"^DKIM-Signature:", message.split(b"\r\n\r\n")[0], re.M | re.I))


def with_dkimpy(message, records, folder):
    import dkim
    verifier = dkim.DKIM(message)

    def lookup(name, timeout=5):
        name = name.decode() if isinstance(name, bytes) else name
        return records.get(name.rstrip("."), "").encode() or None

    def is_good(i):
        try:
            return bool(verifier.verify(idx=i, dnsfunc=lookup))
        except dkim.DKIMException:
            return False
    return [is_good(i) for i in range(signature_count(message))]


def with_mail_dkim(message, records, folder):
    """This version knows no Ed25519: those come out as None."""
    (folder / "m.eml").write_bytes(message)
    (folder / "dns.json").write_text(json.dumps(records))
    done = subprocess.run(["perl", str(HERE / "dkim_check.pl"), str(folder / "m.eml"),
                           str(folder / "dns.json")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [None if line.startswith("ed25519") or "unsupported algorithm" in line
            else line.split()[1] == "pass" for line in done.stdout.splitlines()]


def with_opendkim(message, records, folder):
    (folder / "m.eml").write_bytes(message)
    (folder / "keys.txt").write_text("".join(f"{name} {text}\n" for name, text in records.items()))
    (folder / "od.conf").write_text("Mode v\nTestPublicKeys %s\nSyslog no\nUserID root\n"
                                    "Socket inet:0@127.0.0.1\n" % (folder / "keys.txt"))
    done = subprocess.run(["opendkim", "-x", str(folder / "od.conf"), "-t", str(folder / "m.eml"),
                           "-vv"], capture_output=True, text=True, timeout=60)
    words = done.stdout + done.stderr
    found = re.findall(r"dkim=(\w+)", words)
    assert found, words
    return [word == "pass" for word in found]


def missing():
    """Why a verifier cannot be asked, by its function."""
    why = {}
    try:
        import dkim  # noqa: F401
        import nacl  # noqa: F401
    except ImportError:
        why[with_dkimpy] = "python3-dkim or python3-nacl is missing"
    if subprocess.run(["perl", "-MMail::DKIM::Verifier", "-e", "1"],
                      capture_output=True).returncode != 0:
        why[with_mail_dkim] = "libmail-dkim-perl is missing"
    if shutil.which("opendkim") is None:
        why[with_opendkim] = "opendkim is missing"
    return why


VERIFIERS = [with_dkimpy, with_mail_dkim, with_opendkim]
MISSING = missing()
