"""Signature Version 4, checked from the raw request by this file's own arithmetic.

Nothing here is shared with the program under test or with botocore: three separate hands have to
agree. Stricter than AWS in one point: every x-amz-* header must be signed, which AWS asks for in
its documentation but lets pass.
"""

import calendar
import hashlib
import hmac
import re
import time
import urllib.parse

from .errors import AwsError

ALGORITHM = "AWS4-HMAC-SHA256"
MISMATCH = ("The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method. Consult the service documentation for "
            "details.")


def incomplete(text):
    return AwsError("IncompleteSignatureException", text)


def invalid(text):
    return AwsError("InvalidSignatureException", text)


def parse_authorization(request):
    """The parts of the one Authorization header: key id, scope, signed headers, signature."""
    found = request.values("Authorization")
    if not found:
        raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token")
    if len(found) > 1:
        raise incomplete("Authorization header must be present exactly once.")
    algorithm, _, rest = found[0].partition(" ")
    if algorithm != ALGORITHM:
        raise incomplete(f"Unsupported AWS 'algorithm': '{algorithm}' "
                         f"(only {ALGORITHM} for now).")
    parts = {}
    for part in rest.split(","):
        name, _, value = part.strip().partition("=")
        if name in parts:
            raise incomplete(f"Authorization header has '{name}' more than once.")
        parts[name] = value
    missing = [name for name in ("Credential", "Signature", "SignedHeaders")
               if not parts.get(name)]
    if missing:
        raise incomplete(" ".join(f"Authorization header requires '{name}' parameter."
                                  for name in missing))
    scope = parts["Credential"].split("/")
    if len(scope) != 5:
        raise incomplete("Credential must have exactly 5 slash-delimited elements, e.g. "
                         f"keyid/date/region/service/term, got '{parts['Credential']}'")
    return scope[0], scope[1:], parts["SignedHeaders"].split(";"), parts["Signature"]


def signing_date(request):
    found = request.values("X-Amz-Date")
    if not found:
        raise incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a "
                         "'Date' header.")
    if len(found) > 1:
        raise incomplete("X-Amz-Date must be present exactly once.")
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", found[0]):
        raise incomplete(f"Date must be in ISO-8601 'basic format'. Got '{found[0]}'. "
                         "See http://en.wikipedia.org/wiki/ISO_8601")
    return found[0]


def check_signed_headers(request, names):
    if "host" not in names:
        raise invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    for name, _ in request.headers:
        if name.lower().startswith("x-amz-") and name.lower() not in names:
            raise invalid(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
    if names != sorted(set(names)) or any(name != name.lower() for name in names):
        raise invalid("SignedHeaders must be lower-case, sorted and free of repetitions.")
    for name in names:
        count = len(request.values(name))
        if count != 1:
            raise invalid(f"The signed header '{name}' is present {count} times; it must be "
                          "present once.")


def check_scope(scope, date, region, service):
    scope_date, scope_region, scope_service, terminator = scope
    if terminator != "aws4_request":
        raise invalid("Credential should be scoped with a valid terminator: 'aws4_request', "
                      f"not '{terminator}'.")
    if scope_date != date[:8]:
        raise invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
                      f"date from HTTP: '{scope_date}' != '{date[:8]}', from '{date}'.")
    if scope_region != region:
        raise invalid(f"Credential should be scoped to a valid region, not '{scope_region}'. ")
    if scope_service != service:
        raise invalid(f"Credential should be scoped to correct service: '{service}'. ")


def basic_time(seconds):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def check_time(date, now, window):
    signed = calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    minutes = f"{window / 60:g} min."
    if signed < now - window:
        raise invalid(f"Signature expired: {date} is now earlier than {basic_time(now - window)} "
                      f"({basic_time(now)} - {minutes})")
    if signed > now + window:
        raise invalid(f"Signature not yet current: {date} is still later than "
                      f"{basic_time(now + window)} ({basic_time(now)} + {minutes})")


def canonical_query(query):
    pairs = []
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        pairs.append(tuple(urllib.parse.quote(urllib.parse.unquote(text), safe="-_.~")
                           for text in (name, value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def canonical_request(request, names):
    lines = [request.method, urllib.parse.quote(request.path, safe="/-_.~"),
             canonical_query(request.query)]
    for name in names:
        value = re.sub(" +", " ", request.header(name).strip())
        lines.append(f"{name}:{value}")
    lines += ["", ";".join(names), hashlib.sha256(request.body).hexdigest()]
    return "\n".join(lines)


def string_to_sign(canonical, date, scope):
    # Header values were read as latin-1, so this gives back the bytes that were sent.
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    return "\n".join([ALGORITHM, date, "/".join(scope), digest])


def signing_key(secret, scope):
    key = ("AWS4" + secret).encode()
    for part in scope:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def check_token(request, key, now):
    """The session token belongs to the key: none for a long-term key, the right one for others."""
    sent = request.values("X-Amz-Security-Token")
    wrong = AwsError("UnrecognizedClientException",
                     "The security token included in the request is invalid.")
    if key["token"] is None:
        if sent:
            raise wrong
        return
    if len(sent) != 1 or not hmac.compare_digest(sent[0].encode("latin-1"),
                                                 key["token"].encode()):
        raise wrong
    if key["expires"] is not None and key["expires"] <= now:
        raise AwsError("ExpiredTokenException",
                       "The security token included in the request is expired")


def verify(request, find_key, region, service, now, window):
    """The id of the key that signed `request`; raises AwsError when the signature won't do."""
    key_id, scope, names, signature = parse_authorization(request)
    date = signing_date(request)
    check_signed_headers(request, names)
    check_scope(scope, date, region, service)
    key = find_key(key_id)
    if key is None:
        raise AwsError("UnrecognizedClientException",
                       "The security token included in the request is invalid.")
    check_token(request, key, now)
    check_time(date, now, window)
    claimed = request.header("X-Amz-Content-Sha256")
    if claimed is not None and claimed != hashlib.sha256(request.body).hexdigest():
        raise invalid("The value of 'X-Amz-Content-Sha256' does not match the body.")
    canonical = canonical_request(request, names)
    to_sign = string_to_sign(canonical, date, scope)
    expected = hmac.new(signing_key(key["secret"], scope), to_sign.encode(),
                        hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode("latin-1")):
        # AWS shows its working, session token included: whoever logs this text leaks it.
        raise invalid(f"{MISMATCH}\n\nThe Canonical String for this request should have been\n"
                      f"'{canonical}'\n\nThe String-to-Sign should have been\n'{to_sign}'\n")
    return key_id
