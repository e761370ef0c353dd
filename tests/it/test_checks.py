"""The checks of hack/ find what they are for, and pass what is fine."""

import shutil
import subprocess

import pytest

from conftest import ROOT

FINE = """/* What it models. */
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

TABLE = """
| room | what it holds | includes |
|---|---|---|
| `core/base` | what everything stands on | |
| `core/json` | JSON | base |
| `core/aws` | messages | base json |
| `edge/sys` | the system | core/base |
| `edge/http` | HTTP | core/base sys |
| `app/serve` | the service | core/base edge/sys edge/http |
| `app/cli` | commands | serve |
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
    made.write("src/core/base/fine.c", FINE)
    made.write("docs/architecture.md", TABLE)
    return made


@pytest.mark.parametrize("name", ["check-layers", "check-banned", "check-sizes"])
def test_what_is_fine_passes(tree, name):
    assert tree.check(name) == []


@pytest.mark.parametrize(
    "path, line, why",
    [
        ("src/core/aws/a.c", '#include "pullthrough/edge/sys/log.h"', "core/aws includes edge/sys: no such arrow"),
        ("src/core/aws/a.c", '#include "app/serve/own.h"', "core/aws includes app/serve: no such arrow"),
        ("src/core/base/a.c", '#include "pullthrough/core/aws/keys.h"', "core/base includes core/aws: no such"),
        ("src/core/json/a.c", '#include "pullthrough/core/aws/keys.h"', "core/json includes core/aws: no such"),
        ("src/edge/sys/a.c", '#  include "pullthrough/app/serve/webhook.h"', "edge/sys includes app/serve: no"),
        ("src/core/aws/a.c", '#include "../../edge/sys/own.h"', "core/aws includes edge/sys: no such arrow"),
        ("src/core/aws/a.c", "#include <unistd.h>", "not one of the headers"),
        ("src/core/aws/a.c", '#include "absent.h"', "not one of the headers"),
        ("src/core/aws/a.c", "#include <openssl/ssl.h>", "belongs in src/edge/http/"),
        ("src/edge/sys/log.c", "#include <curl/curl.h>", "belongs in src/edge/http/http_client"),
        ("src/edge/http/tls.h", "#include <h2o.h>", "belongs in"),
        ("src/app/serve/a.c", "#include <h2o.h>", "belongs in src/edge/http/http_"),
        ("src/edge/http/http_client.c", "#include <h2o.h>", "belongs in src/edge/http/http_"),
        ("src/core/aws/a.c", '#include "edge/sys/own.h"', "core/aws includes edge/sys: no such arrow"),
        ("src/edge/http/tls.c", '#include "http_loop.h"', "belongs in src/edge/http/http_"),
        ("src/edge/http/tls.c", '#include "edge/http/http_loop.h"', "belongs in src/edge/http/http_"),
        ("src/core/aws/a.c", "int x = time (NULL);", "time(): core is pure"),
        ("src/core/aws/a.c", 'int x = getenv("A") ? 1 : 0;', "getenv(): core is pure"),
        ("src/core/aws/a.c", "int x = pthread_create(0, 0, 0, 0);", "core is pure"),
        ("src/core/aws/a.c", "int x = socket(1, 2, 3), y = 2;", "socket(): core is pure"),
        ("src/core/aws/a.c", "int x = json_load_file(a, b, c);", "core is pure"),
    ],
)
def test_a_breach_of_the_border_is_found(tree, path, line, why):
    tree.write("src/edge/sys/own.h", "")
    tree.write("src/app/serve/own.h", "")
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
    tree.write("src/core/base/a.c", '#include "own.h"\n#include <openssl/hmac.h>\n#include <yyjson.h>\n')
    tree.write("src/core/base/own.h", "#include <stddef.h>\n")
    assert tree.check("check-layers") == []


def test_every_source_is_in_a_room_of_the_table(tree):
    tree.write("src/main.c", '#include "pullthrough/app/cli/commands.h"\n')
    tree.write("src/core/flat.c", "")
    tree.write("src/core/attic/a.c", "")
    assert tree.check("check-layers") == [
        "src/core/attic/a.c: in no room of docs/architecture.md",
        "src/core/flat.c: in no room of docs/architecture.md",
    ]


