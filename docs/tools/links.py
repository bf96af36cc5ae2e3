"""A Sphinx extension that links public names in code type, such as `mean_iou`, to their reference pages."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from reference import collect_names, list_modules


class LinkNames(SphinxTransform):
    """Turn each literal that is a public name or a module, also with ``()`` behind it, into a link."""

    default_priority = 400  # before references are resolved

    def apply(self, **kwargs: Any) -> None:  # noqa: ARG002
        """Link the literals of a page."""
        for literal in list(self.document.findall(nodes.literal)):
            text = literal.astext().removesuffix("()")
            path, kind = _TARGETS.get(text, (None, None))
            if path is None or _is_linked(literal):
                continue
            reference = addnodes.pending_xref(
                "", refdomain="py", reftype=kind, reftarget=path, refexplicit=True, refwarn=True
            )
            literal.replace_self(reference)
            reference += literal


def _is_linked(node: nodes.Element) -> bool:
    """Return whether a node is part of a link or a heading."""
    while node.parent is not None:
        node = node.parent
        if isinstance(node, (nodes.reference, addnodes.pending_xref, nodes.title, addnodes.desc_signature)):
            return True
    return False


def _find_targets() -> dict[str, tuple[str, str]]:
    targets = {path: (path, "mod") for path in list_modules()}
    for name in collect_names():
        targets[name.path] = (name.path, "obj")
        targets.setdefault(name.name, (name.path, "obj"))
    return targets


_TARGETS = _find_targets()


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
