# Opens and seals messages of any form with jwcrypto: jobs in on stdin, results
# out on stdout, both JSON.
import base64
import functools
import json
import sys

from jwcrypto import jwe, jwk, jws


@functools.cache
def parsed(text):
    return jwk.JWK(**json.loads(text))


def key(k):  # reading an RSA key takes long
    return parsed(json.dumps(k['jwk']))


def header(k):
    return {'alg': k['alg'], 'kid': k['jwk']['kid']}


def open_(j):
    for r in j['recipients']:
        outer = jwe.JWE(algs=[x['alg'] for x in j['recipients']] + [j['enc']])
        outer.deserialize(j['token'], key(r))
    for s in j['signers']:
        inner = jws.JWS()
        inner.allowed_algs = [x['alg'] for x in j['signers']]
        inner.deserialize(outer.payload.decode(), key(s))
    return base64.b64encode(inner.payload).decode()


def seal(j):
    compact = j['form'] == 'compact'
    inner = jws.JWS(base64.b64decode(j['payload']))
    inner.allowed_algs = [s['alg'] for s in j['signers']]
    for s in j['signers']:
        inner.add_signature(key(s), None, json.dumps(header(s)))
    shared = {'enc': j['enc'], 'cty': 'JWT'}
    if j.get('zip'):
        shared['zip'] = 'DEF'
    several = j['form'] == 'general'
    if not several:
        shared.update(header(j['recipients'][0]))
    outer = jwe.JWE(inner.serialize(compact=compact).encode(), json.dumps(shared),
                    algs=[r['alg'] for r in j['recipients']] + [j['enc']])
    for r in j['recipients']:
        outer.add_recipient(key(r), json.dumps(header(r)) if several else None)
    return outer.serialize(compact=compact)


results = []
for job in json.load(sys.stdin):
    try:
        results.append({'out': open_(job) if job.get('token') else seal(job)})
    except Exception as e:
        results.append({'err': '%s: %s' % (type(e).__name__, e)})
json.dump(results, sys.stdout)
