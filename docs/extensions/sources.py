"""How the API reference reads the sources: an extension of griffe, which mkdocstrings uses.

Classes decorated with `frozen_config` are shown with their fields as arguments, as dataclasses are. A section "Example"
with an interactive session is shown as code, and the titles that Google's style does not know are set in bold.
"""

import re

import griffe


class Sources(griffe.Extension):
    def on_object(self, *, obj, **kwargs):
        if obj.docstring is not None:
            text = re.sub(r"^Example:$(?=\n    )", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = re.sub(r"^(Example|Reference):", r"**\1:**", text, flags=re.MULTILINE)

    def on_class(self, *, cls, **kwargs):
        if any(str(decorator.value).endswith("frozen_config") for decorator in cls.decorators):
            own = [member for member in cls.members.values() if member.is_attribute and "property" not in member.labels]
            cls.set_member("__init__", _init(cls, [member for member in own if member.annotation is not None]))


def _init(cls, fields):
    kind = griffe.ParameterKind.positional_or_keyword
    parameters = [griffe.Parameter("self", kind=kind)]
    parameters += [griffe.Parameter(f.name, annotation=f.annotation, kind=kind, default=f.value) for f in fields]
    return griffe.Function("__init__", parent=cls, parameters=griffe.Parameters(*parameters), returns="None")
