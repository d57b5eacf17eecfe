// Opens and seals nested tokens with panva's jose: jobs in on stdin, results out
// on stdout, both JSON. SEALWAX_NODE_MODULES names the folder of node_modules.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const require = createRequire(process.env.SEALWAX_NODE_MODULES + '/')
const jose = await import(pathToFileURL(require.resolve('jose')))

async function open(j) {
  const outer = await jose.compactDecrypt(j.token, await jose.importJWK(j.decrypt, j.key), {
    keyManagementAlgorithms: [j.key], contentEncryptionAlgorithms: [j.content],
  })
  const token = new TextDecoder().decode(outer.plaintext)
  const inner = await jose.compactVerify(token, await jose.importJWK(j.verify, j.signature), { algorithms: [j.signature] })
  return Buffer.from(inner.payload).toString('base64')
}

async function seal(j) {
  const inner = await new jose.CompactSign(Buffer.from(j.payload, 'base64'))
    .setProtectedHeader({ alg: j.signature, kid: j.sign.kid })
    .sign(await jose.importJWK(j.sign, j.signature))
  return new jose.CompactEncrypt(new TextEncoder().encode(inner))
    .setProtectedHeader({ alg: j.key, enc: j.content, kid: j.encrypt.kid, cty: 'JWT' })
    .encrypt(await jose.importJWK(j.encrypt, j.key))
}

const results = []
for (const j of JSON.parse(readFileSync(0))) {
  try {
    results.push({ out: await (j.token ? open(j) : seal(j)) })
  } catch (e) {
    results.push({ err: String(e) })
  }
}
console.log(JSON.stringify(results))
