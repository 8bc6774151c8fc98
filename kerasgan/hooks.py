"""What is to happen once another package has been imported, without importing it now."""

import importlib.util
import sys


def after_import(name, action):
    """Calls `action()` right after the top-level module `name` is imported, or now where it has been already."""
    if name in sys.modules:
        action()
    else:
        sys.meta_path.insert(0, _Finder(name, action))


class _Finder:
    """Stands before Python's own finders until the one module is imported, and leaves the finding to them.

    Others may look for the module without importing it, as TensorFlow does for Keras.
    """

    def __init__(self, name, action):
        self.name, self.action, self._asks = name, action, False

    def find_spec(self, name, path=None, target=None):
        if name != self.name or self._asks:
            return None
        self._asks = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._asks = False
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_act(module):
                execute(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                    self.action()

            spec.loader.exec_module = execute_and_act
        return spec
