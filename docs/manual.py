#!/usr/bin/env python3
"""The manual page, from what the program says of its own commands.

    build/bin/continuo --experimental-dump-help | docs/manual.py > docs/continuo.1

`make docs` does that; Tests/hosts/docs.sh fails when the page is not what the program says.
"""

import json
import sys


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.splitlines())


def paragraphs(text):
    """A discussion: paragraphs are filled, indented lines (examples) kept as they are."""
    out, kept = [], False
    for line in (text or "").splitlines():
        is_kept = line.startswith("  ")
        if is_kept != kept:
            out.append(".nf\n.RS" if is_kept else ".RE\n.fi")
            kept = is_kept
        out.append(escape(line.strip() if is_kept else line) if line.strip() else ".PP")
    if kept:
        out.append(".RE\n.fi")
    return "\n".join(out)


def name(argument):
    if argument["kind"] == "positional":
        return argument["valueName"]
    names = [("--" if n["kind"] == "long" else "-") + n["name"] for n in argument["names"]]
    value = "" if argument["kind"] == "flag" else " " + argument["valueName"]
    return ", ".join(sorted(names, key=len)) + value


def arguments(command):
    for argument in command.get("arguments", []):
        if not argument["shouldDisplay"] or name(argument) in ("-h, --help", "--version"):
            continue
        default = f" (default: {argument['defaultValue']})" if argument.get("defaultValue") else ""
        print(".TP\n.B " + escape(name(argument)))
        print(escape((argument.get("abstract") or "") + default) or "\\&")


def describe(command, path):
    if not command["shouldDisplay"] or command["commandName"] == "help":
        return
    words = path + [command["commandName"]]
    positional = [
        ("[" + a["valueName"] + "]" if a["isOptional"] else a["valueName"]) + (" ..." if a["isRepeating"] else "")
        for a in command.get("arguments", []) if a["kind"] == "positional"
    ]
    print(".SS " + escape(" ".join(words[1:] + positional)))
    print(escape(command.get("abstract") or ""))
    if command.get("discussion"):
        print(".PP\n" + paragraphs(command["discussion"]))
    arguments(command)
    for child in command.get("subcommands", []):
        describe(child, words)


root = json.load(sys.stdin)["command"]
print('.\\" Made by docs/manual.py; do not edit.')
print(".TH CONTINUO 1 \"\" \"Continuo\" \"User Commands\"")
print(".SH NAME\ncontinuo \\- " + escape(root["abstract"].rstrip(".")))
print(".SH SYNOPSIS\n.B continuo\ncommand [options]")
print(".SH DESCRIPTION\n" + paragraphs(root["discussion"]))
print(".SH COMMANDS")
for child in root["subcommands"]:
    describe(child, [root["commandName"]])
print(""".SH FILES
.TP
.I ~/.lv2
Plugins, and presets of your own.
.TP
.I ~/.local/share/continuo/models
Models that were fetched (XDG_DATA_HOME, CONTINUO_MODELS).
.SH ENVIRONMENT
.TP
.B LV2_PATH
Where plugins are looked for, folders with colons between them.
.TP
.B JACK_DEFAULT_SERVER
The JACK server's name.
.SH EXIT STATUS
0: done. 1: it could not be done; one line on standard error says why. 64: it was not understood.
.SH SEE ALSO
.BR jalv (1),
.BR jackd (1)""")
