// Encrypts and decrypts with Mastercard's client: one request in on stdin, results out
// on stdout, both JSON. SEALWAX_CLIENTS names the folder of node_modules.
const { createRequire } = require('node:module')
const { readFileSync } = require('node:fs')
const { JweEncryption } = createRequire(process.env.SEALWAX_CLIENTS + '/')('mastercard-client-encryption')

const { certificate, privateKey, seal = [], open } = JSON.parse(readFileSync(0))
const client = new JweEncryption({
  paths: [{
    path: '/', toEncrypt: [{ element: '$', obj: '$' }], toDecrypt: [{ element: 'encryptedData', obj: '$' }],
  }],
  encryptionCertificate: certificate, privateKey, encryptedValueFieldName: 'encryptedData',
})
const results = []
for (const payload of seal) results.push({ out: client.encrypt('/', {}, JSON.parse(payload)).body.encryptedData })
for (const encryptedData of open) {
  try {
    results.push({ out: JSON.stringify(client.decrypt({ request: { url: '/' }, body: { encryptedData } })) })
  } catch (e) {
    results.push({ err: String(e) })
  }
}
console.log(JSON.stringify(results))
