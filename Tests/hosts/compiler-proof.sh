#!/usr/bin/env bash
# The build that ships proves that the audio thread allocates nothing and locks nothing (@_noAllocation, @_noLocks). Here that
# proof is put to the test: the very command that compiled the plugin's engine, on a copy of its sources with a fault planted on
# the process path, must fail with the compiler's diagnostic; and on an unchanged copy succeed.
. "$(dirname "$0")/common.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
manifest=$root/.build-embedded/release.yaml
[ -f "$manifest" ] || { not_ok "the plugin's build" "$manifest is missing; make build makes it"; finish; }

# build MODULE FOLDER: runs the shipping build's command for MODULE on the sources in FOLDER; objects and diagnostics stay there.
build() {
    python3 - "$manifest" "$@" <<'END'
import glob, json, re, subprocess, sys
manifest, module, folder = sys.argv[1:]
text = open(manifest).read()
block = text.split(f'  "C.{module}-', 1)[1].split("\n\n", 1)[0]
arguments = json.loads(re.search(r"^    args: (\[.*\])$", block, re.M).group(1))
kept, skip = [], 0
for index, argument in enumerate(arguments):
    if skip:
        skip -= 1
    elif argument in ("-output-file-map", "-emit-module-path", "-emit-objc-header-path"):
        skip = 1  # where the true build puts its results
    elif argument in ("-emit-module", "-emit-dependencies", "-emit-objc-header", "-serialize-diagnostics", "-parseable-output"):
        pass
    elif argument.startswith("@"):
        kept += sorted(glob.glob(folder + "/*.swift"))
    else:
        kept.append(argument)
assert "-enable-experimental-feature" in kept and "Embedded" in kept, "not the Embedded build"
sys.exit(subprocess.run(kept, cwd=folder).returncode)
END
}

# prove WHAT MODULE FILE AFTER PLANTED DIAGNOSTIC: plants a line after the one line of MODULE's FILE that ends with AFTER.
prove() {
    local what=$1 module=$2 file=$3 after=$4 planted=$5 diagnostic=$6 folder
    folder=$(mktemp -d -p "$scratch")
    find Sources/"$module" -name '*.swift' -exec cp -t "$folder" {} +
    if [ -n "$planted" ]; then
        if [ "$(grep -cF -- "$after" "$folder/$file")" -ne 1 ]; then
            not_ok "$what" "$file has not just one line with '$after' to plant the fault after"
            return
        fi
        awk -v after="$after" -v planted="$planted" '{ print } index($0, after) { print planted }' \
            "$folder/$file" >"$folder/planted" && mv "$folder/planted" "$folder/$file"
        cat >>"$folder/$file" <<'END'
final class PlantedObject { var next: PlantedObject? }
nonisolated(unsafe) var plantedObject: PlantedObject?
END
    fi
    build "$module" "$folder" >"$folder/out" 2>&1
    local status=$?
    if [ -z "$planted" ]; then
        [ $status -eq 0 ] && ok "$what" || not_ok "$what" "$(grep -m1 error: "$folder/out")"
    elif [ $status -eq 0 ]; then
        not_ok "$what" "it compiled"
    elif grep -qE "error: .*($diagnostic)" "$folder/out"; then
        ok "$what: $(grep -m1 -oE "error: .*($diagnostic).*" "$folder/out")"
    else
        not_ok "$what" "another error: $(grep -m1 error: "$folder/out")"
    fi
}

core=PitchTrackerCore.swift
here='func process(_ io: UnsafeMutablePointer<continuo_pitch_io>) {'
prove "unchanged, it compiles" PitchTracker "" "" "" ""
prove "an array's growth in process is refused" PitchTracker $core "$here" \
    '        var grown: [Float] = []; grown.append(io.pointee.hop); io.pointee.hop = grown[0]' 'allocation|locks'
prove "a retained reference in process is refused" PitchTracker $core "$here" \
    '        plantedObject = plantedObject?.next' 'reference counting|lock'
prove "a mutex in process is refused" PitchTracker $core "$here" \
    '        let planted = cr_mutex_make(); cr_mutex_lock(planted!)' 'unpredictable performance'
prove "an object made two calls below process is refused" PitchTracker $core 'private func announceBendRange() {' \
    '        _ = Unmanaged.passRetained(PlantedObject())' 'allocation|reference counting|locks'

here='func process(_ io: UnsafeMutablePointer<continuo_synth_io>) {'
prove "unchanged, the synthesizer compiles" DDSPSynth "" "" "" ""
for core in InstrumentCore.swift TransferCore.swift; do
    prove "$core: an array's growth in process is refused" DDSPSynth $core "$here" \
        '        var grown: [Float] = []; grown.append(io.pointee.voices); io.pointee.voices = grown[0]' 'allocation|locks'
    prove "$core: a mutex in process is refused" DDSPSynth $core "$here" \
        '        let planted = cr_mutex_make(); cr_mutex_lock(planted!)' 'unpredictable performance'
done
prove "an object made where notes begin is refused" DDSPSynth Performer+Notes.swift \
    'func noteOn(_ channel: Int, _ note: Int, _ velocity: UInt8, _ time: Int) {' '        _ = Unmanaged.passRetained(PlantedObject())' 'allocation|reference counting|locks'

here='func process(_ io: UnsafeMutablePointer<continuo_bass_io>) {'
prove "unchanged, the bass player compiles" BassGenerator "" "" "" ""
prove "BassCore: an array's growth in process is refused" BassGenerator BassCore.swift "$here" \
    '        var grown: [Float] = []; grown.append(io.pointee.progress); io.pointee.progress = grown[0]' 'allocation|locks'
prove "BassCore: an object made at a bar line is refused" BassGenerator BassCore.swift 'private func passLine() {' \
    '        _ = Unmanaged.passRetained(PlantedObject())' 'allocation|reference counting|locks'
prove "TakePlayer: a mutex where notes begin is refused" BassGenerator TakePlayer.swift \
    'private mutating func tell(_ io: UnsafeMutablePointer<continuo_bass_io>, _ frame: Int) {' \
    '        let planted = cr_mutex_make(); cr_mutex_lock(planted!)' 'unpredictable performance'
finish
