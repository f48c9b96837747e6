#!/usr/bin/env bash
# ThreadSanitizer must see a queue that publishes without ordering: the queue's own test, on a copy of the package in which the
# producer's releasing store is a relaxed one.
. "$(dirname "$0")/common.sh"
copy=$tests/tsan-proof  # kept between runs, so that only the first builds it all
rm -rf "$copy/Sources" "$copy/Tests"
mkdir -p "$copy/Sources" "$copy/Tests"
cp -p Package.swift "$copy"
cp -rp Sources/CRealtime Sources/Realtime "$copy/Sources/"
cp -rp Tests/RealtimeTests "$copy/Tests/"
queue=Sources/Realtime/SPSCQueue.swift
planted=$(sed -E 's/(head\.store\(.*ordering: )\.releasing/\1.relaxed/' "$queue")
[ "$planted" != "$(cat "$queue")" ] || { not_ok "the planted fault" "$queue no longer has the store it is planted in"; finish; }
echo "$planted" >"$copy/$queue"
# As old as it was when nothing has changed, so that it is not built again.
touch -r "$queue" "$copy/$queue"
# A race is reported only while the sanitizer still remembers the earlier access, and threads that spin make it forget soon: the
# longest history, and several runs (about every second one reports).
export CONTINUO_TSAN=1 TSAN_OPTIONS=history_size=7
cd "$copy" || exit 2
said=$(timeout 400 swift build -c release --build-tests --sanitize=thread --scratch-path .build 2>&1)
for run in $(seq 12); do
    said=$(timeout 100 swift test -c release --sanitize=thread --scratch-path .build --skip-build --filter SPSCQueueTests 2>&1)
    ! grep -q 'WARNING: ThreadSanitizer: data race' <<<"$said" || break
done
if grep -q 'WARNING: ThreadSanitizer: data race' <<<"$said"; then
    ok "a queue that publishes without ordering is reported by ThreadSanitizer (in run $run)"
elif grep -q 'Test run with' <<<"$said"; then
    not_ok "a queue that publishes without ordering is reported by ThreadSanitizer" "its tests passed"
else
    not_ok "a queue that publishes without ordering is reported by ThreadSanitizer" "$(tail -n 3 <<<"$said" | tr '\n' ' ')"
fi
finish
