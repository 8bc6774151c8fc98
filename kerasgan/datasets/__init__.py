"""Every loader gives the same thing: batched images in [-1, 1], and what is known of them."""

from .load import DatasetInfo as DatasetInfo
from .load import has_test_split as has_test_split
from .load import load as load
from .load import load_arrays as load_arrays
from .pipeline import repeated as repeated
from .points import BELL_MEAN as BELL_MEAN
from .points import BELL_SIGMA as BELL_SIGMA
from .points import GRID_SIGMA as GRID_SIGMA
from .points import RING_SIGMA as RING_SIGMA
from .points import grid_centres as grid_centres
from .points import ring_centres as ring_centres
