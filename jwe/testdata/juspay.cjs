// Seals and opens with Juspay's client: one request in on stdin, results out on stdout,
// both JSON. The package exports no more than the requests that it sends, so that its
// functions for them are taken by their file. SEALWAX_CLIENTS names the folder of
// node_modules.
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { JWT, Keys } =
  require(join(process.env.SEALWAX_CLIENTS, 'node_modules/expresscheckout-nodejs/dist/cjs/security/index.js')).default

const { kid, publicKey, privateKey, seal = [], open } = JSON.parse(readFileSync(0))
const theirs = Keys.readPublicKey(publicKey)
const own = Keys.readPrivateKey(privateKey)
const results = []
for (const payload of seal) results.push({ out: JSON.stringify(JWT.jwtEncrypt(payload, kid, theirs, own)) })
for (const message of open) {
  try {
    results.push({ out: JWT.jwtDecrypt(message, kid, theirs, own) })
  } catch (e) {
    results.push({ err: String(e) })
  }
}
console.log(JSON.stringify(results))
