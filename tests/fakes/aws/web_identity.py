"""Web identity tokens: JSON Web Tokens as Kubernetes issues them.

The form, issuer, audience, subject and times are always checked. The signature is verified (RS256,
plain arithmetic) when the settings name a JWKS file; without one it is not, and any key may have
signed.
"""

import base64
import hashlib
import json

from .errors import AwsError

AUDIENCE = "sts.amazonaws.com"
# DigestInfo of SHA-256 in DER (RFC 8017, section 9.2, note 1).
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


def invalid(text):
    return AwsError("InvalidIdentityToken", text)


def decode(part):
    if not part or any(sign not in
                       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                       for sign in part):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def parse(token):
    """(header, claims, signed bytes, signature)"""
    parts = token.split(".")
    try:
        if len(parts) != 3:
            raise ValueError("not three parts")
        header, claims = json.loads(decode(parts[0])), json.loads(decode(parts[1]))
        signature = decode(parts[2])
        if not isinstance(header, dict) or not isinstance(claims, dict) or "alg" not in header:
            raise ValueError("not objects")
    except ValueError as error:
        raise invalid("The ID Token provided is not a valid JWT. (You may see this error if you "
                      "sent an Access Token)") from error
    return header, claims, ".".join(parts[:2]).encode(), signature


def verified(public, signed, signature):
    """RSASSA-PKCS1-v1_5 with SHA-256, by comparing the encodings."""
    modulus = int.from_bytes(decode(public["n"]), "big")
    exponent = int.from_bytes(decode(public["e"]), "big")
    size = (modulus.bit_length() + 7) // 8
    if len(signature) != size:
        return False
    inner = SHA256_PREFIX + hashlib.sha256(signed).digest()
    expected = b"\x00\x01" + b"\xff" * (size - len(inner) - 3) + b"\x00" + inner
    found = pow(int.from_bytes(signature, "big"), exponent, modulus)
    return found.to_bytes(size, "big") == expected


def check_signature(path, header, signed, signature):
    try:
        with open(path, encoding="utf-8") as file:
            keys = json.load(file)["keys"]
    except (OSError, ValueError, KeyError) as error:
        raise AwsError("IDPCommunicationError", "An error occurred while communicating with the "
                       "identity provider.") from error
    for key in keys:
        if key.get("kty") == "RSA" and header.get("kid") in (None, key.get("kid")):
            if header["alg"] == "RS256" and verified(key, signed, signature):
                return
    raise invalid("Couldn't retrieve verification key from your identity provider, or the "
                  "signature does not verify with it")


def check(settings, token, trust, now):
    """The claims of a token that may take a role with `trust`; raises AwsError otherwise."""
    header, claims, signed, signature = parse(token)
    issuer = claims.get("iss")
    if issuer != settings["issuer"]:
        raise invalid(f"No OpenIDConnect provider found in your account for {issuer}")
    if settings["jwksFile"]:
        check_signature(settings["jwksFile"], header, signed, signature)
    expiry = claims.get("exp")
    if not isinstance(expiry, (int, float)) or isinstance(expiry, bool):
        raise invalid("Missing a required claim: exp")
    if expiry <= now:
        raise AwsError("ExpiredTokenException",
                       f"Token expired: current date/time {int(now)} must be before the "
                       f"expiration date/time {int(expiry)}", modelled=True)
    begin = claims.get("nbf", claims.get("iat", 0))
    if isinstance(begin, (int, float)) and begin > now + 300:
        raise invalid("Token is not valid yet")
    audiences = claims.get("aud")
    audiences = audiences if isinstance(audiences, list) else [audiences]
    audience = trust["audience"] if trust else AUDIENCE
    if audience not in audiences:
        raise invalid("Incorrect token audience")
    if trust is None or claims.get("sub") != trust["subject"]:
        raise AwsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity",
                       403)
    return claims, audience
