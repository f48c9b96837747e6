"""Prints the model card's figures from WORK/evaluation and WORK/knee-*: python report.py WORK [MODEL.safetensors]"""

import json
import math
import pathlib
import sys

import export

work = pathlib.Path(sys.argv[1])
here = pathlib.Path(__file__).resolve().parent
decoder = export.read_model(pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else
                            here / "../../models/continuo-synth.safetensors")
count = sum(value.numel() for value in decoder.parameters())
matrices = sum(value.numel() for name, value in decoder.named_parameters() if value.dim() == 2 and name != "embedding")
print(f"width {decoder.head.in_features}, state {decoder.gru.hidden_size}: {count:,} parameters, "
      f"{matrices:,} multiply-adds a frame, {matrices * 250 / 1e6:.1f} M a second and voice\n")

tables = {kind: json.loads((work / "evaluation" / f"{kind}.json").read_text()) for kind in ("test", "other")
          if (work / "evaluation" / f"{kind}.json").exists()}
for kind, table in tables.items():
    print(f"{kind}\n")
    print("| instrument | loss | baseline | less | measured spectra | noise alone | loudness, dB | f0, semitones | (recording) |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, row in table.items():
        print(f"| {name} | {row['spectral']:.2f} | {row['baseline']:.2f} | {100 * row['reduction']:.0f} % | {row['floor']:.2f} | "
              f"{row['draws']:.2f} | {row['loudness']:.2f} | {row.get('pitch', math.nan):.3f} | {row.get('pitch_recording', math.nan):.3f} |")
    mean = table["mean"]
    print(f"\nMeans of logs as the baseline: {mean['baseline_log']:.2f}\n")

print("| width = state | parameters | harmonics, dB | noise | loss |\n|---|---|---|---|---|")
runs = [json.loads((folder / "log.jsonl").read_text().splitlines()[-1]) | {"size": int(folder.name.split("-")[1])}
        for folder in work.glob("knee-*") if (folder / "log.jsonl").exists()]
for line in sorted(runs, key=lambda line: line["size"]):
    h, n = line["test"]
    print(f"| {line['size']} | {line['parameters']:,} | {h:.2f} | {n:.3f} | {h + 1.5 * n:.2f} |")
