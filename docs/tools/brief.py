"""A cell of the pages that train a network for the default number of steps: it trains briefly instead."""

from sslts.segmenters import NetworkSegmenter

_fit = NetworkSegmenter.fit


def _fit_briefly(self, *args, **options):
    """Train for 10 steps, unless the page says for how long; see the note that `notebooks.read_page` adds."""
    steps, self.max_steps = self.max_steps, 10 if self.max_steps == 1200 else self.max_steps
    try:
        return _fit(self, *args, **options)
    finally:
        self.max_steps = steps


NetworkSegmenter.fit = _fit_briefly
