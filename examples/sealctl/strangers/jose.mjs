// An echo endpoint on panva's jose: a compact JWS in a compact JWE. OWN names a folder of
// *.jwk, PEER one with a *.jwks; both are read for each request. FAULT names a mistake.
import { badEncryption, badSignature, fault, faults, files, load, serve } from './protocol.mjs'

faults('first-key', 'kid-required', 'expired-signer', 'text')
const jose = await load('jose')

const keyAlgorithms = ['ECDH-ES+A256KW', 'RSA-OAEP-256']
const signatures = ['ES256', 'PS256']

const own = (use) => files(process.env.OWN, '.jwk').map((text) => JSON.parse(text)).filter((k) => k.use === use)

// partner returns the public keys of the partner for a use: none that is revoked, and none
// whose time is over.
function partner (use, late) {
  const now = Date.now() / 1000
  return files(process.env.PEER, '.jwks').flatMap((text) => JSON.parse(text).keys).filter((k) =>
    k.use === use && k.revoked === undefined && (k.nbf === undefined || k.nbf <= now) && (late || k.exp === undefined || k.exp > now))
}

const algorithm = (k) => k.alg ?? { EC: { sig: 'ES256', enc: 'ECDH-ES+A256KW' }, RSA: { sig: 'PS256', enc: 'RSA-OAEP-256' } }[k.kty][k.use]

// inOrder puts the keys that a header names first. A kid is a hint, no more.
function inOrder (keys, kid) {
  const named = keys.filter((k) => k.kid === kid)
  if (fault === 'kid-required') return named
  return [...named, ...keys.filter((k) => k.kid !== kid)]
}

async function open (body) {
  const token = body.toString('latin1')
  let keys = own('enc')
  if (fault === 'first-key') keys = keys.slice(0, 1)
  const inner = await first(keys, token, badEncryption, async (k, alg) => {
    const { plaintext } = await jose.compactDecrypt(token, await jose.importJWK(k, alg), {
      keyManagementAlgorithms: keyAlgorithms, contentEncryptionAlgorithms: ['A256GCM']
    })
    return Buffer.from(plaintext).toString('latin1')
  })
  return first(partner('sig', fault === 'expired-signer'), inner, badSignature, async (k, alg) => {
    const { payload } = await jose.compactVerify(inner, await jose.importJWK(k, alg), { algorithms: signatures })
    return payload
  })
}

// first returns what the first key makes of a token.
async function first (keys, token, refusal, use) {
  let header
  try {
    header = jose.decodeProtectedHeader(token)
  } catch (e) {
    throw refusal(e.message)
  }
  const why = ['no key fits']
  for (const k of inOrder(keys, header.kid)) {
    if (algorithm(k) !== header.alg) continue
    try {
      return await use(k, header.alg)
    } catch (e) {
      why.push(e.message)
    }
  }
  throw refusal(why.join('; '))
}

// A compact token has one signature and one recipient: those that both sides have had longest.
async function seal (octets) {
  const [sign] = own('sig')
  const [encrypt] = partner('enc')
  const inner = await new jose.CompactSign(octets)
    .setProtectedHeader({ alg: algorithm(sign), kid: sign.kid, iat: Math.floor(Date.now() / 1000) })
    .sign(await jose.importJWK(sign, algorithm(sign)))
  return new jose.CompactEncrypt(Buffer.from(inner))
    .setProtectedHeader({ alg: algorithm(encrypt), enc: 'A256GCM', kid: encrypt.kid, cty: 'JWT' })
    .encrypt(await jose.importJWK(encrypt, algorithm(encrypt)))
}

serve('application/jose; charset=utf-8', open, seal)
