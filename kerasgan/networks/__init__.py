"""Pairs of a generator and a discriminator, as plain Keras models. Any other pair of Keras models works as well."""

from .dcgan import dcgan as dcgan
from .mlp import mlp as mlp
from .resnet import resnet as resnet
from .resnext import resnext as resnext
