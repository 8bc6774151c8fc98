"""Data sets: every source gives batches of images in [-1, 1], and facts of the data."""

from .batches import Batches as Batches
from .info import DatasetInfo as DatasetInfo
from .load import absolute_source as absolute_source
from .load import facts_of_set as facts_of_set
from .load import has_test_split as has_test_split
from .load import load as load
from .load import load_arrays as load_arrays
from .pairs import load_pair_arrays as load_pair_arrays
from .pairs import load_pairs as load_pairs
from .photos import num_photos as num_photos
from .scale import ValueScale as ValueScale
from .signals import load_signals as load_signals
from .sounds import load_sounds as load_sounds
from .toy import BELL_MEAN as BELL_MEAN
from .toy import BELL_SIGMA as BELL_SIGMA
from .toy import GRID_SIGMA as GRID_SIGMA
from .toy import RING_SIGMA as RING_SIGMA
from .toy import grid_centers as grid_centers
from .toy import ring_centers as ring_centers
from .unpaired import load_unpaired as load_unpaired
from .volumes import array_of_file as array_of_file
from .volumes import load_volumes as load_volumes
