"""Hostile values and hostile containers of one and the same data, by name, for property tests and the guards.

A new container is one line of `CONTAINERS`, or of `MASKED` if it can hold masked values; every test that draws from
them then meets it. Containers take the values of all recordings, an array (n, T), and hold the same numbers.
"""

import importlib.util
import tempfile

import numpy as np
import pandas as pd
import torch
from hypothesis import assume
from hypothesis import strategies as st


class LazySource:
    """A data set of a file, as h5py has: it knows its shape and dtype, and is read when it is sliced."""

    def __init__(self, values):
        self._values = values

    shape = property(lambda self: self._values.shape)
    dtype = property(lambda self: self._values.dtype)

    def __len__(self):
        return len(self._values)

    def __getitem__(self, key):
        return self._values[key]


class MaskedSource(LazySource):
    """A variable of netCDF4: its slices are masked arrays, and NumPy's conversion of it forgets the mask."""

    def __init__(self, values, mask):
        super().__init__(np.ma.array(values, mask=mask))

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._values.data, dtype=dtype)


class DelayedSource(MaskedSource):
    """A masked array of dask: its slices are computed only by `compute`."""

    def __getitem__(self, key):
        part = self._values[key]
        return DelayedSource(part.data, np.ma.getmaskarray(part))

    def compute(self):
        return self._values


class MaskedUnits(np.ndarray):
    """A sub-class of arrays with a mask, as astropy has."""

    def __new__(cls, values, mask):
        made = np.asarray(values).view(cls)
        made._mask = np.asarray(mask)
        return made

    def __array_finalize__(self, parent):
        self._mask = np.zeros(self.shape, dtype=bool)

    def __getitem__(self, key):
        part = super().__getitem__(key)
        if isinstance(part, MaskedUnits):
            part._mask = self._mask[key]
        return part

    mask = property(lambda self: self._mask)
    unmasked = property(lambda self: self.view(np.ndarray))


class ClosedSource:
    """A data set of a file that was closed."""

    def __len__(self):
        return 6

    def __getitem__(self, key):
        raise RuntimeError("not a data set (closed file)")

    @property
    def shape(self):
        raise RuntimeError("not a data set (closed file)")

    dtype = shape


def map_file(values):
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, values.dtype, "w+", shape=values.shape)
    mapped[:] = values
    return mapped


def list_objects(items):
    held = np.empty(len(items), dtype=object)
    held[:] = items
    return held


def freeze(values):
    frozen = values.copy()
    frozen.flags.writeable = False
    return frozen


def spread(values):
    """Return the values in every third place of a larger array."""
    wide = np.full((*values.shape[:-1], 3 * values.shape[-1]), -7, dtype=values.dtype)
    wide[..., ::3] = values
    return wide[..., ::3]


def as_tensor(values, **options):
    return torch.tensor(values.tolist() if values.dtype.kind == "u" else values, **options)


def as_tensor_with_gradient(values):
    return torch.tensor(values.astype(np.float64), requires_grad=True)


def as_nested_tensor(values):
    return torch.nested.nested_tensor([as_tensor(one) for one in values], layout=torch.jagged)


CONTAINERS = {
    "array": lambda values: values,
    **{
        dtype: lambda values, dtype=dtype: values.astype(dtype)
        for dtype in (
            *("float32", "float64", "longdouble", "float16", ">f8", ">f4"),
            *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", ">i8", "bool"),
        )
    },
    "object": lambda values: values.astype(object),
    "nested lists": lambda values: values.tolist(),
    "nested tuples": lambda values: tuple(map(tuple, values.tolist())),
    "list": list,
    "tuple": tuple,
    "list of lists": lambda values: [one.tolist() for one in values],
    "object array of arrays": lambda values: list_objects(list(values)),
    "Fortran order": np.asfortranarray,
    "not contiguous": spread,
    "reversed": lambda values: values[:, ::-1].copy()[:, ::-1],
    "read-only": freeze,
    "masked array without mask": np.ma.array,
    "masked array of no masked value": lambda values: np.ma.array(values, mask=np.zeros(values.shape, dtype=bool)),
    "list of masked arrays": lambda values: list(map(np.ma.array, values)),
    "sub-class": lambda values: MaskedUnits(values, np.zeros(values.shape, dtype=bool)),
    "memory-map": map_file,
    "list of memory-maps": lambda values: list(map(map_file, values)),
    "masked array over a memory-map": lambda values: np.ma.array(map_file(values)),
    "lazy": LazySource,
    "list of lazy": lambda values: list(map(LazySource, values)),
    "lazy and masked": lambda values: MaskedSource(values, False),
    "delayed": lambda values: DelayedSource(values, np.zeros(values.shape, dtype=bool)),
    "tensor": as_tensor,
    "tensor with gradient": as_tensor_with_gradient,
    "list of tensors": lambda values: list(map(as_tensor, values)),
    "list of tensors with gradient": lambda values: list(map(as_tensor_with_gradient, values)),
    "nested tensor": as_nested_tensor,
    "frame": pd.DataFrame,
    "list of Series": lambda values: list(map(pd.Series, values)),
    "Series of arrays": lambda values: pd.Series(list(values)),
    "list of nullable Series": lambda values: [pd.Series(one).convert_dtypes() for one in values],
}

