#!/usr/bin/env bash
# Several notes at once: what the plugin sends, in our host, is what `continuo track --poly` finds in the same recording; and how long
# after a key's stroke its MIDI comes.
. "$(dirname "$0")/common.sh"
with_weights || finish
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for name in guitar piano; do
    recording=$root/Tests/vectors/polyphonic/$name.flac
    "$program" track "$recording" --poly --quiet --midi "$scratch/found.mid" 2>"$scratch/errors" &&
        "$program" render urn:continuo:pitch --block 64 --control model=5 --control gate=-90 --control lowest=31.7 --control highest=2000 \
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
    # From the stroke in the score (the sound itself begins some ms later) to the note-on, blocks of 64 frames.
    said=$(python3 - "$hosts/notes.py" "${recording%.flac}.tsv" "$scratch/sent.mid" 2>&1 <<'PYTHON'
import subprocess, sys
lines = subprocess.run([sys.executable, sys.argv[1], sys.argv[3]], capture_output=True, text=True, check=True).stdout.splitlines()
sent = [(float(onset), int(key)) for onset, _, key, _ in map(str.split, lines)]
late = []
for line in open(sys.argv[2]).readlines()[1:]:
    onset, _, key = map(float, line.split())
    late += [min(t - onset for t, k in sent if k == key and 0 <= t - onset < 0.15)] if any(
        k == key and 0 <= t - onset < 0.15 for t, k in sent) else []
late.sort()
middle, most = 1000 * late[len(late) // 2], 1000 * late[len(late) * 9 // 10]
print(f"median {middle:.0f} ms, 9 of 10 within {most:.0f} ms, {len(late)} notes")
# 54 ms to the estimate, 10 more until a beginning is certain, and up to a frame (10 ms) until one begins.
sys.exit(not (len(late) > 25 and 60 <= middle <= 80 and most <= 95))
PYTHON
    ) && ok "polyphonic: from a stroke of $name to MIDI $said" || not_ok "polyphonic: from a stroke of $name to MIDI" "$said"
done
finish
