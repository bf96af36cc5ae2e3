"""Executors that finish batches: this process, processes of this machine, or any executor of the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from queue import SimpleQueue

from sslts.prediction._batches import Batch, Work, finish_batch
from sslts.prediction._parts import Outcome

_RESTARTS = 3  # of own processes, one of which was killed
_KEPT = "Finished parts are kept; call segment_files again with the same arguments to do the rest."


def run_here(work: Work, batches: Iterable[Batch]) -> Iterator[Outcome]:
    """Yield the outcome of each batch, finished in this process."""
    try:
        for batch in batches:
            yield finish_batch(work, batch)
    except (OSError, MemoryError) as error:
        error.add_note(_KEPT)
        raise


def run_in_processes(work: Work, list_batches: Callable[[], Iterable[Batch]], n: int) -> Iterator[Outcome]:
    """Yield the outcome of each batch, finished in processes; processes that were killed are replaced some times."""
    from joblib.externals.loky import ProcessPoolExecutor

    done: set[int] = set()
    for left in reversed(range(_RESTARTS + 1)):
        pool = ProcessPoolExecutor(n, env=dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
        try:
            missing = (batch for batch in list_batches() if batch.number not in done)
            for outcome in run_on(pool, work, missing, 4 * n):
                done.add(outcome.number)
                yield outcome
            return
        except BrokenExecutor:
            if not left:
                raise
        finally:
            pool.shutdown(kill_workers=True)


def run_on(executor: Executor, work: Work, batches: Iterable[Batch], pending: int) -> Iterator[Outcome]:
    """Yield the outcomes of batches as an executor finishes them, at most ``pending`` batches at a time.

    A batch that fails by itself, for example because it killed its workers, does not stop the others; the errors are
    raised at the end. Errors that all batches would have (a full disk, a missing library, an executor that is gone) are
    raised at once.
    """
    finished: SimpleQueue[Future[Outcome]] = SimpleQueue()
    waiting: dict[Future[Outcome], int] = {}
    failed: dict[int, BaseException] = {}
    source = iter(batches)
    try:
        while True:
            while len(waiting) < pending and (batch := next(source, None)) is not None:
                future = executor.submit(finish_batch, work, batch)
                waiting[future] = batch.number
                future.add_done_callback(finished.put)
            if not waiting:
                break
            future = finished.get()
            number = waiting.pop(future)
            error = _get_error(future)
            if error is None:
                yield future.result()
            elif isinstance(error, (OSError, ImportError, ValueError, BrokenExecutor)):
                error.add_note(_KEPT)
                raise error
            else:
                failed[number] = error
    finally:
        for future in list(waiting):
            future.cancel()
    if failed:
        number, error = next(iter(failed.items()))
        raise RuntimeError(
            f"{len(failed)} parts were not finished. Part {number}: {type(error).__name__}: {error}. {_KEPT}"
        ) from error


def _get_error(future: Future[Outcome]) -> BaseException | None:
    """Return the error of a finished future; a cancelled one belongs to an executor that is gone."""
    if future.cancelled():
        return BrokenExecutor("the executor cancelled a batch; its scheduler or its workers are gone.")
    return future.exception()
