from .checkpoint import Checkpoint as Checkpoint
from .equilibrium import Equilibrium as Equilibrium
from .evaluate import Evaluate as Evaluate
from .guard import Guard as Guard
from .image_grid import ImageGrid as ImageGrid
from .latent_walk import LatentWalk as LatentWalk
from .writer import TensorBoard as TensorBoard