MASKED = {
    "masked array": lambda values, mask: np.ma.array(values, mask=mask),
    "list of masked arrays": lambda values, mask: [
        np.ma.array(one, mask=gone) for one, gone in zip(values, mask, strict=True)
    ],
    "object array of masked arrays": lambda values, mask: list_objects(
        [np.ma.array(one, mask=gone) for one, gone in zip(values, mask, strict=True)]
    ),
    "Series of masked arrays": lambda values, mask: pd.Series(
        [np.ma.array(one, mask=gone) for one, gone in zip(values, mask, strict=True)]
    ),
    "masked objects": lambda values, mask: np.ma.array(values.astype(object), mask=mask),
    "lists with masked scalars": lambda values, mask: [
        [np.ma.masked if gone else one for one, gone in zip(*pair, strict=True)]
        for pair in zip(values.tolist(), mask, strict=True)
    ],
    "masked array over a memory-map": lambda values, mask: np.ma.array(map_file(values), mask=mask),
    "list of masked arrays over memory-maps": lambda values, mask: [
        np.ma.array(map_file(one), mask=gone) for one, gone in zip(values, mask, strict=True)
    ],
    "lazy": MaskedSource,
    "list of lazy": lambda values, mask: [MaskedSource(*pair) for pair in zip(values, mask, strict=True)],
    "delayed": DelayedSource,
    "list of delayed": lambda values, mask: [DelayedSource(*pair) for pair in zip(values, mask, strict=True)],
    "sub-class": MaskedUnits,
    "list of sub-class": lambda values, mask: [MaskedUnits(*pair) for pair in zip(values, mask, strict=True)],
    "nullable frame": lambda values, mask: pd.DataFrame(values).convert_dtypes().mask(mask),
    "list of nullable Series": lambda values, mask: [
        pd.Series(one).convert_dtypes().mask(gone) for one, gone in zip(values, mask, strict=True)
    ],
}

if importlib.util.find_spec("polars"):
    import polars as pl

    CONTAINERS["list of polars Series"] = lambda values: [pl.Series(one) for one in values]
    MASKED["list of polars Series"] = lambda values, mask: [
        pl.Series([None if gone else one for one, gone in zip(*pair, strict=True)])
        for pair in zip(values.tolist(), mask, strict=True)
    ]
if importlib.util.find_spec("zarr"):
    import zarr

    CONTAINERS["zarr"] = zarr.array
    CONTAINERS["list of zarr"] = lambda values: list(map(zarr.array, values))


def fill(name, values):
    """Return the values in the container of this name; draw again if its dtype can't hold them."""
    with np.errstate(all="ignore"):
        if name in np.sctypeDict or name[0] == ">":
            assume(values.dtype.kind in "iub" or np.dtype(name).kind == "f" or np.abs(values).max() < 2**62)
            held = values.astype(name)
            assume(np.array_equal(held.astype(values.dtype), values) and np.array_equal(held < 0, values < 0))
        if "gradient" in name:
            assume(np.array_equal(values.astype(np.float64).astype(values.dtype), values))
        if "float16" in name:
            assume(np.isfinite(values.astype(np.float16)).all())
    return CONTAINERS[name](values)


containers = st.sampled_from(list(CONTAINERS))
masked_containers = st.sampled_from(list(MASKED))


@st.composite
def draw_signals(draw, shape=(3, 60)):
    """Draw recordings (n, T) of whole numbers, float64 or int64: small, constant, on a large offset, beyond 2**53."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    amplitude = draw(st.sampled_from([0, 1, 3, 100, 10_000]))
    offset = draw(st.sampled_from([0, 1, -100, 10**5, 2**24, 10**12, 2**53 - 3, 2**60, -(2**62)]))
    values = np.rint(amplitude * rng.normal(size=shape)).astype(np.int64) + offset
    return values.astype(np.float64) if abs(offset) < 2**50 and draw(st.booleans()) else values


@st.composite
def draw_labels(draw, shape=(3, 60), lowest=-1):
    """Draw labels (n, T), int64: runs of -1, 0 and 1."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    runs = rng.integers(lowest, 2, size=(shape[0], shape[1] // 10))
    runs[0, :2] = 0, 1
    return np.repeat(runs, 10, axis=1)


@st.composite
def draw_masks(draw, shape=(3, 60)):
    """Draw masks (n, T) of one stretch of the first recording, or of some samples of all recordings."""
    mask = np.zeros(shape, dtype=bool)
    if draw(st.booleans()):
        start = draw(st.integers(0, shape[1] - 1))
        mask[0, start : start + draw(st.integers(1, 20))] = True
    else:
        rng = np.random.default_rng(draw(st.integers(0, 2**16)))
        mask[:] = rng.random(shape) < 0.2
        mask[:, 0] = False
        mask[:, 30] = True
    return mask
