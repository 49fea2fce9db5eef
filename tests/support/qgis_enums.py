"""Run by the Python of QGIS: finds enum members in Python files that are not named with their enum type, as Qt 6 needs.

    python3 qgis_enums.py FILE...

writes a JSON list of "FILE:LINE: problem". An attribute of a name that is imported from QGIS, or assigned from such an
attribute, is evaluated; one of any other name is a problem if it is called as an enum member of QGIS or Qt.
"""

import ast
import enum
import importlib
import json
import sys
from pathlib import Path

MODULES = ("core", "gui", "PyQt.QtCore", "PyQt.QtGui", "PyQt.QtWidgets")


def is_member(value):
    """Whether a value is a member of an enum, of Python or of sip before version 6."""
    return isinstance(value, enum.Enum) or type(type(value)).__name__ == "enumtype"


def unscoped_names():
    """Names of enum members that classes of QGIS and Qt have as attributes."""
    found = set()
    for name in MODULES:
        for class_ in vars(importlib.import_module(f"qgis.{name}")).values():
            if isinstance(class_, type) and not issubclass(class_, enum.Enum):
                found |= {key for key, value in vars(class_).items() if is_member(value)}
    return found


def imported(tree):
    """What the imported names are: an object of QGIS, or None for one of another module."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found = None
                if not node.level and node.module.split(".")[0] == "qgis":
                    try:
                        found = importlib.import_module(f"{node.module}.{alias.name}")
                    except ImportError:
                        found = getattr(importlib.import_module(node.module), alias.name)
                names[alias.asname or alias.name] = found
        elif isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = None
    return names


class Finder(ast.NodeVisitor):
    """Follows the attributes of a file."""

    def __init__(self, path, tree, unscoped):
        self.path, self.unscoped, self.problems = path, unscoped, []
        self.names = imported(tree)
        self.visit(tree)

    def report(self, node, text):
        self.problems.append(f"{self.path}:{node.lineno}: {ast.unparse(node)} {text}")

    def visit_FunctionDef(self, node):
        before = dict(self.names)
        self.generic_visit(node)
        self.names = before

    def visit_Assign(self, node):
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Name):
                known, value = self.resolve(node.value)
                if known and value is not None:
                    self.names[target.id] = value
                else:
                    self.names.pop(target.id, None)

    def visit_Attribute(self, node):
        self.generic_visit(node)
        known, owner = self.resolve(node.value)
        if known and owner is None:
            return
        if not known:
            if node.attr in self.unscoped and node.attr[0].isupper():
                self.report(node, "looks like an enum member without its type")
            return
        if not hasattr(owner, node.attr):
            self.report(node, "is not in this QGIS")
        elif is_member(getattr(owner, node.attr)) and owner is not type(getattr(owner, node.attr)):
            self.report(node, "is an enum member without its type")

    def resolve(self, node):
        """Whether a name or attribute is known, and its object; None for what is not of QGIS."""
        if isinstance(node, ast.Name):
            return node.id in self.names, self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            known, owner = self.resolve(node.value)
            if known and owner is not None:
                return hasattr(owner, node.attr), getattr(owner, node.attr, None)
            return known, None
        return False, None


def main():
    unscoped = unscoped_names()
    problems = []
    for name in sys.argv[1:]:
        tree = ast.parse(Path(name).read_text(encoding="utf-8"))
        problems += Finder(Path(name).name, tree, unscoped).problems
    sys.stdout.write(json.dumps(problems))


if __name__ == "__main__":
    main()
