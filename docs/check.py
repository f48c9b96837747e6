"""What the documents say of commands and keys, against the program: called by Tests/hosts/docs.sh with the program's description of itself.

    docs/check.py HELP.json COMMANDS

HELP.json is what `continuo --experimental-dump-help` prints, COMMANDS what `continuo host --list-commands` prints. Prints a line for each thing that
is wrong: an example with a command or option that there is not, a key of patches or a command of the host that no page explains.
"""
import json
import pathlib
import re
import shlex
import sys

root = pathlib.Path(__file__).resolve().parent.parent
pages = sorted((root / "docs").glob("*.md")) + [root / "README.md"]


def options(command):
    """Its options, with those that every command has."""
    found = {"--help", "-h", "--version"}
    for argument in command.get("arguments", []):
        for name in argument.get("names") or []:
            found.add({"long": "--", "short": "-", "longWithSingleDash": "-"}[name["kind"]] + name["name"])
    return found


def subcommands(command):
    return {entry["commandName"]: entry for entry in command.get("subcommands") or []}


def fault(line, tree):
    """What is wrong with an example, if anything."""
    line = re.split(r"\s{2,}|\s#\s|\s*[<>|;]|\s&", line)[0]
    try:
        words = shlex.split(line)
    except ValueError:
        return "its quotes do not match"
    command, path = tree, ["continuo"]
    for word in words[1:]:
        if word in subcommands(command):
            command = subcommands(command)[word]
            path.append(word)
        elif word.startswith("-") and not re.fullmatch(r"-\d.*", word):
            if command.get("defaultSubcommand") in subcommands(command):
                command = subcommands(command)[command["defaultSubcommand"]]
            if word.split("=")[0] not in options(command):
                return f"'{' '.join(path)}' has no {word}"
        elif command is tree and word != "help":
            return f"there is no command '{word}'"
    return None


def main():
    tree = json.load(open(sys.argv[1]))["command"]
    commands = pathlib.Path(sys.argv[2]).read_text()
    for page in pages:
        for number, line in enumerate(page.read_text().splitlines(), 1):
            for example in re.findall(r"^(?:    )?(continuo [a-z].*)$", line) + re.findall(r"`(continuo [a-z][^`]*)`", line):
                if re.match(r"(    )?continuo (host|and|is|the) [a-z]+ [a-z]+ [a-z]+ ", line) or "…" in example or "COMMAND" in example:
                    continue
                wrong = fault(example, tree)
                if wrong:
                    print(f"{page.name}:{number}: {wrong}: {example}")
    # Every key that the reader of patches knows has its place in the page about them.
    reader = (root / "Sources/Host/PatchReader.swift").read_text()
    keys = {key for case in re.findall(r'case ("[a-z_]+"(?:, "[a-z_]+")*):', reader) for key in re.findall(r'"([a-z_]+)"', case)}
    keys -= {"linear", "logarithmic"}  # values
    text = (root / "docs/PATCHES.md").read_text()
    explained = {word for mark in re.findall(r"`([^`]*)`", text) for word in re.findall(r"[a-z_]+", mark)}
    if len(keys) < 30:
        print(f"PatchReader.swift: only {len(keys)} keys were found in it: has its form changed?")
    for key in sorted(keys - explained):
        print(f"PATCHES.md: does not explain the key {key}")
    if commands != (root / "docs/COMMANDS.md").read_text():
        print("COMMANDS.md: is not what the program says: 'make docs' makes it anew")
    if len(re.findall(r"^\| `", commands, re.M)) < 60:
        print("the host has lost its commands")


main()
