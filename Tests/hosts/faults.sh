#!/usr/bin/env bash
# What does not end as it should: plugins that crash, hang or misbehave, hosts that are killed, disks that are full, bundles that go away,
# clients and patches that mean harm. Each is named, the rest plays on, and nothing of the user's is lost.
#
# faults.sh [NAME…]: only these of the functions of host_faults.py.
. "$(dirname "$0")/common.sh"
folder=$tests/faults-$$
mkdir -p "$folder/lv2/bad.lv2" "$folder/state" "$folder/cache"
server=continuo-faults-$$
export JACK_DEFAULT_SERVER=$server JACK_NO_AUDIO_RESERVATION=1 JACK_NO_START_SERVER=1
export XDG_STATE_HOME=$folder/state XDG_CACHE_HOME=$folder/cache

# The bundle: one library that crashes when it is loaded, and one with all the other faults.
bad=$folder/lv2/bad.lv2
plugins=
for kind in amp make stuck exit refuse huge vast load; do
    bytes=8192 library=bad.so
    case $kind in
    huge) bytes=900000000000000 ;;
    vast) bytes=1000000000 ;;
    load) library=load.so ;;
    esac
    plugins+=$(sed -e "s/@KIND@/$kind/g; s/@LIBRARY@/$library/; s/@BYTES@/$bytes/" "$hosts/bad.lv2/plugin.ttl.in")$'\n'
done
{ grep -v @PLUGINS@ "$hosts/bad.lv2/manifest.ttl.in"; echo "$plugins"; } >"$bad/manifest.ttl"
for library in bad load; do
    flags=()
    [ $library = bad ] || flags=(-DCRASHES_WHEN_LOADED)
    if ! "$clang" -std=gnu11 -O1 -Wall -Wextra -Wno-infinite-recursion -shared -fPIC "${flags[@]}" "$hosts/bad.lv2/bad.c" -lm \
        -o "$bad/$library.so" 2>"$folder/errors"; then
        not_ok "the bad plugins compile" "$(head -n 2 "$folder/errors" | tr '\n' ' ')"
        finish
    fi
done
"$clang" -shared -fPIC -Wall -o "$folder/slow-disk.so" "$hosts/slow-disk.c" || { not_ok "the slow disk compiles" ""; finish; }
export LV2_PATH=$folder/lv2:/usr/lib/lv2

jackd -r -n "$server" -d dummy -r 48000 -p 256 >/dev/null 2>&1 &
jack=$!
full=
trap 'stop $jack; [ -z "$full" ] || umount "$full"; rm -rf "$folder"' EXIT
for _ in $(seq 200); do timeout 5 jack_lsp >/dev/null 2>&1 && break; sleep 0.1; done
# A disk of 200 KB, where we may have one.
mkdir -p "$folder/disk"
if mount -t tmpfs -o size=200k tmpfs "$folder/disk" 2>/dev/null; then full=$folder/disk; else note "no small disk can be mounted: a limit on files stands in for it"; fi
python3 "$hosts/host_faults.py" "$program" "$folder" "$full" "$@"
failures=$?
finish
