"""Scores of notes by mir_eval: onsets within 50 ms and the key right; with offsets, also the end (50 ms or a fifth)."""

import mir_eval
import numpy as np


def arrays(notes):
    """Intervals [N, 2] and Hz [N] of notes whose first three values are onset, offset and key."""
    notes = np.array([n[:3] for n in notes], np.float64).reshape(-1, 3)
    return notes[:, :2], 440 * 2 ** ((notes[:, 2] - 69) / 12)


def scores(reference, found):
    """dict(precision, recall, f1, f1_offsets, matched, reference, found)."""
    a, b = arrays(reference), arrays(found)
    out = dict(reference=len(a[1]), found=len(b[1]), matched=0, matched_offsets=0, precision=0.0, recall=0.0, f1=0.0,
               f1_offsets=0.0)
    if len(a[1]) and len(b[1]):
        transcription = mir_eval.transcription
        out["matched"] = len(transcription.match_notes(*a, *b, offset_ratio=None))
        out["matched_offsets"] = len(transcription.match_notes(*a, *b))
        out["precision"], out["recall"] = out["matched"] / len(b[1]), out["matched"] / len(a[1])
        out["f1"] = 2 * out["matched"] / (len(a[1]) + len(b[1]))
        out["f1_offsets"] = 2 * out["matched_offsets"] / (len(a[1]) + len(b[1]))
    return out


def total(rows):
    """One score of the notes of all rows together."""
    matched, offsets, reference, found = (sum(r[k] for r in rows) for k in
                                          ("matched", "matched_offsets", "reference", "found"))
    return dict(precision=matched / max(1, found), recall=matched / max(1, reference),
                f1=2 * matched / max(1, reference + found), f1_offsets=2 * offsets / max(1, reference + found))
