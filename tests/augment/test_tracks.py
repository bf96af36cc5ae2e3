"""Signal, target and validity move together."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import make_tracks

from sslts.augment import (
    Augmenter,
    Compose,
    CutMix,
    Jitter,
    RandAugment,
    Rescale,
    Reverse,
    Scale,
    SomeOf,
    TimeWarp,
    Tracks,
    apply_view,
)
from sslts.augment._draws import draw_stretch, find_valid_span


@given(st.integers(-40, 40))
def test_moving_by_whole_samples_moves_everything(by):
    tracks = make_tracks()
    moved = tracks.resample(torch.arange(30).float().expand(2, 30) + by)
    valid = moved.valid
    assert valid.sum() == 2 * max(30 - abs(by), 0)
    assert torch.equal(moved.x[:, 0][valid].long(), moved.target[valid])
    assert (moved.target[~valid] == -1).all()
    assert (moved.x.movedim(1, -1)[~valid] == 0).all()


@given(st.floats(0.3, 3.0), st.floats(-20, 20))
def test_labels_never_mix(factor, offset):
    tracks = make_tracks()
    three = tracks.replace(target=torch.where(tracks.target > 1, 3, 0))
    moved = three.resample((torch.arange(50).float() * factor + offset).expand(2, 50))
    assert set(moved.target.unique().tolist()) <= {-1, 0, 3}  # linear interpolation would invent 1 and 2


@given(st.floats(0.3, 3.0), st.floats(-20, 20))
def test_probabilities_stay_probabilities(factor, offset):
    tracks = make_tracks()
    proba = torch.rand(2, 4, 30).softmax(1)
    moved = tracks.replace(target=proba).resample((torch.arange(50).float() * factor + offset).expand(2, 50))
    torch.testing.assert_close(moved.target.sum(1), torch.ones(2, 50))


def test_probabilities_and_signals_are_interpolated_linearly():
    x = torch.tensor([[[0.0, 10.0, 30.0]]])
    tracks = Tracks(x, x.clone(), torch.ones(1, 3).bool())
    moved = tracks.resample(torch.tensor([[0.25, 1.5]]))
    assert moved.x.tolist() == moved.target.tolist() == [[[2.5, 20.0]]]


def test_padding_stays_padding():
    tracks = make_tracks().replace(valid=torch.arange(30).expand(2, 30) < 20)
    moved = tracks.resample(torch.arange(30).float().expand(2, 30) + 5)
    assert moved.valid.sum(1).tolist() == [15, 15]


@pytest.mark.parametrize("chosen", [[True, False, True], [False] * 3, [True] * 3])
@pytest.mark.parametrize("soft", [False, True])
def test_only_the_chosen_recordings_are_changed(chosen, soft):
    tracks = make_tracks(batch=3)
    if soft:
        tracks = tracks.replace(target=torch.rand(3, 4, 30))
    moved = tracks.resample(torch.arange(30).flip(0).float().expand(3, 30))
    seen = tracks.change_rows(torch.tensor(chosen), lambda part: part.resample(moved_to(part)))
    wanted = moved.where(torch.tensor(chosen), tracks)
    assert all(torch.equal(getattr(seen, name), getattr(wanted, name)) for name in ("x", "target", "valid"))


def moved_to(part):
    return torch.arange(30).flip(0).float().expand(len(part.x), 30)


@pytest.mark.parametrize("length", [1, 2])
def test_the_shortest_tracks(length):
    tracks = make_tracks(length=length)
    moved = tracks.resample(torch.zeros(2, length))
    assert torch.equal(moved.target, tracks.target[:, :1].expand(2, length))


class TestTransform:
    """The method `transform` takes any array and returns an array."""

    def test_arrays(self):
        X, y = np.arange(12.0).reshape(2, 6), np.arange(12).reshape(2, 6)
        moved, labels = Compose((Reverse(p=1.0), Scale(magnitude=0))).transform(X, y, random_state=0)
        np.testing.assert_allclose(moved, X[:, ::-1], atol=1e-5)
        np.testing.assert_array_equal(labels, y[:, ::-1])
        assert moved.shape == X.shape

    def test_channels_and_no_labels(self):
        X = np.arange(24.0).reshape(2, 3, 4)
        np.testing.assert_allclose(Reverse(p=1.0).transform(X), X[..., ::-1])

    def test_ragged_recordings_keep_their_lengths(self):
        X = [np.arange(9.0), np.arange(4.0)]
        moved, labels = Rescale(2.0, 2.0).transform(X, [x.astype(int) for x in X], random_state=0)
        assert [len(x) for x in moved] == [len(x) for x in labels] == [9, 4]

    def test_a_short_recording_is_moved_within_itself(self):
        X, y = [np.arange(1.0, 4), np.arange(1.0, 11), np.arange(4.0, 7)], [[0, 1, 1], np.arange(10) % 2, [1, 0, 0]]
        moved, labels = Reverse(p=1.0).transform(X, [np.array(row) for row in y], random_state=0)
        for x, seen, row, found in zip(X, moved, y, labels, strict=True):
            np.testing.assert_array_equal(seen, x[::-1])
            np.testing.assert_array_equal(found, row[::-1])

    def test_read_only_and_reversed_arrays(self):
        X, y = np.arange(8.0).reshape(2, 4), np.arange(8).reshape(2, 4)
        y.setflags(write=False)
        moved, labels = Reverse(p=1.0).transform(X[:, ::-1], y[:, ::-1])
        np.testing.assert_array_equal(moved, X)
        np.testing.assert_array_equal(labels, y)
        Reverse(p=1.0).transform(X, y)

    @pytest.mark.parametrize("make", [np.int64, np.random.RandomState])
    def test_seeds_as_scikit_learn_takes_them(self, make):
        X = np.random.default_rng(0).normal(size=(4, 60))
        one, same, other = (RandAugment().transform(X, random_state=make(seed)) for seed in (3, 3, 4))
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()

    def test_samples_from_outside_are_unlabeled(self):
        moved, labels = Rescale(0.5, 0.5).transform(np.ones((4, 100)), np.ones((4, 100), dtype=int), random_state=0)
        assert ((labels == 1) == (moved == 1)).all()
        assert (labels == -1).any()

    def test_the_seed_decides_and_none_draws_a_new_seed(self):
        X = np.random.default_rng(0).normal(size=(3, 50))
        view = RandAugment()
        np.testing.assert_array_equal(view.transform(X, random_state=1), view.transform(X, random_state=1))
        assert (view.transform(X) != view.transform(X)).any()


@given(st.integers(1, 60), st.floats(0, 1), st.integers(0, 1000))
def test_a_stretch_is_one_piece_with_the_given_share(length, share, seed):
    (inside,) = draw_stretch(length, torch.tensor([share]), torch.Generator().manual_seed(seed))
    assert abs(inside.sum().item() - share * length) < 1.001
    assert torch.diff(inside.int()).abs().sum() <= 2


@given(st.integers(1, 60), st.integers(0, 1000))
def test_a_stretch_of_share_one_covers_every_sample(length, seed):
    assert draw_stretch(length, torch.ones(1), torch.Generator().manual_seed(seed)).all()


def test_a_sample_next_to_padding_is_not_valid():
    valid = torch.tensor([[True, True, True, False]])
    tracks = Tracks(torch.full((1, 1, 4), 10.0) * valid, torch.zeros(1, 4).long(), valid)
    seen = tracks.resample(torch.tensor([[1.5, 2.0, 2.4, 2.6]]))
    assert seen.valid.tolist() == [[True, True, False, False]]
    assert seen.x[0, 0].tolist() == [10.0, 10.0, 0.0, 0.0]
    assert seen.target.tolist() == [[0, 0, -1, -1]]


def test_positions_may_be_integers():
    tracks = Tracks(torch.tensor([[[0.0, 10.0, 20.0]]]), torch.tensor([[0, 1, 1]]), torch.ones(1, 3).bool())
    moved = tracks.resample(torch.tensor([[1, 2, 3]]))
    assert moved.x.tolist() == [[[10.0, 20.0, 0.0]]]
    assert moved.target.tolist() == [[1, 1, -1]]


def test_the_valid_span_goes_from_the_first_to_the_last_valid_sample():
    valid = torch.tensor([[False, True, False, True, False], [False] * 5, [True] * 5])
    first, length = find_valid_span(valid)
    assert first[::2].tolist() == [[1.0], [0.0]]
    assert length.tolist() == [[3.0], [1.0], [5.0]]
    assert [part.tolist() for part in find_valid_span(valid[2:])] == [[[0.0]], [[5.0]]]


VIEWS = [
    Rescale(),
    Reverse(p=0.5),
    CutMix(p=1.0),
    RandAugment(),
    Compose((RandAugment(warp=TimeWarp(p=1.0)), Rescale(), Reverse(p=0.5))),
    SomeOf((Rescale(p=0.5), Reverse(p=1.0), Jitter()), n=2),
    torch.neg,
]


class TestDetails:
    """Weights and soft labels move with the labels."""

    @pytest.fixture
    def detailed(self):
        """Return tracks whose labels are different at each sample, with weights and soft labels that tell the label."""
        target = torch.arange(120).reshape(4, 30)
        x = torch.randn(4, 2, 30, generator=torch.Generator().manual_seed(0))
        soft = torch.stack([target, 120 - target], 1) / 120
        return Tracks(x, target, torch.ones(4, 30).bool(), target.float(), soft)

    @pytest.mark.parametrize("view", VIEWS, ids=lambda view: getattr(view, "__name__", repr(view)))
    @pytest.mark.parametrize("seed", range(3))
    def test_every_view_moves_them_with_the_labels(self, detailed, view, seed):
        seen = apply_view(view, detailed, torch.Generator().manual_seed(seed))
        known = seen.target >= 0
        assert torch.equal(seen.weight[known], seen.target[known].float())
        assert torch.equal((120 * seen.soft[:, 0])[known].round(), seen.target[known].float())
        torch.testing.assert_close(seen.soft.sum(1)[known], torch.ones(int(known.sum())))

    @pytest.mark.parametrize("view", VIEWS, ids=lambda view: getattr(view, "__name__", repr(view)))
    def test_they_do_not_change_the_view(self, detailed, view):
        bare = detailed.replace(weight=None, soft=None)
        seen = apply_view(view, bare, torch.Generator().manual_seed(0))
        assert seen.weight is seen.soft is None
        with_details = apply_view(view, detailed, torch.Generator().manual_seed(0))
        for name in ("x", "target", "valid"):
            assert torch.equal(getattr(seen, name), getattr(with_details, name))

    @pytest.mark.parametrize("name", ["weight", "soft"])
    def test_a_view_that_drops_them_is_refused(self, detailed, name):
        @dataclass(frozen=True)
        class Dropping(Augmenter):
            def __call__(self, tracks, generator):
                return tracks.replace(**{name: None})

        with pytest.raises(ValueError, match=f"returned Tracks without the {name} of its input"):
            apply_view(Dropping(), detailed, torch.Generator())

    def test_hidden_labels_have_none(self, detailed):
        assert detailed.hide_labels().weight is detailed.hide_labels().soft is None
