from . import callbacks as callbacks
from . import datasets as datasets
from . import networks as networks
from . import objectives as objectives
from . import theory as theory
from . import updates as updates
from .gan import GAN as GAN
