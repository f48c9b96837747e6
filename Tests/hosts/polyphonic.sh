#!/usr/bin/env bash
# Several notes at once: what the plugin sends, in our host, is what `continuo track --poly` finds in the same recording.
. "$(dirname "$0")/common.sh"
with_weights || finish
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for name in guitar piano; do
    recording=$root/Tests/vectors/polyphonic/$name.flac
    "$program" track "$recording" --poly --quiet --midi "$scratch/found.mid" 2>"$scratch/errors" &&
        "$program" render urn:continuo:pitch --control model=5 --control gate=-90 --control lowest=31.7 --control highest=2000 \
            --input "$recording" --output "$scratch/out.wav" --record-midi "$scratch/sent.mid" >/dev/null 2>"$scratch/errors" ||
        { not_ok "polyphonic: $name" "$(tail -n 1 "$scratch/errors")"; continue; }
    # Live a note goes out when it is certain, one or two frames after its place between the frames is known.
    said=$(python3 - "$hosts/notes.py" "$scratch/found.mid" "$scratch/sent.mid" 2>&1 <<'PYTHON'
import collections, statistics, subprocess, sys
def notes(path):
    out = collections.defaultdict(list)
    for line in subprocess.run([sys.executable, sys.argv[1], path], capture_output=True, text=True, check=True).stdout.splitlines():
        onset, _, key, velocity = line.split()
        out[int(key)].append((float(onset), int(velocity)))
    return out
found, sent = notes(sys.argv[2]), notes(sys.argv[3])
if {k: [v for _, v in n] for k, n in found.items()} != {k: [v for _, v in n] for k, n in sent.items()}:
    sys.exit(f"other notes: {sum(map(len, found.values()))} found, {sum(map(len, sent.values()))} sent")
late = [b[0] - a[0] for k in found for a, b in zip(found[k], sent[k])]
middle = statistics.median(late)
if max(abs(d - middle) for d in late if d - middle < 0.05) > 0.012:
    sys.exit(f"onsets lie {1000 * (max(late) - min(late)):.0f} ms apart")
print(f"{len(late)} notes, {1000 * middle:.0f} ms late")
PYTHON
    ) && ok "polyphonic: $name through the plugin is what track finds ($said)" || not_ok "polyphonic: $name" "$said"
done
finish
