"""A cell of the pages that train a network for the default number of steps: it trains briefly instead."""

import warnings

from sslts.networks import UNet
from sslts.segmenters import NetworkSegmenter

_fit = NetworkSegmenter.fit
_MESSAGES = "no segment is matched|fewer than half of the true segments"
warnings.filterwarnings("ignore", message=f".*({_MESSAGES})")  # such a fit is poor, as the page says


def _fit_briefly(self, *args, **options):
    """Train for 10 small steps where the page asks for hundreds; see the note that `notebooks.read_page` adds."""
    asked = {name: getattr(self, name) for name in ("max_steps", "batch_size", "network")}
    if self.max_steps >= 400:
        self.max_steps, self.batch_size = 10, 4
        self.network = self.network.replace(width=8) if isinstance(self.network, UNet) else self.network
    try:
        return _fit(self, *args, **options)
    finally:
        vars(self).update(asked)


NetworkSegmenter.fit = _fit_briefly
