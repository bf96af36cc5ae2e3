"""A fit says in one line what it understood, and warns if a class vanishes from its pseudo-labels."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from small import ON_ONE, TINY

from sslts import Annotations, FixMatchSegmenter, SelfTrainingSegmenter, SupervisedSegmenter, WindowFeatureSegmenter
from sslts.annotations import LabelRuns
from sslts.recordings import as_recordings
from sslts.segmenters import _understanding, base, self_training
from sslts.segmenters._understanding import describe_data, take_end, warn_of_shares, warn_of_vanished_classes

DATA = "12 recordings of 1 channel, {}, 4 labeled (33.3% of the samples): background, class 1 ("


def read_line(capfd):
    """Return the only line that was printed."""
    (line,) = capfd.readouterr().out.splitlines()
    return line


@pytest.fixture
def quick(monkeypatch):
    """Let the pseudo-labels of a fit of few steps be judged."""
    for module in (base, self_training):
        monkeypatch.setattr(module, "FEWEST_STEPS", 1)


class TestLine:
    def test_networks(self, make_segmenter, partly, capfd):
        fitted = make_segmenter(verbose=1, sampling_rate=0.5, precision="float32", device="cpu").fit(*partly)
        line = read_line(capfd)
        assert line.startswith(DATA.format("4.0 h"))
        weights = sum(weight.numel() for weight in fitted.net_.module_.parameters())
        assert line.endswith(
            f"); windows of {fitted.window_length_} samples, UNet with {weights:,} weights, cpu, float32"
        )

    @ON_ONE
    def test_the_model_does_not_depend_on_it(self, make_segmenter, partly):
        quiet, loud = (make_segmenter(verbose=verbose).fit(*partly) for verbose in (0, 1))
        np.testing.assert_array_equal(quiet.predict_proba(partly[0]), loud.predict_proba(partly[0]))

    def test_the_networks_in_the_comparison_with_window_features_are_silent(self, partly, capfd, monkeypatch):
        from sslts.segmenters import _guiding

        monkeypatch.setattr(_guiding, "_FEWEST_STEPS", 1)
        FixMatchSegmenter(network=TINY, max_steps=2, random_state=0, verbose=1).fit(*partly)
        line, *stages = capfd.readouterr().out.splitlines()
        assert "UNet with" in line
        assert not any("UNet with" in stage for stage in stages)

    def test_window_features(self, partly, capfd):
        fitted = WindowFeatureSegmenter(verbose=1, random_state=0).fit(*partly)
        line = read_line(capfd)
        assert line.startswith(DATA.format("7,200 samples"))
        assert line.endswith(f"); scales of 1 to {fitted.scales_[-1]} samples, ExtraTreesClassifier")

    def test_self_training(self, partly, capfd):
        inner = SupervisedSegmenter(network=TINY, max_steps=2, random_state=0)
        SelfTrainingSegmenter(inner, shares=(0.5, 1.0), verbose=1).fit(*partly)
        line, *rounds = capfd.readouterr().out.splitlines()
        assert line.startswith(DATA.format("7,200 samples"))
        assert line.endswith("); 2 rounds of pseudo-labels, SupervisedSegmenter")
        assert [text.split(":")[0] for text in rounds] == ["round 1", "round 2"]

    def test_words_and_a_custom_network(self, labeled, capfd):
        def build_plain(n_channels, n_classes):
            return TINY(n_channels, n_classes)

        table = pd.DataFrame({"recording": [0, 0], "start": [10, 50], "end": [20, 70], "label": ["cycle", "a\x1bb"]})
        annotations = Annotations.from_table(table, labeled[0])
        SupervisedSegmenter(network=build_plain, max_steps=1, verbose=1, random_state=0).fit(labeled[0], annotations)
        line = read_line(capfd)
        assert "background, a\\x1bb (1 segment), cycle (1 segment); windows" in line
        assert "build_plain with" in line


class TestDescription:
    def describe(self, labels, **options):
        runs = LabelRuns.from_labels([np.array(one) for one in labels])
        return describe_data(as_recordings([np.zeros(len(one)) for one in labels]), runs, **options)

    @pytest.mark.parametrize(
        ("rate", "length"), [(100, "0.1 s"), (0.1, "1.7 min"), (1e-3, "2.8 h"), (None, "10 samples")]
    )
    def test_lengths(self, rate, length):
        assert f"2 recordings of 1 channel, {length}, 1 labeled" in self.describe(
            [[0, 0, 1, 1, 0], [-1] * 5], sampling_rate=rate
        )

    def test_shares_are_0_or_100_percent_only_if_they_are_exact(self):
        assert "2 labeled (100.0% of" in self.describe([[0, 1], [0, 1]])
        assert "1 labeled (<0.1% of" in self.describe([[0, 1], [-1] * 9999])
        assert "1 labeled (>99.9% of" in self.describe([[0, *[1] * 9999], [-1]])

    def test_background(self):
        assert self.describe([[3, 3, 0, 3]], background=3).endswith(": background, class 0 (1 segment)")
        assert self.describe([[3, 3, 0, 3]], background=None).endswith(": class 0 (1 segment), class 3 (2 segments)")

    def test_many_classes(self):
        shown = self.describe([list(range(40))])
        assert shown.endswith("class 7 (1 segment), 32 more classes")


class TestVanishedClasses:
    def problem(self):
        labels = LabelRuns.from_labels([np.array([0] * 80 + [1] * 15 + [7] * 5)])
        details = SimpleNamespace(weights=None)
        names = {"classes": np.array([0, 1, 7]), "class_names": None, "background": 0}
        return SimpleNamespace(taught=labels, details=details, **names)

    def history(self, shares, rate=0.8):
        columns = {f"share_{k}": [share] * 10 for k, share in zip((0, 1, 7), shares, strict=True)}
        return pd.DataFrame({"mask_rate": rate, **columns})

    def test_a_class_without_pseudo_labels_is_named_with_numbers_and_fix(self):
        with pytest.warns(UserWarning, match="vanished") as caught:
            warn_of_vanished_classes("Some", self.history([0.9, 0.1, 0.0001]), self.problem(), "do this")
        assert str(caught[0].message) == (
            "Some: class 7 vanished from the pseudo-labels: it is 5.00% of the labeled samples, but 0.01% of the "
            "pseudo-labels at the end of the training. So the unlabeled recordings teach that it does not occur. "
            "Unless they really lack it, label more segments of it, or do this."
        )

    def test_words_are_shown_and_other_classes_named(self):
        with pytest.warns(UserWarning, match="cycle vanished .* The same holds for class 7"):
            warn_of_shares("X", np.zeros(2), np.full(2, 0.5), ["cycle", "class 7"], "do this")

    @pytest.mark.parametrize(
        ("shares", "rate"),
        [
            ((0.9, 0.09, 0.01), 0.8),
            ((0.99, 0.009, 0.001), 0.8),  # rarer than among the labels
            ((1.0, 0.0, 0.0), 0.01),  # hardly any pseudo-label: another warning says so
            ((np.nan, np.nan, np.nan), np.nan),
        ],
    )
    def test_other_histories_are_not_warned_of(self, shares, rate):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warn_of_vanished_classes("Some", self.history(shares, rate), self.problem(), "do this")

    def test_only_the_end_of_the_training_counts(self):
        history = pd.DataFrame({"mask_rate": range(10)})
        assert take_end(history)["mask_rate"].tolist() == [6, 7, 8, 9]
        assert len(take_end(history[:1])) == 1

    @pytest.mark.parametrize("guided", [False, True])
    def test_fixmatch(self, partly, quick, monkeypatch, guided):
        from sslts.segmenters import fixmatch

        background = LabelRuns.from_table(np.zeros((12, 600), dtype=int))
        if guided:
            monkeypatch.setattr(fixmatch, "find_guesses", lambda _, problem, *__: replace(problem, guesses=background))
        guide = "auto" if guided else None
        segmenter = FixMatchSegmenter(network=TINY, max_steps=20, random_state=0, threshold=0.0, guide=guide)
        fix = "pass guide=None" if guided else r"pass threshold=CurriculumThreshold\(0.95, expected='labeled'\)"
        with pytest.warns(UserWarning, match=f"(class 1|background) vanished from the pseudo-labels.*{fix}"):
            segmenter.fit(*partly)

    def test_a_short_fit_is_not_judged(self, partly):
        segmenter = FixMatchSegmenter(network=TINY, max_steps=20, random_state=0, threshold=0.0, guide=None)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            segmenter.fit(*partly)

    def test_self_training(self, partly, quick):
        inner = SupervisedSegmenter(network=TINY, max_steps=2, random_state=0)
        with pytest.warns(UserWarning, match="no unlabeled sample had a pseudo-label in any round.*threshold=1.0"):
            SelfTrainingSegmenter(inner, threshold=1.0).fit(*partly)
        with pytest.warns(UserWarning, match=r"(class 1|background) vanished .*than with shares=\(0.1,\)"):
            SelfTrainingSegmenter(inner, shares=(0.1,)).fit(*partly)


def test_what_the_module_prints_is_one_line(capfd):
    recordings = as_recordings(np.zeros((1, 9)))
    labels = LabelRuns.from_table(np.array([[0] * 5 + [1] * 4]))
    _understanding.print_understanding(
        recordings, labels, "a", "b", background=0, class_names={0: "none", 1: "line\nbreak"}, sampling_rate=None
    )
    assert read_line(capfd).endswith("none, line break (1 segment); a, b")