@pytest.mark.parametrize(
    "row, why",
    [
        ("| `core/late` | ties a knot | base later |", "core/late includes core/later, which is not above it"),
        ("| `core/late` | reaches up | edge/sys |", "core/late includes edge/sys, upwards"),
        ("| `edge/late` | reaches up | app/serve |", "edge/late includes app/serve, upwards"),
    ],
)
def test_the_table_itself_has_an_order(tree, row, why):
    tree.write("docs/architecture.md", TABLE + row + "\n")
    assert tree.check("check-layers") == [f"docs/architecture.md: {why}"]


def test_a_header_that_only_its_room_needs_stands_beside_its_source(tree):
    tree.write("include/pullthrough/core/base/own.h", "")
    tree.write("include/pullthrough/core/base/shared.h", '#include "pullthrough/core/base/through.h"\n')
    tree.write("include/pullthrough/core/base/through.h", "")
    tree.write("src/core/base/a.c", '#include "pullthrough/core/base/own.h"\n')
    tree.write("src/core/json/a.c", '#include "pullthrough/core/base/shared.h"\n')
    assert tree.check("check-layers") == [
        "include/pullthrough/core/base/own.h: only its own room includes it, so it stands beside its source"
    ]


def test_calls_between_the_files_of_a_room_go_one_way(tree):
    tree.write("src/core/base/top.c", "int top(void)\n{\n    return mid(low(0));\n}\n")
    tree.write("src/core/base/mid.c", "struct it *mid(int a,\n        int b)\n{\n    return low(1);\n}\n")
    tree.write("src/core/base/low.c", "int low(int a)\n{\n    return it->top(a); /* top() */\n}\n")
    tree.write("src/core/json/low.c", "static int top(void)\n{\n    return low(0);\n}\n")
    assert tree.check("check-layers") == []
    tree.write("src/core/base/low.c", "int low(int a)\n{\n    return a ? mid(0, 1) : 0;\n}\n")
    assert tree.check("check-layers") == [
        "src/core/base/low.c:3: mid(): mid.c calls back",
        "src/core/base/mid.c:4: low(): low.c calls back",
    ]
    tree.write("src/core/base/low.c", "int low(int a)\n{\n    return top();\n}\n")
    assert tree.check("check-layers") == [
        "src/core/base/low.c:3: top(): top.c calls back",
        "src/core/base/mid.c:4: low(): low.c calls back",
        "src/core/base/top.c:3: mid(): mid.c calls back",
        "src/core/base/top.c:3: low(): low.c calls back",
    ]


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


def test_words_that_we_put_otherwise_are_found(tree):
    tree.write("src/app/a.c", """/* Which is no joke. */
int a = LOG_NUMBER("durationUs", 1), b = LOG_TEXT("uid", c), d = fail("there is no rule");
int e = LOG_BOOL(
    "dry_run", true), f = LOG_SLICE("Name", g);
int h = fail("%s is no account", i);
""")
    assert tree.check("check-banned") == [
        'src/app/a.c:3: field "dry_run": not camelCase',
        'src/app/a.c:4: field "Name": not camelCase',
        'src/app/a.c:5: "is no": say "is not a"',
    ]


def test_a_function_over_the_ceiling_is_found(tree):
    for lines, want in ((80, []), (81, ["src/app/a.c:2: a function of 81 lines, ceiling 80"])):
        body = "    g();\n" * (lines - 2)
        tree.write("src/app/a.c", "/* F. */ int f(void)\n{\n" + body + "}\n")
        assert tree.check("check-sizes") == want


def test_a_file_that_does_not_say_what_it_models_is_found(tree):
    tree.write("src/app/a.c", "/* What it models. */\n#include \"b.h\"\n")
    tree.write("src/app/b.h", "#ifndef B\n/* Too late. */\n")
    tree.write("tests/unit/a.c", "int f(void);\n")  # its name says it
    assert tree.check("check-sizes") == ["src/app/b.h:1: opens without what it models"]


def test_a_file_over_the_ceiling_is_found(tree):
    tree.write("src/app/a.c", "/* A. */" + "\n" * 501)
    tree.write("tests/unit/a.c", "\n" * 501)  # a table may be long
    assert tree.check("check-sizes") == ["src/app/a.c: 501 lines, ceiling 500"]
