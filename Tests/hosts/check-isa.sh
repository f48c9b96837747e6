#!/bin/bash
# check-isa.sh FILE…: fails if a plugin or program (not stripped) uses instructions newer than x86-64's baseline
# anywhere but in the kernels that are chosen at run time. One such instruction in, say, the memory allocator crashes
# the whole host on an older processor (why that can come about: Sources/BaselineRuntime).
#
# And the kernels must really be what they are called: a copy that another module compiled for itself would be a slow
# one. (Only the given files are looked into, not the libraries that they load.)
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: $0 FILE..." >&2; exit 2; }
status=0
for file in "$@"; do
    case $(objdump -f "$file" | sed -n 's/^architecture: \([^,]*\),.*/\1/p') in
    i386:x86-64) ;;
    *) echo "$file: not x86-64, nothing to check"; continue ;;
    esac
    # Functions in the kernel modules carry the modules' mangled names; AVX instructions begin with v (verr and verw
    # are old), and BMI's, which come with AVX2, are named here (not tzcnt: old processors run it as bsf, and
    # compilers rely on that).
    objdump -d --no-show-raw-insn "$file" | awk -v file="$file" '
        function judge() {
            if (kernel && instructions > 20 && !seen) { printf "%s: %s uses no AVX\n", file, name; slow++ }
        }
        /^[0-9a-f]+ <.*>:$/ {
            judge()
            instructions = seen = 0
            name = substr($2, 2, length($2) - 3)
            kernel = name ~ /(11KernelsAVX2|13KernelsAVX512)/
            functions++
            kernels += kernel
            next
        }
        /^ *[0-9a-f]+:\t/ {
            split($0, part, "\t")
            mnemonic = part[2]
            instructions++
            sub(/ .*/, "", mnemonic)
            if (mnemonic ~ /^(v[a-z0-9]+|andn|bextr|blsi|blsmsk|blsr|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx|lzcnt|movbe|kmov.*)$/ &&
                mnemonic !~ /^(verr|verw|vmcall|vmlaunch)$/) {
                if (kernel) { newer++; seen = 1 }
                else if (!(name in bad)) { bad[name] = part[2]; count++ }
            }
        }
        END {
            judge()
            for (name in bad) printf "%s: %s uses %s\n", file, name, bad[name]
            if (functions < 2) { printf "%s: no symbols: check it before it is stripped\n", file; exit 1 }
            printf "%s: %d functions, %d in the AVX kernels (%d such instructions), %d elsewhere use them\n", \
                file, functions, kernels, newer, count
            exit count + slow > 0
        }' || status=1
done
exit $status
