"""The checks of hack/ find what they are for, and pass what is fine."""

import shutil
import subprocess

import pytest

from conftest import ROOT

FINE = """
#include "pullthrough/core/base/error.h"

#include <string.h>

/* strcpy(a, b) and getenv("HOME") in a comment are no calls */
static const char text[] = "sprintf(buffer)";

int fine(struct x *x)
{
    x->time(1);
    x->read(2);
    return (int)strlen(text);
}
"""


@pytest.fixture
def tree(tmp_path):
    """A tree of one file's worth, with the checks in it: write(path, text), then check(name)."""

    class Tree:
        def write(self, path, text):
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

        def check(self, name):
            done = subprocess.run(
                [tmp_path / "hack" / name], capture_output=True, text=True, timeout=60
            )
            assert done.stderr == ""
            assert done.returncode == (1 if done.stdout else 0)
            return done.stdout.splitlines()

    shutil.copytree(ROOT / "hack", tmp_path / "hack")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    made = Tree()
    made.write("src/core/fine.c", FINE)
    return made


@pytest.mark.parametrize("name", ["check-layers", "check-banned", "check-sizes"])
def test_what_is_fine_passes(tree, name):
    assert tree.check(name) == []


@pytest.mark.parametrize(
    "path, line, why",
    [
        ("src/core/a.c", '#include "pullthrough/edge/sys/log.h"', "core includes edge"),
        ("src/core/a.c", '#include "app/serve/webhook.h"', "core includes app"),
        ("include/pullthrough/core/a.h", '#include "pullthrough/edge/sys/log.h"', "core includes edge"),
        ("src/edge/a.c", '#  include "pullthrough/app/serve/webhook.h"', "edge includes app"),
        ("src/core/a.c", '#include "../edge/own.h"', "core includes edge"),
        ("src/core/a.c", "#include <unistd.h>", "not one of the headers"),
        ("src/core/a.c", '#include "absent.h"', "not one of the headers"),
        ("src/core/a.c", "#include <openssl/ssl.h>", "belongs in src/edge/"),
        ("src/edge/sys/log.c", "#include <curl/curl.h>", "belongs in src/edge/http_client"),
        ("include/pullthrough/edge/http/tls.h", "#include <openssl/ssl.h>", "belongs in"),
        ("src/app/a.c", "#include <h2o.h>", "belongs in src/edge/http_"),
        ("src/edge/http/http_client.c", "#include <h2o.h>", "belongs in src/edge/http_"),
        ("src/core/a.c", '#include "edge/own.h"', "core includes edge"),
        ("src/edge/http/tls.c", '#include "http_loop.h"', "belongs in src/edge/http_"),
        ("src/edge/http/tls.c", '#include "edge/http/http_loop.h"', "belongs in src/edge/http_"),
        ("src/core/a.c", "int x = time (NULL);", "time(): core is pure"),
        ("src/core/a.c", 'int x = getenv("A") ? 1 : 0;', "getenv(): core is pure"),
        ("src/core/a.c", "int x = pthread_create(0, 0, 0, 0);", "core is pure"),
        ("src/core/a.c", "int x = socket(1, 2, 3), y = 2;", "socket(): core is pure"),
        ("src/core/a.c", "int x = json_load_file(a, b, c);", "core is pure"),
    ],
)
def test_a_breach_of_the_border_is_found(tree, path, line, why):
    tree.write("src/edge/own.h", "")
    tree.write("src/edge/http/http_loop.h", "")
    tree.write(path, f"\n{line}\n")
    (found,) = tree.check("check-layers")
    assert found.startswith(f"{path}:2: ") and why in found


def test_what_a_room_may_include_passes(tree):
    tree.write("src/edge/http/http_loop.h", "#include <h2o.h>\n")
    tree.write("src/edge/http/http_port.c", '#include "http_loop.h"\n')
    tree.write("src/edge/http/http_server.c", '#include <h2o.h>\n#include "pullthrough/core/base/slice.h"\n')
    tree.write("src/edge/http/tls.c", "#include <openssl/ssl.h>\n")
    tree.write("src/app/serve/webhook.c", '#include "pullthrough/edge/sys/log.h"\n#include <time.h>\n')
    tree.write("src/core/a.c", '#include "own.h"\n#include <openssl/hmac.h>\n#include <yyjson.h>\n')
    tree.write("src/core/own.h", "#include <stddef.h>\n")
    assert tree.check("check-layers") == []


def test_a_banned_function_is_found(tree):
    tree.write("tests/unit/a.c", "void f(void)\n{\n    strcpy(a, b);\n    snprintf(a, 1, b);\n}\n")
    assert tree.check("check-banned") == ["tests/unit/a.c:3: strcpy() is banned"]


def test_one_file_reads_numbers(tree):
    tree.write("src/core/number.c", "int a = strtol(b, c, 10);\nint d = strtoull(b, c, 10);\n")
    assert tree.check("check-banned") == []
    tree.write("src/edge/a.c", "int a = strtoul(b, c, 10);\n")
    found = tree.check("check-banned")
    assert [line.split(": ")[0] for line in found] == [
        "src/core/number.c:1",
        "src/core/number.c:2",
        "src/edge/a.c:1",
    ]


@pytest.mark.parametrize("words", ["TO" "DO: later", "a st" "ub", "not impl" "emented", "FIX" "ME"])
def test_unfinished_work_is_found(tree, words):
    tree.write("docs/a.md", f"one\n{words}\n")
    (found,) = tree.check("check-banned")
    assert found.startswith("docs/a.md:2: ")


def test_a_function_over_the_ceiling_is_found(tree):
    for lines, want in ((80, []), (81, ["src/app/a.c:2: a function of 81 lines, ceiling 80"])):
        tree.write("src/app/a.c", "int f(void)\n{\n" + "    g();\n" * (lines - 2) + "}\n")
        assert tree.check("check-sizes") == want


def test_a_file_over_the_ceiling_is_found(tree):
    tree.write("src/app/a.c", "\n" * 501)
    tree.write("tests/unit/a.c", "\n" * 501)  # a table may be long
    assert tree.check("check-sizes") == ["src/app/a.c: 501 lines, ceiling 500"]
