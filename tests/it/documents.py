"""The commands that the documents show, as a reader would type them."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "docs/install.md", "docs/aws.md", "docs/operations.md",
             "docs/kustomize.md")  # fmt: skip
# What a command begins with; all else in a block is what something prints, or a part of a file.
PROGRAMS = ("alias", "aws", "cat", "curl", "docker", "eval", "export", "hack/", "helm", "kill",
            "kubectl", "kustomize", "openssl", "pullthrough", "python3", "rm", "skopeo", "unset")  # fmt: skip

# Not a line of output that begins with our name.
BEGINS = re.compile(r"(?:hack/|(?:{})(?: (?! )|$))(?![a-z]+: )".format(
    "|".join(each for each in PROGRAMS if each != "hack/")))  # fmt: skip


def section(document, heading):
    text = (ROOT / document).read_text()
    return re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.M | re.S)[1]


# Why an image stays.
REASONS = set(re.findall(r"^\| `([a-z-]+)` \| ", section("README.md", "What is left alone"), re.M))


def commands_in(text):
    """Each as one text, with the lines that it goes on with. Blocks are indented by four at least;
    a `$` in front says that output follows."""
    lines = [line for line in text.splitlines() if line.startswith("    ")]
    found = []
    while lines:
        line = lines.pop(0)
        indent = len(line) - len(line.lstrip())
        command = line.strip().removeprefix("$ ")
        if not BEGINS.match(command):
            continue
        while command.endswith(("\\", "|")) or command.count("'") % 2:
            command += "\n" + lines.pop(0)[indent:]
        if "<<END" in command:
            while not command.endswith("\nEND"):
                command += "\n" + lines.pop(0)[indent:]
        found.append(command)
    return found


def commands(document):
    return commands_in((ROOT / document).read_text())


def plain(command):
    """On one line, without a remark at its end."""
    return re.sub(r"\s+#.*$", "", re.sub(r"\s*\\?\n\s*", " ", command))
