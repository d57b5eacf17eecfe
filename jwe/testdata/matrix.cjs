// Opens and seals messages of any form with node-jose: jobs in on stdin, results
// out on stdout, both JSON. SEALWAX_NODE_MODULES names the folder of node_modules.
const { createRequire } = require('node:module')
const { readFileSync } = require('node:fs')
const jose = createRequire(process.env.SEALWAX_NODE_MODULES + '/')('node-jose')
const key = (k) => jose.JWK.asKey(k.jwk)
const algorithms = ['*', 'RSA1_5']

async function open(j) {
  const outer = j.form === 'compact' ? j.token : JSON.parse(j.token)
  let content
  for (const r of j.recipients) content = (await jose.JWE.createDecrypt(await key(r), { algorithms }).decrypt(outer)).payload
  const inner = j.form === 'compact' ? content.toString() : JSON.parse(content.toString())
  let payload
  for (const s of j.signers) payload = (await jose.JWS.createVerify(await key(s)).verify(inner)).payload
  return payload.toString('base64')
}

async function seal(j) {
  const signers = []
  for (const s of j.signers) signers.push({ key: await key(s), header: { alg: s.alg }, reference: 'kid' })
  const inner = await jose.JWS.createSign({ format: j.form }, signers).update(Buffer.from(j.payload, 'base64')).final()
  const several = j.recipients.length > 1
  const recipients = []
  for (const r of j.recipients) recipients.push({ key: await key(r), header: several ? { alg: r.alg } : {}, reference: 'kid' })
  const options = {
    format: j.form, contentAlg: j.enc, zip: j.zip ? 'DEF' : false,
    fields: several ? { cty: 'JWT' } : { alg: j.recipients[0].alg, cty: 'JWT' },
  }
  if (several) options.protect = ['enc', 'cty', 'zip']
  const outer = await jose.JWE.createEncrypt(options, recipients)
    .update(Buffer.from(j.form === 'compact' ? inner : JSON.stringify(inner))).final()
  return j.form === 'compact' ? outer : JSON.stringify(outer)
}

async function main() {
  const results = []
  for (const j of JSON.parse(readFileSync(0))) {
    try {
      results.push({ out: await (j.token ? open(j) : seal(j)) })
    } catch (e) {
      results.push({ err: String(e) })
    }
  }
  console.log(JSON.stringify(results))
}
main()
