// Opens and seals messages of any form with panva's jose: jobs in on stdin,
// results out on stdout, both JSON. SEALWAX_NODE_MODULES names the folder of
// node_modules.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const require = createRequire(process.env.SEALWAX_NODE_MODULES + '/')
const jose = await import(pathToFileURL(require.resolve('jose')))
const key = (k) => jose.importJWK(k.jwk, k.alg)

// Every recipient opens it and every signer is found.
async function open(j) {
  const outer = j.form === 'compact' ? j.token : JSON.parse(j.token)
  const decrypt = { compact: jose.compactDecrypt, general: jose.generalDecrypt, flattened: jose.flattenedDecrypt }[j.form]
  let content
  for (const r of j.recipients) content = (await decrypt(outer, await key(r))).plaintext
  const text = new TextDecoder().decode(content)
  const inner = j.form === 'compact' ? text : JSON.parse(text)
  const verify = { compact: jose.compactVerify, general: jose.generalVerify, flattened: jose.flattenedVerify }[j.form]
  let payload
  for (const s of j.signers) payload = (await verify(inner, await key(s))).payload
  return Buffer.from(payload).toString('base64')
}

async function seal(j) {
  const payload = Buffer.from(j.payload, 'base64')
  const shared = { enc: j.enc, cty: 'JWT', ...(j.zip && { zip: 'DEF' }) }
  const of = (k) => ({ alg: k.alg, kid: k.jwk.kid })
  const bytes = (v) => new TextEncoder().encode(typeof v === 'string' ? v : JSON.stringify(v))
  const [s] = j.signers
  const [r] = j.recipients
  if (j.form === 'compact') {
    const inner = await new jose.CompactSign(payload).setProtectedHeader(of(s)).sign(await key(s))
    return new jose.CompactEncrypt(bytes(inner)).setProtectedHeader({ ...of(r), ...shared }).encrypt(await key(r))
  }
  if (j.form === 'flattened') {
    const inner = await new jose.FlattenedSign(payload).setProtectedHeader(of(s)).sign(await key(s))
    return JSON.stringify(await new jose.FlattenedEncrypt(bytes(inner)).setProtectedHeader({ ...of(r), ...shared }).encrypt(await key(r)))
  }
  const sign = new jose.GeneralSign(payload)
  for (const k of j.signers) sign.addSignature(await key(k)).setProtectedHeader(of(k))
  const encrypt = new jose.GeneralEncrypt(bytes(await sign.sign())).setProtectedHeader(shared)
  for (const k of j.recipients) encrypt.addRecipient(await key(k)).setUnprotectedHeader(of(k))
  return JSON.stringify(await encrypt.encrypt())
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
