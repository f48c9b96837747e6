#!/usr/bin/env bash
# The manual page and the reference of commands are what the program says of itself, the documents' examples and keys are its own, and
# shells complete its commands.
. "$(dirname "$0")/common.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$program" --experimental-dump-help >"$scratch/help.json" 2>"$scratch/errors" || not_ok "the program describes itself" "$(tail -n 1 "$scratch/errors")"
python3 docs/manual.py <"$scratch/help.json" >"$scratch/continuo.1"
difference=$(diff docs/continuo.1 "$scratch/continuo.1" | head -n 3 | tr '\n' ' ')
[ -s "$scratch/continuo.1" ] && [ -z "$difference" ] && ok "docs/continuo.1 is what the program says" ||
    not_ok "docs/continuo.1 is what the program says" "'make docs' makes it anew: $difference"
"$program" host --list-commands >"$scratch/commands.md" 2>>"$scratch/errors"
wrong=$(python3 docs/check.py "$scratch/help.json" "$scratch/commands.md" 2>&1)
[ -z "$wrong" ] && ok "commands, options and keys of the documents are those of the program, and all of them are explained" ||
    not_ok "commands, options and keys of the documents are those of the program, and all of them are explained" "$(head -n 5 <<<"$wrong" | tr '\n' ';')"
for shell in bash zsh fish; do
    "$program" --generate-completion-script $shell 2>/dev/null | grep doctor >/dev/null && ok "completions for $shell" ||
        not_ok "completions for $shell" "they lack a command"
done
finish
