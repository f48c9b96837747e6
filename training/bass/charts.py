"""Chord charts, written by small grammars: styles, modes, forms. All from a random generator that is handed in.

A chart is a list of bars, a bar a list of (root, quality) per beat, root a pitch class, quality a key of QUALITIES.
Every sixth phrase is left to the test songs.
"""

import re

QUALITIES = {  # as MMA names them: chord tones above the root
    "": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 7, 10), "M7": (0, 4, 7, 11), "m7": (0, 3, 7, 10), "m7b5": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9), "aug": (0, 4, 8), "sus4": (0, 5, 7), "sus2": (0, 2, 7), "7sus4": (0, 5, 7, 10),
    "6": (0, 4, 7, 9), "m6": (0, 3, 7, 9), "9": (0, 4, 7, 10, 2), "M9": (0, 4, 7, 11, 2), "m9": (0, 3, 7, 10, 2),
    "13": (0, 4, 7, 10, 9), "7b9": (0, 4, 7, 10, 1), "7#9": (0, 4, 7, 10, 3), "7#5": (0, 4, 8, 10),
    "mM7": (0, 3, 7, 11), "add9": (0, 4, 7, 2), "69": (0, 4, 7, 9, 2), "m11": (0, 3, 7, 10, 2, 5), "5": (0, 7)}
NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
DEGREES = {"1": 0, "b2": 1, "2": 2, "b3": 3, "3": 4, "4": 5, "#4": 6, "5": 7, "b6": 8, "6": 9, "b7": 10, "7": 11}

