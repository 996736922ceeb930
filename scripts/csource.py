"""csource.py: what the check scripts share: the tree's C files, and C text without its comments."""

import re
from pathlib import Path

FOLDERS = ("include", "src", "devserver", "cli", "tests", "examples")
PARTS = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.DOTALL | re.VERBOSE
)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def files(root, folders=FOLDERS, suffixes=(".c", ".h", ".def")):
    """All C files below those folders of root, sorted."""
    found = []
    for folder in folders:
        base = Path(root) / folder
        found += [path for path in base.rglob("*") if path.suffix in suffixes and path.is_file()]
    return sorted(found)


def read(path):
    return path.read_text(encoding="utf-8")


def blank(match):
    """Keeps the line ends and the quotes of a comment or literal, so that lines stay numbered."""
    text = match.group(0)
    quote = text[0] if text[0] in "\"'" else ""
    return quote + re.sub(r"[^\n]", " ", text[len(quote) : len(text) - len(quote)]) + quote


def code_of(text):
    """The text with comments, strings and character constants blanked."""
    return PARTS.sub(blank, text)


def includes_of(text):
    """(line, name, quoted) of every include."""
    uncommented = re.sub(
        PARTS, lambda m: blank(m) if m.group(0).startswith("/") else m.group(0), text
    )
    for match in INCLUDE.finditer(uncommented):
        line = text.count("\n", 0, match.start()) + 1
        yield line, match.group(1) or match.group(2), match.group(1) is not None
