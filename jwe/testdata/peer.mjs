// Opens and seals nested tokens with panva's jose, or a JWS alone if a job has no key to
// decrypt or to encrypt with: jobs in on stdin, results out on stdout, both JSON. Without a
// key to sign with it makes one, which is part of the result. SEALWAX_NODE_MODULES names
// the folder of node_modules.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const require = createRequire(process.env.SEALWAX_NODE_MODULES + '/')
const jose = await import(pathToFileURL(require.resolve('jose')))

async function open(j) {
  if (!j.decrypt) return verify(j, j.token)
  const outer = await jose.compactDecrypt(j.token, await jose.importJWK(j.decrypt, j.key), {
    keyManagementAlgorithms: [j.key], contentEncryptionAlgorithms: [j.content],
  })
  return verify(j, new TextDecoder().decode(outer.plaintext))
}

async function verify(j, token) {
  const inner = await jose.compactVerify(token, await jose.importJWK(j.verify, j.signature), { algorithms: [j.signature] })
  return Buffer.from(inner.payload).toString('base64')
}

async function seal(j) {
  const inner = await sign(j)
  if (!j.encrypt) return inner
  return new jose.CompactEncrypt(new TextEncoder().encode(inner))
    .setProtectedHeader({ alg: j.key, enc: j.content, kid: j.encrypt.kid, cty: 'JWT' })
    .encrypt(await jose.importJWK(j.encrypt, j.key))
}

async function sign(j) {
  return new jose.CompactSign(Buffer.from(j.payload, 'base64'))
    .setProtectedHeader({ alg: j.signature, kid: j.sign.kid })
    .sign(await jose.importJWK(j.sign, j.signature))
}

async function generated(j) {
  const { privateKey } = await jose.generateKeyPair(j.signature, { extractable: true })
  const jwk = { ...await jose.exportJWK(privateKey), alg: j.signature }
  return { ...jwk, kid: await jose.calculateJwkThumbprint(jwk) }
}

const results = []
for (const j of JSON.parse(readFileSync(0))) {
  try {
    if (!j.token) j.sign ??= await generated(j)
    results.push({ out: await (j.token ? open(j) : seal(j)), key: j.sign })
  } catch (e) {
    results.push({ err: String(e) })
  }
}
console.log(JSON.stringify(results))
