"""AWS's shared files, as our reader takes them beside botocore's: the same files to both."""

import json
import random
import subprocess

import pytest

botocore = pytest.importorskip("botocore", reason="hack/venv.sh makes a Python that has it")
import botocore.credentials  # noqa: E402
import botocore.exceptions  # noqa: E402
import botocore.session  # noqa: E402

KINDS = {"assume-role-with-web-identity": "web-identity", "sso": "sso",
         "shared-credentials-file": "keys", "config-file": "keys"}
ROLE = ("role_arn", "source_profile", "credential_source", "external_id", "mfa_serial",
        "role_session_name", "duration_seconds")
SSO = ("sso_session", "sso_start_url", "sso_region", "sso_account_id", "sso_role_name")


class Words(Exception):
    """What a credential_process would have been started with."""


def show_words(words, **_):
    raise Words(words)


def by_botocore(folder, profile, monkeypatch):
    """What botocore's own providers take for the profile, in their order; {"error"} where one of
    them refuses."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    session = botocore.session.Session(profile=profile)
    try:
        session.full_config
        for provider in botocore.credentials.create_credential_resolver(session).providers:
            found = take(provider, profile)
            if found:
                return found
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        return {"error": str(error)}
    return {"kind": "none"}


def take(provider, profile):
    method = provider.METHOD
    if method == "custom-process":
        provider._popen = show_words
    elif method == "login":
        # It needs the CLI's own library to go on; whether it would is all that is asked here.
        config = provider._load_config()["profiles"].get(profile, {})
        return {"kind": "login", "login_session": config["login_session"]} \
            if "login_session" in config else None
    elif method == "assume-role":
        # Its source is asked only when it is wanted, by us as well.
        provider._loaded_config = provider._load_config()
        config = provider._loaded_config["profiles"].get(profile, {})
        if not provider._has_assume_role_config_vars(config):
            return None
        values = provider._get_role_config(profile)
        return {"kind": "role", **{name: str(values.get(name) or "") for name in ROLE}}
    elif method not in KINDS:
        return None
    try:
        found = provider.load()
    except Words as words:
        return {"kind": "process", "words": words.args[0]}
    if found is None:
        return None
    about = {"kind": KINDS[method]}
    if about["kind"] == "keys":
        return {**about, "id": found.access_key, "secret": found.secret_key,
                "token": found.token or ""}
    if about["kind"] == "web-identity":
        return {**about, "file": provider._get_config("web_identity_token_file")}
    values = provider._load_sso_config()
    return {**about, **{name: values.get(name) or "" for name in SSO}}


class Files:
    def __init__(self, program, folder):
        self.program, self.folder, self.arguments = program, folder, []

    def add(self, credentials, config, profile):
        """The folder with the two files."""
        folder = self.folder / str(len(self.arguments))
        folder.mkdir()
        (folder / "credentials").write_text(credentials)
        (folder / "config").write_text(config)
        self.arguments.append((folder / "credentials", folder / "config", profile))
        return folder

    def ours(self):
        done = subprocess.run([self.program, *(part for each in self.arguments for part in each)],
                              capture_output=True, text=True, check=True, timeout=300)
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def files(build_dir, tmp_path):
    return Files(build_dir / "tests" / "it" / "read_profiles", tmp_path)


KEYS = "aws_access_key_id = AKID\naws_secret_access_key = hush/+=\n"
ARN = "arn:aws:iam::111122223333:role/r"
CLI_SSO = """[profile dev]
sso_session = my-sso
sso_account_id = 111122223333
sso_role_name = Admin
region = eu-west-1
[sso-session my-sso]
sso_region = us-east-1
sso_start_url = https://my-sso.awsapps.com/start
sso_registration_scopes = sso:account:access
"""
CASES = {
    "nothing": ("", ""),
    "keys": (f"[dev]\n{KEYS}", ""),
    "keys with a token": (f"[dev]\n{KEYS}aws_session_token = t==\n", ""),
    "keys in config": ("", f"[profile dev]\n{KEYS}"),
    "keys in both": (f"[dev]\n{KEYS}", "[profile dev]\naws_access_key_id = OTHER\n"
                                       "aws_secret_access_key = other\naws_session_token = t\n"),
    "half in each": ("[dev]\naws_access_key_id = A\n", "[profile dev]\n"
                                                       "aws_secret_access_key = s\n"),
    "the secret only, and a pair": ("[dev]\naws_secret_access_key = s\n", f"[profile dev]\n{KEYS}"),
    "the old name of a token": (f"[dev]\n{KEYS}aws_session_token = new\n"
                                "aws_security_token = old\n", ""),
    "any case": ("[dev]\nAWS_ACCESS_KEY_ID=A\nAws_Secret_Access_Key=s\n", ""),
    "a role": (f"[base]\n{KEYS}", f"[profile dev]\nrole_arn = {ARN}\nsource_profile = base\n"
               "external_id = e/1\nmfa_serial = arn:aws:iam::1:mfa/me\nrole_session_name = me\n"
               "duration_seconds = 3600\n"),
    "a role of its own keys": (f"[dev]\n{KEYS}", f"[profile dev]\nrole_arn={ARN}\n"
                                                 "source_profile=dev\n"),
    "a role by an instance": (f"[dev]\n{KEYS}", f"[profile dev]\nrole_arn={ARN}\n"
                                                "credential_source=Ec2InstanceMetadata\n"),
    "a role by both": (f"[base]\n{KEYS}", f"[profile dev]\nrole_arn={ARN}\nsource_profile=base\n"
                                          "credential_source=Environment\n"),
    "a role by nothing": ("", f"[profile dev]\nrole_arn = {ARN}\n"),
    "a role by one that isn't there": ("", f"[profile dev]\nrole_arn={ARN}\n"
                                           "source_profile = no\n"),
    "a web identity": ("", f"[profile dev]\nrole_arn={ARN}\nweb_identity_token_file=/t\n"
                           "source_profile = dev\n"),
    "a web identity without a role": ("", "[profile dev]\nweb_identity_token_file = /t\n"),
    "sso as the AWS CLI writes it": ("", CLI_SSO),
    "sso before keys": (f"[dev]\n{KEYS}", CLI_SSO),
    "sso of old": ("", "[profile dev]\nsso_start_url = https://x/start\nsso_region = us-east-1\n"
                       "sso_account_id = 1\nsso_role_name = R\n"),
    "sso without a role": ("", CLI_SSO.replace("sso_role_name = Admin\n", "")),
    "sso without its section": ("", CLI_SSO.replace("[sso-session my-sso]", "[sso-session you]")),
    "sso that contradicts itself": ("", CLI_SSO.replace(
        "region = eu-west-1", "sso_region = eu-west-1")),
    "a login": ("", "[profile dev]\nlogin_session = arn:aws:iam::1:user/me\nregion = us-east-1\n"),
    "a login before a process": ("", f"[profile dev]\nlogin_session=a\ncredential_process=x\n{KEYS}"),
    "a process before keys in config": ("", f"[profile dev]\ncredential_process = /bin/x\n{KEYS}"),
    "keys before a process": (f"[dev]\n{KEYS}", "[profile dev]\ncredential_process = /bin/x\n"),
    "a process": ("", '[profile dev]\ncredential_process = "/opt/my tool/x" --a=\'b c\' d\\ e "f\\"g"'
                      ' #1 $HOME ~\n'),
    "a process over lines": ("", "[profile dev]\ncredential_process = /bin/x \n"
                                 "    --one 1\n\t--two\nregion = r\n"),
    "a process with a quote": ("", "[profile dev]\ncredential_process = x 'y\n"),
    "further in": ("  [dev]\n    aws_access_key_id = A\n    aws_secret_access_key = s\n",
                   "[profile dev]\n  region = r\n  s3 =\n    max_queue_size = 1\n  x = y\n"),
    "colons": ("[dev]\naws_access_key_id: A\naws_secret_access_key : s=\n", ""),
    "nested": ("", f"[profile dev]\ns3 =\n  role_arn = no\n  k = v\n{KEYS}"),
    "a line that is nothing": ("[dev]\nhush\n", ""),
    "no section": ("aws_access_key_id = A\n", ""),
    "a section without its end": ("", "[profile dev\nregion = r\n"),
    "a key without a name": ("[dev]\n= hush\n", ""),
    "a nested line that is nothing": ("", "[profile dev]\ns3 =\n  hush\n"),
    "a profile of config in credentials": (f"[profile dev]\n{KEYS}", ""),
    "a profile of credentials in config": ("", f"[dev]\n{KEYS}"),
    "quotes": ("", f'[profile "dev"]\n{KEYS}'),
    "comments and CR": (f"# one\r\n; two\r\n[dev]\r\n# three\r\n{KEYS}", "\r\n"),
}


def test_cases(files, monkeypatch):
    folders = {name: files.add(*pair, "dev") for name, pair in CASES.items()}
    for (name, folder), ours in zip(folders.items(), files.ours()):
        theirs = by_botocore(folder, "dev", monkeypatch)
        if "error" in theirs or "words_error" in ours:
            # in other words, but both, and without what may be a secret
            assert ("error" in ours or "words_error" in ours) and "error" in theirs, (name, ours)
            assert "hush" not in json.dumps(ours), name
        else:
            assert ours == theirs, name


# Lines of profiles and of sections, from which files are made at random.
LINES = [
    "aws_access_key_id = A", "aws_secret_access_key = s", "aws_session_token: t",
    f"role_arn = {ARN}", "source_profile = base", "source_profile=dev", "mfa_serial = m/1",
    "credential_source = Environment", "credential_source = EcsContainer", "external_id=e",
    "duration_seconds = 900", "web_identity_token_file = /t", "sso_session = s",
    "sso_account_id = 1", "sso_role_name = R", "sso_start_url = u", "sso_region = r",
    "login_session = l", "credential_process = x 'a b' #c", "region = r", "s3 =", "  k = v",
    "    k = v", "\tk: v", "# comment", "; comment", "", "  ", "junk", "= v", "k", "  junk",
]
SECTIONS = {
    "credentials": ["[dev]", "[base]", "[default]", " [other]"],
    "config": ["[profile dev]", "[profile base]", "[default]", "[sso-session s]", "[services x]",
               " [profile other]", "[dev]", "[profile dev", "[]"],
}


def made_file(chance, kind):
    """Mostly a file that can be read; each key and section at most once, since where something is
    there twice botocore refuses, and the reference guide takes the later one."""
    lines = []
    sections = SECTIONS[kind][:]
    chance.shuffle(sections)
    # one that stands further in comes first: behind a value it would be more of that
    for section in sorted(sections[:chance.randint(0, 4)], key=lambda name: name[0] != " "):
        if section in ("[profile dev", "[]") and chance.random() < 0.95:
            continue
        keys = chance.sample(LINES, chance.randint(0, 6))
        if chance.random() < 0.5:       # and something that goes together
            keys += chance.choice((LINES[0:2], LINES[3:5], LINES[13:17]))
        if "sso-session" in section:
            keys = ["sso_region = r", "sso_start_url = u"][:chance.randint(0, 2)]
        if chance.random() < 0.95:
            keys = [line for line in keys if line not in ("junk", "= v", "k", "  junk")]
        seen, own, above = set(), [], ""
        for line in keys:
            if line[:1].isspace() and line.strip() and not above.startswith(("s3", "cred")):
                continue        # a value over two lines, which nothing but a command may have
            above = above if line[:1].isspace() or line[:1] in ("#", ";", "") else line
            name = line.replace(":", "=").split("=")[0].strip().lower()
            if name not in seen or line.strip() == "" or line.strip()[0] in "#;":
                own.append(line)
            seen.add(name)
        lines += [section, *own]
    return "\n".join(lines) + "\n"


def test_files_made_at_random(files, monkeypatch):
    chance = random.Random(16)
    folders = [files.add(made_file(chance, "credentials"), made_file(chance, "config"), "dev")
               for _ in range(400)]
    agreed = {}
    for folder, ours in zip(folders, files.ours()):
        theirs = by_botocore(folder, "dev", monkeypatch)
        shown = (folder / "credentials").read_text() + "--\n" + (folder / "config").read_text()
        if "error" in ours:
            if allowed_refusal(ours["error"]):
                continue
            assert "error" in theirs, (shown, ours, theirs)
        elif "error" in theirs:
            assert allowed_reading(theirs["error"]), (shown, ours, theirs)
            continue
        else:
            assert ours == theirs, shown
        agreed[ours.get("kind", "error")] = agreed.get(ours.get("kind", "error"), 0) + 1
    # the files are of use: each way is there
    assert set(agreed) == {"error", "none", "keys", "web-identity", "role", "sso", "login",
                           "process"}, agreed


def allowed_refusal(words):
    """Where we say what is wrong, and botocore goes on to something else."""
    return any(part in words for part in (
        "only half of a pair of keys",          # a secret without its id is passed over
        "but neither sso_account_id nor",       # and so is a session without them
        "a comment or an empty line in it"))


def allowed_reading(words):
    """Where botocore refuses, and we read: what is found out on the way to the source's keys."""
    return "Infinite loop in credential configuration" in words or \
        'credential source "' in words.lower() and words.endswith("is not valid.")
