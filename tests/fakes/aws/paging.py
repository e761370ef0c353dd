"""Pages with opaque tokens.

A token names the operation and the last key that was shown, so a page begins where the last one
ended even when things were added or removed meanwhile; a token that was not made here, or for
another operation, is refused.
"""

import base64
import hashlib
import hmac
import json


class BadToken(Exception):
    pass


def seal(state, text):
    key = state.data["pagingKey"].encode()
    return hmac.new(key, text, hashlib.sha256).digest()[:12]


def make_token(state, operation, last):
    text = json.dumps([operation, last]).encode()
    return base64.b64encode(seal(state, text) + text).decode()


def read_token(state, operation, token):
    try:
        raw = base64.b64decode(token, validate=True)
        if not hmac.compare_digest(raw[:12], seal(state, raw[12:])):
            raise BadToken
        made_for, last = json.loads(raw[12:])
    except ValueError as error:
        raise BadToken from error
    if made_for != operation:
        raise BadToken
    return last


def page(state, operation, items, token, size):
    """The next items of the dictionary `items` in the order of their keys, and a token or None."""
    size = min(size, state.settings["pageSize"])
    last = read_token(state, operation, token) if token else None
    keys = sorted(key for key in items if last is None or key > last)
    shown = keys[:size]
    more = len(keys) > len(shown)
    return ([items[key] for key in shown],
            make_token(state, operation, shown[-1]) if more else None)
