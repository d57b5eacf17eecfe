"""Answers an echo request on standard input: the status on the first line, then the reply."""

import json
import re
import sys
import time


def once(pairs):
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise ValueError("a member stands twice")
    return dict(pairs)


def constant(name):
    raise ValueError(name + " is not JSON")


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def request(octets):
    """Returns the request, or None if it is not the JSON that was agreed."""
    try:
        text = octets.decode("utf-8")
        r = json.loads(text, object_pairs_hook=once, parse_constant=constant)
        json.dumps(r, ensure_ascii=False).encode("utf-8")  # refuses half a surrogate pair
        header = r["requestHeader"]
        version = header["protocolVersion"]
        stamp = header["requestTimestamp"]
        good = (
            all(is_integer(version[name]) for name in ("major", "minor", "revision"))
            and isinstance(header["requestId"], str)
            and isinstance(stamp, str)
            and re.fullmatch("0|[1-9][0-9]{0,15}", stamp)
            and isinstance(r["clientMessage"], str)
        )
        return r if good else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def answer(octets):
    now = int(time.time() * 1000)
    reply = {"responseHeader": {"responseTimestamp": str(now)}}

    def refused(code):
        return 400, reply | {"errorResponseCode": code, "errorDescription": "refused"}

    r = request(octets)
    if r is None:
        return refused("INVALID_DECRYPTED_REQUEST")
    if abs(now - int(r["requestHeader"]["requestTimestamp"])) > 60_000:
        return refused("REQUEST_TIMESTAMP_OUT_OF_RANGE")
    return 200, reply | {"clientMessage": r["clientMessage"], "serverMessage": "a stranger"}


status, body = answer(sys.stdin.buffer.read())
print(status)
sys.stdout.write(json.dumps(body))
