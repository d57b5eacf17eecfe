// Encrypts requests and decrypts responses with CyberSource's client: one request in on
// stdin, results out on stdout, both JSON. SEALWAX_CLIENTS names the folder of
// node_modules.
const { createRequire } = require('node:module')
const { readFileSync } = require('node:fs')
const client = createRequire(process.env.SEALWAX_CLIENTS + '/')
const MerchantConfig = client('cybersource-rest-client/src/authentication/core/MerchantConfig.js')
const MLE = client('cybersource-rest-client/src/authentication/util/MLEUtility.js')

async function main() {
  const { alias, certificate, privateKey, seal = [], open } = JSON.parse(readFileSync(0))
  const config = new MerchantConfig({
    authenticationType: 'jwt', jwtKeyType: 'SHARED_SECRET', merchantKeyId: 'unused', merchantsecretKey: 'unused',
    merchantID: 'sealwax', runEnvironment: 'apitest.cybersource.com',
    requestMleKeyAlias: alias, mleForRequestPublicCertPath: certificate, responseMlePrivateKey: privateKey,
    logConfiguration: { enableLog: false },
  })
  const results = []
  for (const payload of seal) {
    results.push({ out: (await MLE.encryptRequestPayload(config, JSON.parse(payload))).encryptedRequest })
  }
  for (const encryptedResponse of open) {
    try {
      results.push({ out: JSON.stringify(await MLE.checkAndDecryptEncryptedResponse({ encryptedResponse }, config)) })
    } catch (e) {
      results.push({ err: String(e) })
    }
  }
  console.log(JSON.stringify(results))
}
main()