# Bars are parted by |, chords in a bar by spaces: a degree, a colon, a quality. Each family's phrases are of 4 bars
# (of 1 or 2 repeated where shorter); forms put them together.
PHRASES = {
    "pop": """
        1 | 5 | 6:m | 4
        6:m | 4 | 1 | 5
        1 | 6:m | 4 | 5
        1 | 4 | 6:m | 5
        4 | 5 | 3:m | 6:m
        1 | 3:m | 4 | 5
        1 | 5 4 | 6:m | 4
        4 | 1 | 5 | 6:m
        1:add9 | 5:sus4 5 | 6:m7 | 4:M7
        1 | b7 | 4 | 1
        1 | 1:M7 | 4 | 4:m
        2:m7 | 5 | 1 | 6:m
        6:m | 5 | 4 | 5
        6:m | 3:m | 4 | 1
        1 | 2:m7 | 4 | 5:sus4
        1 | 3 | 6:m | 4
        4:M7 | 3:m7 | 2:m7 | 1:M7
        1 4 | 1 5 | 6:m 4 | 5
        1 | 5 | 4 | 4
        6:m | 1 | 5 | 2:m
        4 | 4:m | 1 | 1""",
    "rock": """
        1:5 | b7:5 | 4:5 | 1:5
        1 | b3 | 4 | 1
        1 | b7 | b6 | b7
        1:m | b7 | b6 | 5
        1:m | b6 | b3 | b7
        1:m | b3 | b7 | 4
        1 | 4 | 5 | 4
        1:5 | 1:5 | b3:5 | 4:5
        1:5 b3:5 | 4:5 | 1:5 b3:5 | b6:5 5:5
        1:7 | 1:7 | 4:7 | 1:7
        1 | 1 | 4 | 5
        1 | 2 | 4 | 1
        1:m | 1:m | b6 | b7
        1:m b7 | b6 b7 | 1:m b7 | b6 5
        1:sus4 1 | b7 | 4 | 1
        1:m | 4 | 1:m | 4
        b6 | b7 | 1 | 1""",
    "blues": """
        1:7 | 4:7 | 1:7 | 1:7
        1:7 | 1:7 | 1:7 | 1:7
        4:7 | 4:7 | 1:7 | 1:7
        5:7 | 4:7 | 1:7 | 5:7
        5:7 | 4:7 | 1:7 6:7 | 2:7 5:7
        4:7 | #4:dim7 | 1:7 | 6:7
        2:m7 | 5:7 | 1:7 6:7 | 2:m7 5:7
        1:m7 | 1:m7 | 1:m7 | 1:m7
        4:m7 | 4:m7 | 1:m7 | 1:m7
        b6:7 | 5:7 | 1:m7 | 5:7""",
    "jazz": """
        2:m7 | 5:7 | 1:M7 | 1:M7
        1:M7 6:m7 | 2:m7 5:7 | 3:m7 6:7 | 2:m7 5:7
        1:M7 | 6:7b9 | 2:m7 | 5:7
        2:m7 5:7 | 1:M7 | 2:m7 5:7 | 1:M7
        3:m7 | 6:7 | 2:m7 | 5:7
        1:M7 | 4:7 | 3:m7 | 6:7
        2:m7b5 | 5:7b9 | 1:m6 | 1:m6
        6:m7 | 2:7 | 2:m7 | 5:7
        4:M7 | 4:m7 b7:7 | 3:m7 b3:7 | 2:m7 5:7
        1:6 | #4:m7b5 7:7b9 | 3:m7 | 6:7
        2:m7 | b2:7 | 1:M7 | 1:69
        3:7 | 3:7 | 6:7 | 6:7
        2:7 | 2:7 | 5:7 | 5:7
        5:m7 1:7 | 4:M7 | 4:m7 b7:7 | 1:M7
        1:M7 | 1:dim7 | 2:m7 | 5:13
        1:m7 | 4:7 | b7:M7 | b3:M7
        b6:M7 | 2:m7b5 | 5:7 | 1:m6
        1:M9 | b3:dim7 | 2:m9 | 5:13
        4:m7 | b7:7 | b3:M7 | b6:M7
        6:m7b5 | 2:7b9 | 5:m7 | 1:7
        1:M7 | b3:M7 | b6:M7 | b2:M7
        1:6 6:7 | 2:7 5:7 | 1:6 6:7 | 2:7 5:7""",
    "minor": """
        1:m | 4:m | 5:7 | 1:m
        1:m | b7 | b6 | 5:7
        1:m | b6 | 4:m | 5:7
        1:m | 2:m7b5 | 5:7 | 1:m
        1:m 1:mM7 | 1:m7 1:m6 | 4:m | 5:7
        4:m | b7 | b3 | b6
        1:m | b3 | 4:m | b6
        b6 | b7 | 1:m | 1:m
        1:m | 5:m | b6 | b3
        1:m | 1:m | 4:m | 4:m
        b6:M7 | 5:7 | 1:m7 | b3:7
        1:m9 | b6:M7 | 4:m7 | 5:7#9
        1:m | 5:7 | 5:7 | 1:m""",
    "modal": """
        1:m7 | 1:m7 | 1:m7 | 1:m7
        1:m7 | 4:7 | 1:m7 | 4:7
        1:7 | 1:7 | b7 | 1:7
        1:m7 | b2:M7 | 1:m7 | b2:M7
        1:M7 | 2 | 1:M7 | 2
        1:m9 | 1:m9 | b3:M7 | 4:9
        1:sus4 | b7 | 1:sus4 | b7
        1:7 | b7:6 | 4 | 1:7
        1:m11 | 1:m11 | b2:m11 | b2:m11
        1:m7 2:m7 | b3:M7 2:m7 | 1:m7 2:m7 | b3:M7 2:m7
        1:7#9 | 1:7#9 | 1:7#9 | b3 4
        1:m7 | b7:7 | 1:m7 | b7:7
        1:9 | 1:9 | 4:9 | 1:9""",
    "latin": """
        1:m | 1:m | 5:7 | 5:7
        5:7 | 5:7 | 1:m | 1:m
        1:M7 | b2:dim7 | 2:m7 | 5:7
        1:m6 | 4:m7 | b7:9 | b3:M7
        2:m7b5 | 5:7b9 | 1:m7 | 1:7
        1 | 4 | 5:7 | 4
        1:m7 | b6:7 | 5:7 | 1:m7
        1:M7 | 2:7 | 2:m7 | b2:7
        1:6 | 1:6 | 2:m7 | 5:7
        4:m6 | 4:m6 | 1:m | 1:m
        1:m 4:m | 5:7 | 1:m 4:m | 5:7
        1:69 | #4:m7b5 | 4:m6 | 3:m7 6:7b9""",
    "country": """
        1 | 1 | 4 | 4
        5:7 | 5:7 | 1 | 1
        1 | 4 | 1 | 5:7
        1 | 1 | 5:7 | 5:7
        4 | 1 | 5:7 | 1
        1 | 1:7 | 4 | 4:m
        2:7 | 2:7 | 5:7 | 5:7
        6:m | 4 | 1 | 5
        1 | 6:m | 2:m | 5:7
        1 | 5:7 | 5:7 | 1
        4 | 4 | 1 | 1
        1 | 3:7 | 4 | 5:7
        1 6:m | 2:7 5:7 | 1 4 | 1 5:7""",
}
WEIGHTS = {  # how a style of groove draws the family of its chart
    "rock": dict(rock=5, pop=3, blues=1.5, minor=1, modal=1), "pop": dict(pop=6, minor=2, rock=1, modal=1, country=1),
    "dance": dict(pop=4, minor=3, modal=3), "funk": dict(modal=4, pop=2, blues=1.5, minor=2, jazz=1),
    "jazz": dict(jazz=7, blues=2, modal=1, minor=1), "latin": dict(latin=5, jazz=2, minor=2, modal=1, pop=1),
    "country": dict(country=5, pop=2, blues=1), "blues": dict(blues=7, rock=1), "reggae": dict(pop=3, minor=3, country=1, modal=1),
    "waltz": dict(country=2, jazz=2, minor=2, pop=2), "other": dict(pop=1, minor=1, jazz=1, country=1, latin=1, rock=1)}
