"""Write the files of the how-to guides on a factory, on Label Studio, on labels and on Audacity; the same on each run.

Run it as ``python examples/make_files.py factory``, ``ward``, ``workshop``, ``corrections`` or ``answers``: the current
folder gets the files. Numbers are those of `sslts.datasets.make_recordings`, so that the truth is known.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from sslts.datasets import make_recordings


def make_factory(folder="."):
    """Write 60 files of a machine, 10 minutes each, labels of six files, and the truth of all files.

    Each six files follow one another; rows are missing here and there, and one file stood still for a minute.
    """
    place = Path(folder)
    (place / "machine").mkdir()
    X, truth = make_recordings(
        10, n_samples=18_000, n_channels=2, segment_length=50, share=0.3, variability=0.4, random_state=1
    )
    rng = np.random.default_rng(0)
    labels = []
    for i, (x, y) in enumerate(zip(X, truth, strict=True)):
        begin = pd.Timestamp("2026-03-02 06:00:00") + pd.Timedelta(hours=12 * (i // 2) + 2.5 * (i % 2))
        clock = begin + pd.to_timedelta(np.arange(x.shape[1]) * 200, unit="ms")
        table = pd.DataFrame({"time": clock, "force": x[0].round(3), "position": x[1].round(3)})
        table["temperature"] = np.round(40 + rng.normal(0, 0.02, len(table)).cumsum(), 2)
        kept = rng.random(len(table)) > 1e-3
        if i == 4:
            kept[14_000:14_300], y[14_000:14_300] = False, 0
        for k in range(6):
            rows = slice(3000 * k, 3000 * (k + 1))
            name = f"press_{6 * i + k:02d}.csv"
            table[rows][kept[rows]].to_csv(place / "machine" / name, index=False)
        for start, end in find_stretches(y):
            labels.append((f"press_{6 * i + start // 3000:02d}.csv", clock[start], begin + end * pd.Timedelta("200ms")))
    table = pd.DataFrame(labels, columns=["file", "start", "end"]).assign(event="stroke")
    some = table["file"].isin([f"press_{k:02d}.csv" for k in (3, 13, 22, 31, 44, 56)])
    for name, rows in {"labels.csv": table[some], "truth.csv": table}.items():
        rows.to_csv(place / name, index=False)


def make_ward(folder="."):
    """Write 20 WFDB records, an export of Label Studio for four of them, and the truth of all."""
    import wfdb

    place = Path(folder)
    (place / "ward").mkdir()
    X, truth = make_recordings(20, n_samples=3000, n_channels=2, share=0.25, variability=0.6, random_state=2)
    for i, x in enumerate(X):
        wfdb.wrsamp(
            f"patient{i:02d}", 50, ["mV", "mV"], ["chest", "belly"], x.T.astype(float), fmt=["16", "16"],
            write_dir=str(place / "ward"),
        )  # fmt: skip
    regions = [[make_region(start, end, 50) for start, end in find_stretches(y)] for y in truth]
    (place / "export.json").write_text(json.dumps([make_task(i, regions[i]) for i in (2, 7, 11, 16)]))
    (place / "truth.json").write_text(json.dumps([make_task(i, regions[i]) for i in range(20)]))


def make_task(i, regions):
    """Return a task as Label Studio exports it: its data is a file that was uploaded."""
    answer = {"result": regions, "was_cancelled": False, "lead_time": 41.5}
    return {"id": 100 + i, "data": {"csv": f"/data/upload/3/6f2a91bc-patient{i:02d}.csv"}, "annotations": [answer]}


def make_region(start, end, rate):
    """Return a region in seconds, whose end is inclusive."""
    value = {"start": start / rate, "end": (end - 1) / rate, "instant": False, "timeserieslabels": ["cough"]}
    return {"type": "timeserieslabels", "value": value, "origin": "manual"}


def correct_tasks(folder="."):
    """Write ``corrected.json``: eight further tasks of ``tasks.json`` as somebody exports them after corrections."""
    place = Path(folder)
    tasks, truth = (json.loads((place / name).read_text()) for name in ("tasks.json", "truth.json"))
    tasks = [{**tasks[i], "annotations": truth[i]["annotations"]} for i in (0, 1, 3, 4, 5, 6, 8, 9)]
    (place / "corrected.json").write_text(json.dumps(tasks))


def answer_tasks(folder="."):
    """Write ``answers*.json`` for each ``tasks*.json``: all of its tasks as somebody exports them, with the truth."""
    place = Path(folder)
    truth = {
        Path(task["data"]["csv"]).stem.partition("-")[2]: task["annotations"][0]["result"]
        for task in json.loads((place / "truth.json").read_text())
    }
    for path in place.glob("tasks*.json"):
        tasks = json.loads(path.read_text())
        for task in tasks:
            time = task["data"]["ts"]["time"]
            values = (region["value"] for region in truth[task["data"]["recording"]])
            cut = ((max(v["start"], time[0]), min(v["end"], time[-1])) for v in values)
            regions = [make_region(round(50 * a), round(50 * b) + 1, 50) for a, b in cut if a <= b]
            task["annotations"] = [{"result": regions, "was_cancelled": False}]
        (place / path.name.replace("tasks", "answers")).write_text(json.dumps(tasks))


def make_workshop(folder="."):
    """Write 12 sound files of half a minute, with label tracks of Audacity for three of them."""
    import soundfile

    place = Path(folder)
    for name in ("sounds", "tracks", "truth"):
        (place / name).mkdir()
    X, truth = make_recordings(12, n_samples=3000, share=0.25, variability=0.6, random_state=3)
    for i, (x, y) in enumerate(zip(X, truth, strict=True)):
        sound = np.interp(np.arange(60_000) / 20, np.arange(3000), x / (1.1 * np.abs(x).max()))
        soundfile.write(place / "sounds" / f"lathe{i:02d}.wav", sound, 2000)
        lines = [f"{start / 100:.6f}\t{end / 100:.6f}\tknock\n" for start, end in find_stretches(y)]
        for target in ("tracks", "truth") if i in (1, 5, 10) else ("truth",):
            (place / target / f"lathe{i:02d}.txt").write_text("".join(lines))


def find_stretches(y):
    """Return the stretches of labels above 0, (m, 2)."""
    return np.flatnonzero(np.diff(np.concatenate([[0], y > 0, [0]]))).reshape(-1, 2)


MAKERS = {
    "factory": make_factory,
    "ward": make_ward,
    "workshop": make_workshop,
    "corrections": correct_tasks,
    "answers": answer_tasks,
}

if __name__ == "__main__":
    MAKERS[sys.argv[1]]()
