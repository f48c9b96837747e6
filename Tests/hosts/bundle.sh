#!/usr/bin/env bash
# The bundles as they ship: description, exports, needs, size, and what loading and unloading leaves behind.
. "$(dirname "$0")/common.sh"

# examine PLUGIN BUNDLE LIBRARY
examine() {
    local plugin=$1 bundle=$2 library=$3
    # A warning leaves lv2_validate's exit status at 0.
    said=$(lv2_validate "$bundle"/*.ttl "$bundle"/presets/*.ttl 2>&1)
    status=$?
    faults=$(grep -vE '^Found 0 errors' <<<"$said" | grep -iE 'error|warning' | head -n 3 | tr '\n' ' ')
    if [ $status -eq 0 ] && [ -z "$faults" ]; then
        ok "$plugin: lv2_validate has nothing to say"
    else
        not_ok "$plugin: lv2_validate has nothing to say" "status $status $faults"
    fi

    # A small letter for the kind: local, so that no other library can come upon it.
    exports=$(nm -D --defined-only "$library" | awk '$2 ~ /[A-Z]/ { print $3 }' | tr '\n' ' ')
    [ "$exports" = "lv2_descriptor " ] && ok "$plugin: lv2_descriptor is the only export" ||
        not_ok "$plugin: lv2_descriptor is the only export" "$exports"

    needs=$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort)
    unknown=$(grep -vxE 'libc\.so\.6|libm\.so\.6|ld-linux.*' <<<"$needs" | tr '\n' ' ')
    [ -z "$unknown" ] && ok "$plugin: needs only libc and libm" || not_ok "$plugin: needs only libc and libm" "$unknown"
    undefined=$(ldd -r "$library" 2>&1 | grep -E 'undefined|not found' | head -n 3 | tr '\n' ' ')
    [ -z "$undefined" ] && ok "$plugin: nothing is undefined" || not_ok "$plugin: nothing is undefined" "$undefined"

    size=$(find "$bundle" -type f ! -name '*.safetensors' ! -name '*.flac' -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
    most=500
    [ "$plugin" = synth ] && most=900  # 87 presets and their controls are 250 KB of it
    [ "$plugin" = bass ] && most=650
    [ "$size" -lt $((most * 1000)) ] && ok "$plugin: under $most KB without weights and recordings ($((size / 1000)) KB)" ||
        not_ok "$plugin: under $most KB without weights and recordings" "$((size / 1000)) KB, $(stat -c %s "$library") bytes of it the library"

    # Stripped, so what the names told is looked up in the library as it was linked.
    check "$plugin: instructions newer than the baseline only where they are chosen at run time" \
        bash "$hosts/check-isa.sh" "$linked/libContinuo${plugin^}.so"

    compile loads-$plugin -O1 -D_GNU_SOURCE -DSUBJECT="\"${plugin}_host.h\"" "$hosts/loads.c" -ldl -lm -lpthread
    # The median of five processes.
    milliseconds=$(for _ in 1 2 3 4 5; do "$tests/loads-$plugin" "$bundle" --time; done | sort -n | sed -n 3p)
    awk -v ms="$milliseconds" 'BEGIN { exit !(ms != "" && ms < 10) }' && ok "$plugin: loads in under 10 ms ($milliseconds ms)" ||
        not_ok "$plugin: loads in under 10 ms" "$milliseconds ms"
    # Without the allocator's per-thread caches, whose content counts as not freed: then not a byte may be left over.
    said=$(GLIBC_TUNABLES=glibc.malloc.tcache_count=0 "$tests/loads-$plugin" "$bundle") || failures=$((failures + 1))
    sed -E "s/^(ok|not ok) - /&$plugin: /" <<<"$said"
    [ "$(grep -c '^ok\|^not ok' <<<"$said")" -ge 4 ] || not_ok "$plugin: loading and unloading" "ended early"
}

# Embedded Swift numbers a function's constant arrays in every object file that has a copy of the function, not always in the same
# order, and the linker keeps either one: a function of several must not be in two objects.
twice=$(for object in "$linked"/*.build/*.o; do nm "$object" | sed -n 's/.* V \(.*Tv[0-9]\+_r\?\)$/\1/p'; done | sort | uniq -d |
    head -n 3 | tr '\n' ' ')
[ -z "$twice" ] && ok "no function's constants can be mixed up" || not_ok "no function's constants can be mixed up" "$twice"

examine pitch "$bundle" "$library"
examine synth "$synth_bundle" "$synth_library"
examine bass "$bass_bundle" "$bass_library"
finish
