"""C sources as the checks in this folder see them: which there are, their code without
comments and literals, their includes, their functions.

It counts on the layout that clang-format gives them (a function's braces stand in column 0)
and is not a C parser.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent

_COMMENT_OR_LITERAL = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.S | re.X
)
_DEFINITION = re.compile(r"^(?!static\b)\w[\w *()]*?\b(\w+)\([^;{}]*\)\n\{", re.M)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def files(*folders):
    """Paths of all C files below the folders, relative to the repository, sorted."""
    found = []
    for folder in folders:
        for path in (ROOT / folder).rglob("*.[ch]"):
            found.append(path.relative_to(ROOT))
    return sorted(found)


def text(path):
    return (ROOT / path).read_text(errors="replace")


def code(path):
    """The text with comments, strings and characters blanked, line by line as it was."""

    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])

    return _COMMENT_OR_LITERAL.sub(blank, text(path))


def line_of(whole, offset):
    return whole.count("\n", 0, offset) + 1


def includes(path):
    """(line, name) of each include; a private header's is its path in the repository."""
    whole = text(path)
    found = []
    for match in _INCLUDE.finditer(whole):
        name = match[2]
        for private in ((ROOT / path).parent / name, ROOT / "src" / name):
            if match[1] == '"' and private.is_file():
                name = str(private.resolve().relative_to(ROOT))
        found.append((line_of(whole, match.start()), name))
    return found


def calls(path, names):
    """(line, name) of each call of one of the names; a name may be a regular expression."""
    whole = code(path)
    pattern = re.compile(rf"(?<![\w.])(?<!->)({'|'.join(names)})\s*\(")
    return [(line_of(whole, m.start()), m[1]) for m in pattern.finditer(whole)]


def definitions(path):
    """Names of the functions that it defines for other files."""
    return _DEFINITION.findall(code(path))


def functions(path):
    """(line, lines) of each function body, braces included."""
    start = None
    for number, line in enumerate(code(path).split("\n"), 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            yield start, number - start + 1
            start = None
