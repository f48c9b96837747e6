#!/usr/bin/env bash
# The manual page is what the program says of itself; every command is in it, and shells complete them.
. "$(dirname "$0")/common.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$program" --experimental-dump-help >"$scratch/help.json" 2>"$scratch/errors" || not_ok "the program describes itself" "$(tail -n 1 "$scratch/errors")"
python3 docs/manual.py <"$scratch/help.json" >"$scratch/continuo.1"
difference=$(diff docs/continuo.1 "$scratch/continuo.1" | head -n 3 | tr '\n' ' ')
[ -s "$scratch/continuo.1" ] && [ -z "$difference" ] && ok "docs/continuo.1 is what the program says" ||
    not_ok "docs/continuo.1 is what the program says" "'make docs' makes it anew: $difference"
for shell in bash zsh fish; do
    "$program" --generate-completion-script $shell 2>/dev/null | grep doctor >/dev/null && ok "completions for $shell" ||
        not_ok "completions for $shell" "they lack a command"
done
finish