FORMS = {4: "A", 8: "AB AA", 12: "ABC", 16: "AABA AABC ABAC ABCB AAAB", 32: "AABBCCAB ABABCDAB ABACABDC"}
LOOPED = ("pop", "rock", "modal", "minor", "latin")

STYLES = (  # first match of a groove's file and name
    ("blues", "blues|boog"), ("reggae", "reg|ska|dub|calypso|soca|zouk"),
    ("jazz", "swing|jazz|bebop|bigband|foxtrot|combo|dixie|ragtime|quickstep|charleston|gypsy|stride|cool|lounge|torch"),
    ("latin", "bossa|samba|rh?umba|cha|mambo|beguine|salsa|tango|bolero|latin|cuban|merengue|baion|son|guaracha|joropo|cumbia|montuno|tejano|bachata|habanera|pasodoble|desert|batucada"),
    ("funk", "funk|soul|r&?b|motown|hiphop|hip-hop|fusion|shuffle"), ("dance", "dance|techno|house|trance|rave|disco|eurobeat|groove|triphop|ambient|club|electr"),
    ("country", "country|bluegrass|polka|march|west|folk|hillbilly|cajun|ballad68|celtic|reel|jig|metronome|scot|2beat|square"),
    ("rock", "rock|metal|twist|surf|punk|8beat|16beat|beat"), ("waltz", "waltz|vals|mazurka|minuet"), ("pop", "pop|ballad|slow|serenade"))


def style_of(groove):
    """The style of an entry of mma.py's table."""
    text = (groove["file"].split("/")[-1] + " " + groove["name"]).lower()
    return next((style for style, pattern in STYLES if re.search(pattern, text)), "other")


