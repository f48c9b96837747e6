#!/usr/bin/env bash
# Every test: Swift's, ThreadSanitizer's, and the scripts of Tests/hosts on the finished bundle and program (`make test` builds
# them first). Goes on after a failure; the last line says how many checks passed and failed.
#
# Tests/run.sh [NAME…]: only these of: swift, thread-sanitizer, and the scripts' names without .sh.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
export LV2_PATH="$PWD/build/lv2:/usr/lib/lv2"
mkdir -p build/tests
passed=0 failed=0
failures=()
wanted=("$@")

is_wanted() {
    [ ${#wanted[@]} -eq 0 ] && return 0
    local name
    for name in "${wanted[@]}"; do [ "$name" = "$1" ] && return 0; done
    return 1
}

fail() {
    failed=$((failed + 1))
    failures+=("$1")
}

# step NAME COUNTER COMMAND…: runs the command, shows what it says, and has COUNTER count the checks in it.
step() {
    local name=$1 counter=$2 start=$SECONDS status log
    shift 2
    is_wanted "$name" || return 0
    log=build/tests/$name.out
    echo "== $name"
    "$@" 2>&1 | tee "$log" | show "$counter"
    status=${PIPESTATUS[0]}
    "$counter" "$name" "$status" "$log"
    echo "== $name: $((SECONDS - start)) s"
}

# What of a step's output is shown: of Swift's tests the failures and the closing line.
show() {
    case $1 in
    count_swift) grep --line-buffered -E '^✘|error:|recorded an issue|WARNING: ThreadSanitizer|^✔ Test run|^.. Test run|warning: unre' ;;
    *) cat ;;
    esac
    return 0
}

# swift test's own closing line: `Test run with 132 tests in 14 suites passed after 3.2 seconds.` or `… failed after … with 2 issues.`
count_swift() {
    local name=$1 status=$2 log=$3 total broken reports
    total=$(sed -n 's/.*Test run with \([0-9]*\) tests\{0,1\}.*/\1/p' "$log" | awk '{ sum += $1 } END { print sum + 0 }')
    local pattern='^✘ Test [^r].* failed after|^✘ Test r[^u].* failed after'  # not `✘ Test run with …`
    broken=$(grep -cE "$pattern" "$log")
    passed=$((passed + (total > broken ? total - broken : 0)))
    while IFS= read -r line; do
        fail "$name: $line"
    done < <(grep -E "$pattern" "$log" | sed -E 's/^✘ Test (.*) failed after.*/\1/')
    reports=$(grep -c 'WARNING: ThreadSanitizer' "$log")
    [ "$reports" -eq 0 ] || fail "$name: $reports reports of ThreadSanitizer"
    if [ "$total" -eq 0 ]; then
        fail "$name: no tests ran"
    elif [ "$status" -ne 0 ] && [ "$broken" -eq 0 ] && [ "$reports" -eq 0 ]; then
        fail "$name: ended with status $status"
    fi
}

count_lines() {
    local name=$1 status=$2 log=$3 before=$failed lines
    lines=$(grep -c '^ok - ' "$log")
    passed=$((passed + lines))
    while IFS= read -r line; do fail "$name: $line"; done < <(sed -n 's/^not ok - //p' "$log")
    if [ "$lines" -eq 0 ] && [ "$failed" -eq "$before" ]; then
        fail "$name: it checked nothing"
    elif [ "$status" -ne 0 ] && [ "$failed" -eq "$before" ]; then
        fail "$name: ended with status $status"
    fi
}

models() {
    local name
    for name in crepe-tiny crepe-full; do
        if build/bin/continuo models get "$name"; then
            echo "ok - the weights of $name"
        else
            echo "not ok - the weights of $name: they could not be had, so what needs them will fail"
        fi
    done
}

thread_sanitizer() {
    # With a short history it forgets accesses, and reports no race with them.
    CONTINUO_TSAN=1 TSAN_OPTIONS=history_size=7 \
        swift test -c release --sanitize=thread --scratch-path .build-tsan
}

step models count_lines models
step swift count_swift swift test -c release
step thread-sanitizer count_swift thread_sanitizer
for script in Tests/hosts/*.sh; do
    name=$(basename "$script" .sh)
    case $name in common | jack | check-isa) continue ;; esac  # sourced or called by the others
    step "$name" count_lines bash "$script"
done

if [ ${#failures[@]} -gt 0 ]; then
    echo "== failed"
    printf '   %s\n' "${failures[@]}"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
