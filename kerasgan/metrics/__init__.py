"""What samples are worth: pure functions of (real, generated) features; nothing here trains."""

from .modes import ModeCoverage as ModeCoverage
from .modes import mode_coverage as mode_coverage
