"""What the command says of itself, as data: `tidymail --help` names the commands, and
`tidymail COMMAND --help=all` their options. Manual pages and completions are made of it."""

import re
import subprocess
from collections import namedtuple

# name: "--tls", None for what stands alone; value: "FILE", "" where none is taken;
# form: as --help shows it, "--trace[=FILE]"
Option = namedtuple("Option", "name value form help many optional")
Command = namedtuple("Command", "name synopsis purpose groups footer")


def said(binary, *words):
    done = subprocess.run([binary, *words], capture_output=True, text=True, check=False, timeout=60,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise SystemExit(f"{binary} {' '.join(words)}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout


def help_of(binary, name):
    """Of a command that reads its words in its own way there is only --help."""
    try:
        return said(binary, name, "--help=all")
    except SystemExit:
        return said(binary, name, "--help")


def spellings(option):
    """The option once for each of its names: "-a, --account NAME" is -a NAME and --account NAME."""
    parts = option.form.split(", ")
    if not option.name or len(parts) == 1:
        return [option]
    made = []
    for part in parts:
        name, _, value = part.partition(" ")
        made.append(option._replace(name=name, value=value or option.form.rpartition(" ")[2], form=part)
                    if " " in option.form.replace(", ", "") else option._replace(name=name, value="", form=part))
    return made


def option_of(line):
    form, _, text = line.strip().partition("  ")
    text = text.strip()
    # where the name is so long that one blank parts it from the words: they begin in column 26
    if not text and len(line) > 26 and line[25] == " ":
        form, text = line[2:25].strip(), line[26:].strip()
    many = text.endswith(" (repeatable)")
    text = text.removesuffix(" (repeatable)")
    match = re.match(r"(--?[\w-]+)(\[=)?( ?)(.*)", form)
    if not match:
        return Option(None, form, form, text, many, False)
    name, optional, _, value = match.groups()
    return Option(name, value.removesuffix("]") if optional else value, form, text, many, bool(optional))


def command_of(binary, name):
    lines = help_of(binary, name).rstrip("\n").split("\n")
    synopsis = lines[0].removeprefix(f"usage: tidymail {name}").strip()
    position = 1
    while not lines[position].strip():
        position += 1
    purpose = []
    while position < len(lines) and lines[position].strip():
        purpose.append(lines[position].strip())
        position += 1
    groups, footer = [], []
    for line in lines[position:]:
        if footer or (groups and groups[-1][1] and line and not line.startswith(" ") and not line.endswith(":")):
            footer.append(line.strip())
        elif line.startswith("   ") and groups and groups[-1][1]:
            last = groups[-1][1][-1]
            groups[-1][1][-1] = last._replace(help=f"{last.help} {line.strip()}".strip())
        elif line.startswith("  "):
            if not groups:
                groups.append(("Options", []))
            groups[-1][1].append(option_of(line))
        elif line.endswith(":"):
            groups.append((line[:-1], []))
        elif line.strip():
            footer.append(line.strip())
    return Command(name, synopsis, " ".join(purpose), groups, footer)


def read(binary):
    """Name to Command, in the order of `tidymail --help`."""
    names = re.findall(r"^  ([a-z][\w-]*) +\S", said(binary, "--help"), re.MULTILINE)
    return {name: command_of(binary, name) for name in names}