def parse(text, beats):
    """A phrase's bars."""
    bars = []
    for bar in text.split("|"):
        chords = [(c.split(":") + [""])[:2] for c in bar.split()]
        bars.append([(DEGREES[chords[i * len(chords) // beats][0]], chords[i * len(chords) // beats][1]) for i in range(beats)])
    return bars


def phrases(family, testing=None):
    """A family's phrases: all, or those of the test songs (every sixth), or the others."""
    lines = [line.strip() for line in PHRASES[family].strip().splitlines()]
    return [line for i, line in enumerate(lines) if testing is None or (i % 6 == 5) == testing]


def wander(rng, beats):
    """A phrase of 4 bars by a walk over the degrees of a mode: harmony no list has."""
    major = rng.random() < 0.5
    scale = ((0, ""), (2, "m"), (4, "m"), (5, ""), (7, ""), (9, "m"), (10, "")) if major else (
        (0, "m"), (3, ""), (5, "m"), (7, "m"), (8, ""), (10, ""), (7, ""))
    sevenths = rng.random() < 0.4
    at, bars = 0, []
    for _ in range(4):
        chords = []
        for _ in range(2 if rng.random() < 0.25 else 1):
            root, quality = scale[at]
            if sevenths:
                quality = {"": "7" if root in (7, 10) else "M7", "m": "m7"}[quality]
            elif rng.random() < 0.12:
                quality = {"": str(rng.choice(["sus4", "7", "6", "add9", "sus2"])), "m": str(rng.choice(["m7", "m6", "m9"]))}[quality]
            chords.append((root, quality))
            at = int(rng.integers(0, 7)) if rng.random() < 0.6 else (at + int(rng.choice([3, 4]))) % 7
        bars.append([chords[i * len(chords) // beats] for i in range(beats)])
    return bars


def colour(rng, bars, amount):
    """Chords exchanged here and there for richer ones or substitutes."""
    richer = {"": ("6", "add9", "M7", "sus2"), "m": ("m7", "m9"), "7": ("9", "13", "7sus4"), "M7": ("6", "69", "M9"),
              "m7": ("m9", "m11", "m7"), "5": ("",)}
    table, out = {}, []
    for bar in bars:
        row = []
        for chord in bar:
            if chord not in table:
                root, quality = chord
                if quality in richer and rng.random() < amount:
                    quality = str(rng.choice(richer[quality]))
                if quality in ("7", "9", "13") and rng.random() < amount / 6:
                    root = (root + 6) % 12
                table[chord] = (root, quality)
            row.append(table[chord])
        out.append(row)
    return out


def chart(rng, style, beats, bars, testing, progressions=None):
    """A chart of `bars` bars of `beats` beats in a random key. testing: only held-out phrases, otherwise none of them.

    progressions: further phrases (lists of bars of one chord each, in C), here from a corpus.
    """
    weights = WEIGHTS[style]
    family = str(rng.choice(list(weights), p=[w / sum(weights.values()) for w in weights.values()]))
    if rng.random() < 0.15:
        family = str(rng.choice(list(PHRASES)))
    listed = phrases(family, testing)

    def phrase():
        if progressions and rng.random() < 0.1:
            picked = progressions[int(rng.integers(len(progressions)))]
            return [[tuple(picked[i % len(picked)])] * beats for i in range(4)]
        if rng.random() < 0.3:
            return wander(rng, beats)
        return parse(listed[int(rng.integers(len(listed)))], beats)

    if family == "blues" and rng.random() < 0.7 and not testing:
        minor = rng.random() < 0.25
        rows = phrases("blues")
        use = [rows[7], rows[8], rows[9]] if minor else [rows[int(rng.integers(0, 2))], rows[2 if rng.random() < 0.7 else 5],
                                                           rows[int(rng.choice([3, 4, 6]))]]
        use = [p for p in use if p in listed]
        form = [bar for p in use for bar in parse(p, beats)]
    else:
        length = int(rng.choice([4, 8, 16, 32], p=[0.3, 0.35, 0.25, 0.1] if family in LOOPED else [0.05, 0.3, 0.4, 0.25]))
        letters = str(rng.choice(FORMS[length].split()))
        made = {letter: phrase() for letter in sorted(set(letters))}
        form = [bar for letter in letters for bar in made[letter]]
    form = colour(rng, form, float(rng.choice([0, 0.1, 0.3], p=[0.5, 0.3, 0.2])))
    key = int(rng.integers(12))
    return [[((root + key) % 12, quality) for root, quality in form[i % len(form)]] for i in range(bars)]


def as_mma(bars):
    """The chart's bars in MMA's language."""
    lines = []
    for number, bar in enumerate(bars, 1):
        words = [f"{NAMES[r]}{q}@{i + 1}" for i, (r, q) in enumerate(bar) if i == 0 or bar[i - 1] != (r, q)]
        lines.append(f"{number} " + " ".join(words))
    return lines
