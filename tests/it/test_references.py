"""`pullthrough rewrite REF…`: references and their rewriting, by file and by chance.

Every valid domain of reference.tsv is made an alias of an upstream, so that the rewritten text
shows how the reference was taken apart. NUL can't be an argument; test_review sends it.
"""

import json

import pytest
import yaml

import answers
import cases
import generate
import oracle

AT_ONCE = 500  # references a process
REFERENCES = [case for case in cases.references() if b"\0" not in case.text]

UPSTREAMS = ("docker.io", "ghcr.io", "quay.io", "registry.k8s.io")


def explain(program, config, texts):
    """One entry for each reference, in order."""
    entries = []
    for start in range(0, len(texts), AT_ONCE):
        some = texts[start : start + AT_ONCE]
        options = ("--config", config, "--explain", "-o", "json", "--")
        done = answers.run(program, "rewrite", *options, *some)
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        found = document["images"]
        assert len(found) == len(some)
        assert document["rewritten"] == sum(e["outcome"] == "rewritten" for e in found)
        entries += found
    return entries


def compare(program, config, texts):
    """Outcome and text of each, against the oracle; what was rewritten goes in again."""
    rules = oracle.Rules.from_yaml(config.read_text("utf-8"))
    rewritten = []
    for text, entry in zip(texts, explain(program, config, texts), strict=True):
        want = oracle.judge(rules, text)
        found = entry.get("rewritten", "").encode() or None
        assert (entry["outcome"], found) == (want.outcome, want.text), text
        if found:
            rewritten.append(found)
    for text, entry in zip(rewritten, explain(program, config, rewritten), strict=True):
        assert entry["outcome"] in ("already-ecr", "excluded") and "rewritten" not in entry, text
    return len(rewritten)


def _may_be_alias(domain):
    """The configuration is stricter than the grammar, which takes "Docker" and port 99999999."""
    host, _, port = domain.rpartition(":") if domain[-1:].isdigit() else (domain, "", "")
    named = "." in domain or ":" in domain or domain == "localhost"
    return named and len(host or domain) <= 253 and (not port.isdigit() or int(port) <= 65535)


@pytest.fixture(scope="module", name="open_config")
def _open_config(tmp_path_factory):
    """Nearly every domain of the file is an alias of one of the upstreams."""
    aliases = {name: [] for name in UPSTREAMS}
    defaults = oracle.Rules.from_yaml('registry: {host: "cache.example.com"}')
    for domain in sorted({case.domain.decode() for case in REFERENCES}):
        text = f"{domain}/x".encode()
        if oracle.judge(defaults, text).outcome == "not-upstream" and _may_be_alias(domain):
            # Another spelling of a known registry can be an alias of that one only.
            fewest = min(UPSTREAMS, key=lambda name: len(aliases[name]))
            aliases[domain.lower() if domain.lower() in aliases else fewest].append(domain)
    config = {
        "registry": {"account": "111122223333", "region": "us-west-2"},
        "rewrite": {"digests": "rewrite", "exclude": []},
        "upstreams": [{"registry": name, "aliases": aliases[name]} for name in UPSTREAMS],
    }
    path = tmp_path_factory.mktemp("open") / "config.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


def test_every_row(program, open_config):
    """Validity by the outcome, the parts by the text that is printed from them."""
    texts = [case.text for case in REFERENCES]
    for case, entry in zip(REFERENCES, explain(program, open_config, texts), strict=True):
        assert (entry["outcome"] != "invalid") == case.valid, case
        if entry["outcome"] == "rewritten":
            want = case.path + (b":" + case.tag if case.tag else b"")
            want += b"@" + case.digest if case.digest else b""
            host, prefix, rest = entry["rewritten"].encode().split(b"/", 2)
            assert host == b"111122223333.dkr.ecr.us-west-2.amazonaws.com"
            assert prefix.endswith(b"cache") and rest == want, case
    assert compare(program, open_config, texts) > 100


