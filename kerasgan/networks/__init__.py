"""Networks as plain Keras models: pairs of a generator and a discriminator, and single ones from image to image.

Any other Keras models work as well.
"""

from .dcgan import dcgan as dcgan
from .mlp import mlp as mlp
from .patchgan import patchgan as patchgan
from .pix2pix import pix2pix as pix2pix
from .resnet import resnet as resnet
from .resnext import resnext as resnext
from .translator import translator as translator
from .unet import unet as unet
