"""The rules by which the tree explains itself, held by reading every Python file.

Rooms are the folders and the files on top. Imports run one way through them, and nobody imports a
command. What a rule finds is named with file and line.
"""

import ast
import collections
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent

# From the bottom up: a room imports what stands below it, and some its neighbours on the floor.
FLOORS = (
    ("common",),
    ("squad", "modeling", "tokenization", "optimization"),
    ("cmrc2018",),
    ("zones", "spans"),
    ("running", "maps", "hub"),
)
# These stand side by side and know nothing of each other.
STRANGERS = FLOORS[1]
# Top files that are no commands: BERT, plain.
BERT = {"modeling", "tokenization", "optimization"}
# They look at everything, commands included, and nobody imports them.
LOOKERS_ON = {"tests", "benchmarks"}

MAX_TOP_FILES = 13
MAX_ROOMS_IN_A_CHAIN = 7
MAX_LINES_OF_A_FUNCTION = 60


def python_files():
    """Every Python file of the project, as paths relative to its root."""
    return sorted(
        path.relative_to(ROOT)
        for path in ROOT.rglob("*.py")
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        and "output" not in path.relative_to(ROOT).parts
    )


def room_of(path):
    """The folder on top that a file is in, or the name of a file on top."""
    return path.parts[0] if len(path.parts) > 1 else path.stem


FILES = python_files()
TREES = {path: ast.parse((ROOT / path).read_bytes(), str(path)) for path in FILES}
ROOMS = {room_of(path) for path in FILES}
COMMANDS = {path.stem for path in FILES if len(path.parts) == 1} - BERT
OF_THE_PROJECT = [path for path in FILES if room_of(path) not in LOOKERS_ON]


def imports(path):
    """What a file imports of the project, wherever in it: pairs of a room and a line."""
    for node in ast.walk(TREES[path]):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "%s:%d: a relative import" % (path, node.lineno)
            names = [node.module]
        for name in names:
            room = name.split(".")[0]
            if room in ROOMS:
                yield room, node.lineno


def edges():
    """Imports between rooms: (from, to) -> the places, as ``file:line``."""
    found = collections.defaultdict(list)
    for path in FILES:
        for room, line in imports(path):
            if room != room_of(path):
                found[room_of(path), room].append("%s:%d" % (path, line))
    return dict(found)


def longest_chain(follows):
    """The longest way through a graph without cycles, as a list.

    Raises:
        ValueError: there is a cycle; its nodes are the arguments.
    """
    longest, on_the_way = {}, []

    def chain(node):
        if node in on_the_way:
            raise ValueError(*on_the_way[on_the_way.index(node) :], node)
        if node not in longest:
            on_the_way.append(node)
            longest[node] = [node] + max(map(chain, follows.get(node, ())), key=len, default=[])
            on_the_way.pop()
        return longest[node]

    return max(map(chain, sorted(follows)), key=len)


def refuse(found):
    """Fails if anything was found, with one line for each place."""
    if found:
        pytest.fail("\n" + "\n".join(sorted(found)), pytrace=False)


def test_the_top_is_small():
    top = [str(path) for path in FILES if len(path.parts) == 1]
    assert len(top) <= MAX_TOP_FILES, top


def test_nobody_imports_a_command():
    found = [
        "%s: imports the command %s.py" % (place, imported)
        for (importer, imported), places in edges().items()
        for place in places
        if imported in COMMANDS and importer not in LOOKERS_ON
    ]
    refuse(found)


def test_a_command_is_a_parser_and_a_main():
    found = [
        "%s.py: has no main(argv=None)" % command
        for command in COMMANDS
        if not any(
            isinstance(node, ast.FunctionDef)
            and node.name == "main"
            and [argument.arg for argument in node.args.args] == ["argv"]
            for node in TREES[pathlib.Path(command + ".py")].body
        )
    ]
    refuse(found)


def test_imports_run_one_way():
    floor_of = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
    top = len(FLOORS)
    found = []
    for (importer, imported), places in edges().items():
        above, below = floor_of.get(importer, top), floor_of.get(imported, top)
        allowed = above > below
        if above == below < top:
            allowed = importer not in STRANGERS
        if importer in LOOKERS_ON:
            allowed = True
        if not allowed:
            found += ["%s: %s imports %s" % (place, importer, imported) for place in places]
    refuse(found)


def test_rooms_import_in_no_circle_and_in_short_chains():
    follows = collections.defaultdict(set)
    between = {pair: places for pair, places in edges().items() if pair[0] not in LOOKERS_ON}
    for importer, imported in between:
        follows[importer].add(imported)

    try:
        rooms = longest_chain(follows)
    except ValueError as circle:
        rooms = circle.args
    if rooms[0] == rooms[-1] or len(rooms) > MAX_ROOMS_IN_A_CHAIN:
        pairs = zip(rooms, rooms[1:])
        refuse(["%s: %s -> %s" % (between[pair][0], *pair) for pair in pairs])


def test_the_rooms_are_all_known():
    known = {room for floor in FLOORS for room in floor} | COMMANDS | LOOKERS_ON
    unknown = ROOMS - known - {"demo", "scripts", "docs"}
    assert not unknown, "say in FLOORS where %s stands" % ", ".join(sorted(unknown))


def test_functions_are_short():
    found = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = last_line(node) - node.lineno + 1
                if lines > MAX_LINES_OF_A_FUNCTION:
                    found.append("%s:%d: %s has %d lines" % (path, node.lineno, node.name, lines))
    refuse(found)


def last_line(node):
    """The last line of a node; Python 3.7's trees say only where each part begins."""
    begins = max(getattr(inside, "lineno", 0) for inside in ast.walk(node))
    return getattr(node, "end_lineno", begins)


def test_flags_are_read_in_run_squad_alone():
    found = []
    for path in FILES:
        for node in ast.walk(TREES[path]):
            is_flags = isinstance(node, ast.Name) and node.id == "FLAGS"
            is_flags |= isinstance(node, ast.Attribute) and node.attr == "FLAGS"
            if is_flags and str(path) != "run_squad.py":
                found.append("%s:%d: FLAGS" % (path, node.lineno))
    refuse(found)


def test_tensorflow_is_one_for_all_runtimes():
    found = []
    for path in FILES:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.Attribute) and node.attr == "contrib":
                found.append("%s:%d: tf.contrib" % (path, node.lineno))
            if isinstance(node, ast.Import):
                found += [
                    "%s:%d: import tensorflow.compat.v1 as tf" % (path, node.lineno)
                    for alias in node.names
                    if alias.name == "tensorflow" and room_of(path) not in LOOKERS_ON
                ]
    refuse(found)


def test_what_is_public_has_a_docstring():
    found = []
    for path in OF_THE_PROJECT:
        if not ast.get_docstring(TREES[path]):
            found.append("%s:1: the module" % path)
        found += [
            "%s:%d: %s" % (path, node.lineno, node.name)
            for node in public_definitions(TREES[path])
            if not ast.get_docstring(node)
        ]
    refuse(found)


# Methods whose meaning is that of the class they override.
OVERRIDING = {"begin", "before_run", "after_run", "after_create_session", "end", "error"}


def public_definitions(tree):
    """Classes and functions without an underscore, and the methods of such classes."""

    def public(nodes, kinds):
        return [node for node in nodes if isinstance(node, kinds) and node.name[0] != "_"]

    for node in public(tree.body, (ast.ClassDef, ast.FunctionDef)):
        yield node
        if isinstance(node, ast.ClassDef):
            methods = public(node.body, ast.FunctionDef)
            yield from (method for method in methods if method.name not in OVERRIDING)
