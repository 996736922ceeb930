"""in_zsh.py FOLDER: types into an interactive zsh that has FOLDER in its fpath, and looks at what the tab
key makes of it."""

import os
import pty
import select
import sys
import time

CASES = [("tidymail prov\t", "tidymail providers "),
         ("tidymail send --subj\t", "tidymail send --subject"),
         ("tidymail send --track-opens y\t", "tidymail send --track-opens yes "),
         ("tidymail bulk --connections 4 --connection-\t", "tidymail bulk --connections 4 --connection-age"),
         ("tidymail bulk --per-c\t", "tidymail bulk --per-connection"),
         ("tidymail check --idl\t", "tidymail check --idle-timeout"),
         ("tidymail check --tls st\t", "tidymail check --tls starttls"),
         ("tidymail providers mailj\t", "tidymail providers mailjet"),
         ("tidymail serve --requ\t", "tidymail serve --require-auth ")]
QUIET = "PS1=; unsetopt zle_bracketed_paste prompt_sp; bindkey -e\n"


def read_until(fd, wanted, seconds):
    text, end = "", time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                text += os.read(fd, 65536).decode(errors="replace")
            except OSError:
                break
        if wanted in text:
            return text
    sys.exit(f"zsh did not show {wanted!r} but {text!r}")


def main():
    child, fd = pty.fork()
    if child == 0:
        os.environ.update(TERM="dumb", ZDOTDIR=sys.argv[1], COLUMNS="200")
        os.execvp("zsh", ["zsh", "-f", "-i"])
    setup = (f"fpath=({sys.argv[1]} $fpath); autoload -Uz compinit; compinit -u -D; " + QUIET
             + "zle -N show; show() { print -r -- \"<$BUFFER>\"; BUFFER=; zle -I }; bindkey '^Xs' show; echo rea''dy\n")
    os.write(fd, setup.encode())
    read_until(fd, "ready", 20)
    for typed, wanted in CASES:
        os.write(fd, typed.encode())
        time.sleep(0.3)
        os.write(fd, b"\x18s")
        read_until(fd, f"<{wanted}", 10)
    os.write(fd, b"exit\n")
    os.close(fd)
    os.waitpid(child, 0)


main()
