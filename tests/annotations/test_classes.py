"""Classes are found, counted and weighed; unlabeled samples are ignored."""

import warnings

import numpy as np
import pytest

from sslts.annotations import (
    LabelRuns,
    find_classes,
    name_classes,
    share_classes,
    warn_of_lost_background,
    warn_of_zeros,
    weigh_classes,
)
from sslts.datasets import make_recordings

LABELS = LabelRuns.from_labels([np.array([9, 9, -1, 2]), np.array([-1, -1])])


def test_classes_are_sorted_and_unlabeled_is_not_a_class():
    assert find_classes(LABELS.value).tolist() == [2, 9]


def test_balanced_weights_equal_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    y = np.random.default_rng(0).choice([0, 1, 2], p=[0.7, 0.2, 0.1], size=500)
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=y)
    shares = share_classes(LabelRuns.from_labels([np.concatenate([y, [-1] * 99])]), 3)
    np.testing.assert_allclose(weigh_classes("balanced", shares, np.arange(3)), wanted, rtol=1e-6)


def test_weights_by_class():
    assert weigh_classes({9: 4}, np.array([0.5, 0.5]), np.array([2, 9])).tolist() == [1, 4]
    assert weigh_classes(None, np.array([0.5, 0.5]), np.array([2, 9])) is None


def test_data_without_labels_are_refused():
    with pytest.raises(ValueError, match="no labeled sample"):
        find_classes(np.array([-1]))


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_an_invalid_weight_is_refused(weight):
    with pytest.raises(ValueError, match="class_weight={1: .*finite weight"):
        weigh_classes({1: weight}, np.array([0.5, 0.5]), np.array([0, 1]))


@pytest.mark.parametrize(
    ("labels", "background", "warns"),
    [
        ([[-1, 1, 1, -1, 2, -1]], 0, True),
        ([[-1, 1, 1, -1], [-1, -1, -1, 2]], 9, True),
        ([[-1, 1, 1, -1, 2, -1]], None, False),  # there is no background
        ([[-1, 1, 1, 2, -1]], 0, False),  # segments that touch
        ([[1, 1, 1], [2, 2, 2], [-1, -1, -1]], 0, False),  # whole recordings
        ([[-1, 1, 1, -1], [0, 0, -1, -1]], 0, False),
    ],
)
def test_segments_without_labels_around_them_are_warned_of(labels, background, warns):
    runs = LabelRuns.from_labels([np.array(y) for y in labels])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_lost_background(runs, find_classes(runs.value), background)
    assert [("around each labeled segment are unlabeled" in str(one.message)) for one in caught] == [True] * warns


class TestZeros:
    """Whole recordings of background are warned of only where they hardly can be true."""

    FILLED, EMPTY = [0, 1, 0, 2, 0, 1, 0, 1, 0, 0], [0] * 10

    @staticmethod
    def warns(labels, background=0):
        runs = labels if isinstance(labels, LabelRuns) else LabelRuns.from_labels([np.array(y) for y in labels])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warn_of_zeros(runs, background)
        return [str(one.message) for one in caught]

    def test_the_message_has_numbers_and_the_fix(self):
        (message,) = self.warns([self.FILLED] * 3 + [self.EMPTY] * 20)
        assert message.startswith(
            "y labels 20 of 23 recordings as 0 throughout, and no recording as unlabeled, while the other 3 recordings "
            "have 4 to 4 segments each. If nobody labeled these 20 recordings, set their labels to -1"
        )

    @pytest.mark.parametrize(
        ("labels", "background"),
        [
            ([FILLED] * 3 + [EMPTY] * 9, 0),  # few
            ([FILLED] * 8 + [EMPTY] * 16, 0),  # not most of them
            ([FILLED] * 2 + [EMPTY] * 40, 0),  # two recordings do not tell how even the rates are
            ([FILLED] * 3 + [EMPTY] * 20 + [[-1] * 10], 0),  # the user knows -1
            ([FILLED] * 3 + [EMPTY] * 20, None),
            ([FILLED] * 3 + [EMPTY] * 20, 9),
            ([FILLED] * 3 + [[0, 1, 0, 0, 0, 0]] + [EMPTY] * 20, 0),  # a recording with one segment
            ([FILLED] * 3 + [[0, 0, 0, 0, 0]] * 20, 0),  # short recordings
            ([[0, 1] * 4 + [0] * 32] * 3 + [[0, 1] * 20] + [[0] * 40] * 20, 0),  # uneven rates
            ([FILLED] * 3 + [[0, 0, 0, 0, -1]] * 20, 0),  # somebody chose the labeled samples
        ],
    )
    def test_labels_that_may_be_true_are_not_warned_of(self, labels, background):
        assert not self.warns(labels, background)

    @pytest.mark.parametrize("share", [0.001, 0.005, 0.02])
    def test_rare_patterns_are_not_warned_of(self, share):
        for seed in range(5):
            _, y = make_recordings(60, n_samples=1000, share=share, random_state=seed)
            assert not self.warns(LabelRuns.from_table(y))

    def test_zeros_in_place_of_unlabeled_recordings(self):
        _, y = make_recordings(60, n_samples=2000, random_state=0)
        y[5:] = 0
        assert self.warns(LabelRuns.from_table(y))


def test_names_are_shown_on_one_line():
    names = {np.int64(1): "a\nb\x00", 7: "$x$"}
    assert name_classes(names, [0, 1, 7, 9], "class {}") == {0: "class 0", 1: "a b\\x00", 7: "$x$", 9: "class 9"}


def test_a_name_that_another_class_has_without_a_name_is_refused():
    with pytest.raises(ValueError, match="both class 1 and class 2 as 'class 2'; give each class a name of its own"):
        name_classes({1: "class 2"}, [0, 1, 2], "class {}")
    assert name_classes({1: "class 2", 2: "class 1"}, [1, 2], "class {}") == {1: "class 2", 2: "class 1"}