def test_plain_output(program, open_config):
    """Without --explain: a line for each, the old text where nothing changes."""
    rules = oracle.Rules.from_yaml(open_config.read_text("utf-8"))
    texts = [case.text for case in REFERENCES if b"\n" not in case.text]
    done = answers.run(program, "rewrite", "--config", open_config, "--", *texts)
    assert done.returncode == 0
    assert done.stdout.split(b"\n") == [oracle.judge(rules, t).text or t for t in texts] + [b""]


def _mutations(kind, rng):
    if kind == "rows":
        text = rng.choice(REFERENCES).text.decode("utf-8", "replace")
    else:
        text = generate.image(rng)
    if kind == "rows" or rng.random() < 0.5:
        text = generate.mutate(rng, text)
    return text.replace("\0", "0").encode()


@pytest.mark.parametrize("kind", ["rows", "images"])
def test_generated(program, open_config, kind):
    rng = generate.generator("references", kind)
    texts = [_mutations(kind, rng) for _ in range(10 * generate.CASES)]
    print(f"PULLTHROUGH_SEED={generate.SEED}")
    assert compare(program, open_config, texts) > generate.CASES


@pytest.mark.parametrize("name", [name for name in generate.CONFIGS if name != "no-host"])
def test_generated_for_configuration(program, tmp_path, name):
    config = tmp_path / "config.yaml"
    config.write_text(generate.CONFIGS[name], "utf-8")
    rng = generate.generator("configured", name)
    texts = [_mutations("images", rng) for _ in range(3 * generate.CASES)]
    print(f"PULLTHROUGH_SEED={generate.SEED}")
    assert compare(program, config, texts) > 0


def test_any_bytes(program, open_config):
    """No text at all: single bytes and pairs, most of them no UTF-8."""
    rng = generate.generator("references", "bytes")
    texts = [bytes([byte]) for byte in range(1, 256)]
    texts += [b"nginx" + bytes([byte]) + b"x" for byte in range(1, 256)]
    texts += [bytes(rng.randrange(1, 256) for _ in range(rng.randint(0, 40))) for _ in range(500)]
    compare(program, open_config, texts)


ECR = [
    "111122223333.dkr.ecr.us-west-2.amazonaws.com",
    "999999999999.dkr.ecr.us-west-2.amazonaws.com",
    "000000000000.dkr.ecr.ap-southeast-3.amazonaws.com",
    "111122223333.dkr.ecr.us-gov-west-1.amazonaws.com",
    "111122223333.dkr.ecr.cn-northwest-1.amazonaws.com.cn",
    "111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu",
    "111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov",
    "111122223333.dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
    "111122223333.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk",
    "111122223333.dkr.ecr.us-isof-south-1.csp.hci.ic.gov",
    "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com",
    "111122223333.dkr-ecr.us-west-2.on.aws",
    "111122223333.dkr-ecr-fips.us-gov-east-1.on.aws",
    "111122223333.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
    "111122223333.dkr-ecr.eusc-de-east-1.on.amazonwebservices.eu",
    "111122223333.dkr.ecr.us-west-2.amazonaws.com:443",
]
NO_ECR = [
    "11112222333.dkr.ecr.us-west-2.amazonaws.com",
    "1111222233334.dkr.ecr.us-west-2.amazonaws.com",
    "a11122223333.dkr.ecr.us-west-2.amazonaws.com",
    "x.111122223333.dkr.ecr.us-west-2.amazonaws.com",
    "111122223333.dkr.ecr.us-west-2.amazonaws.com.evil.example",
    "111122223333.dkr.ecr.us-west-2.amazonaws.org",
    "111122223333.dkr.ecr.amazonaws.com",
    "111122223333.dkr-ecr.us-west-2.amazonaws.com",
    "111122223333.dkr.ecr.us-west-2.on.aws",
    "111122223333.DKR.ECR.us-west-2.amazonaws.com",
    "api.ecr.us-west-2.amazonaws.com",
    "public.ecr.aws",
]


def test_ecr_hosts(program):
    texts = [f"{host}/x:1" for host in ECR + NO_ECR]
    entries = explain(program, cases.DEFAULT_CONFIG, texts)
    found = {entry["image"]: entry["outcome"] for entry in entries}
    assert found == {
        **{f"{host}/x:1": "already-ecr" for host in ECR},
        **{f"{host}/x:1": "not-upstream" for host in NO_ECR},
    }
