"""Chord progressions of music21's corpus, as phrases for charts.py: the harmony of real pieces beside the written grammars.

    python progressions.py progressions.json        (beside data.py, which takes it where it is)

Of the corpus's analyses in Roman numerals (chorales, madrigals, quartets; .rntxt) the chord at each bar's first beat, and of its lead sheets
the chord symbol there, both above the tonic, so that all are in C (or C minor); phrases of four bars, without those in which one chord
stays or is not known. What comes of it are facts about works in the public domain. Not committed: music21 (BSD) brings its corpus along.
"""

import argparse
import json
import sys

from music21 import converter, corpus, harmony, roman

import charts

# Chord tones above the root, to the name that charts.py gives them.
BY_TONES = {tuple(sorted(tones)): name for name, tones in reversed(charts.QUALITIES.items())}


def name(root, pitch_classes):
    """(root above C, quality), or None for what charts.py has no name for. Wider chords are taken for the triad in them."""
    above = {(p - root) % 12 for p in pitch_classes}
    for tones in (above, above & {0, 3, 4, 6, 7, 8, 10, 11}, above & {0, 3, 4, 7}):
        if tuple(sorted(tones)) in BY_TONES:
            return root % 12, BY_TONES[tuple(sorted(tones))]
    return None


def bars(score):
    """A chord (or None) for each bar of a part."""
    part = score.parts[0] if score.parts else score
    measures = part.getElementsByClass("Measure")
    tonic = None
    out = []
    for measure in measures:
        found = None
        for element in measure.recurse().getElementsByClass((roman.RomanNumeral, harmony.ChordSymbol)):
            if element.offset > 0.01 and found is not None:
                break
            if isinstance(element, roman.RomanNumeral):
                tonic = element.key.tonic.pitchClass
            elif tonic is None:
                tonic = score.analyze("key").tonic.pitchClass
            if element.root() is not None and element.pitches:
                found = name((element.root().pitchClass - tonic) % 12, [(p.pitchClass - tonic) % 12 for p in element.pitches])
                break
        # A bar in which nothing is written goes on with the last chord.
        out.append(found or (out[-1] if out else None))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output")
    options = parser.parse_args()
    paths = [str(path) for path in corpus.getCorePaths()]
    paths = sorted(path for path in paths if path.endswith(".rntxt") or "/leadSheet/" in path)
    seen, phrases = set(), []
    for number, path in enumerate(paths):
        try:
            chords = bars(converter.parse(path))
        except Exception as error:  # one odd file of a corpus is no reason to go without the others
            print(f"{path.rsplit('/', 1)[1]}: {error}", file=sys.stderr)
            continue
        for i in range(0, len(chords) - 3, 4):
            phrase = chords[i:i + 4]
            if None in phrase or len(set(phrase)) < 2 or tuple(phrase) in seen:
                continue
            seen.add(tuple(phrase))
            phrases.append(phrase)
        if number % 10 == 9:
            print(f"{number + 1} of {len(paths)} pieces, {len(phrases)} phrases", flush=True)
    with open(options.output, "w") as file:
        json.dump(phrases, file)
    print(f"{len(phrases)} phrases of {len(paths)} pieces")


if __name__ == "__main__":
    main()
