"""Files of signals and of annotations.

`read_recordings` reads files of signals, `list_recordings` lists them. `read_annotations` reads labels for them,
`read_segments` the same as a table with scores and times of work. `write_annotations` writes labels or predictions for
an annotation tool.

Each format has a file of its own. Formats beyond CSV and NumPy need a library, which an extra installs: ``edf``,
``excel``, ``hdf5``, ``parquet``, ``praat``, ``sound``, ``wfdb``, ``zarr``, or all of them by ``formats``.
"""

from sslts.io.annotations import read_annotations, read_segments
from sslts.io.recordings import list_recordings, read_recordings
from sslts.io.writing import write_annotations

__all__ = ["list_recordings", "read_annotations", "read_recordings", "read_segments", "write_annotations"]
