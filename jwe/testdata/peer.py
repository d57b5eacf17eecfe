# Opens and seals nested tokens with jwcrypto: jobs in on stdin, results out on
# stdout, both JSON.
import base64
import json
import sys

from jwcrypto import jwe, jwk, jws


def key(j):
    return jwk.JWK(**j)


def open_(j):
    outer = jwe.JWE(algs=[j['key'], j['content']])
    outer.deserialize(j['token'], key(j['decrypt']))
    inner = jws.JWS()
    inner.allowed_algs = [j['signature']]
    inner.deserialize(outer.payload.decode(), key(j['verify']))
    return base64.b64encode(inner.payload).decode()


def seal(j):
    inner = jws.JWS(base64.b64decode(j['payload']))
    inner.allowed_algs = [j['signature']]
    inner.add_signature(key(j['sign']), None, json.dumps({'alg': j['signature'], 'kid': j['sign']['kid']}))
    outer = jwe.JWE(inner.serialize(compact=True).encode(),
                    json.dumps({'alg': j['key'], 'enc': j['content'], 'kid': j['encrypt']['kid'], 'cty': 'JWT'}))
    outer.add_recipient(key(j['encrypt']))
    return outer.serialize(compact=True)


results = []
for job in json.load(sys.stdin):
    try:
        results.append({'out': open_(job) if job.get('token') else seal(job)})
    except Exception as e:
        results.append({'err': '%s: %s' % (type(e).__name__, e)})
json.dump(results, sys.stdout)
