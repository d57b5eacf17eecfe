// One job on standard input, one answer on standard output: see openpgpjs_test.go.
import { pathToFileURL } from 'node:url'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const openpgp = await import(pathToFileURL(join(process.env.MODULES, 'node_modules', process.env.PACKAGE, 'dist/node/openpgp.mjs')))
const job = JSON.parse(readFileSync(0))

const kinds = {
  rsa: { type: 'rsa', rsaBits: 2048 },
  curve25519Legacy: { type: 'ecc', curve: 'curve25519Legacy' },
  nistP256: { type: 'ecc', curve: 'nistP256' },
  v6: { type: 'curve25519', config: { v6Keys: true, aeadProtect: true } },
  pqc: { type: 'pqc', config: { v6Keys: true, aeadProtect: true } },
  besidePQC: { type: 'curve25519', subkeys: [{ type: 'pqc' }] }
}

async function run() {
  if (job.op === 'generate') {
    const k = await openpgp.generateKey({ ...kinds[job.kind], userIDs: [{ name: 'Partner' }], format: 'armored', date: new Date(Date.now() - 5000) })
    return { key: k.privateKey }
  }
  const keys = await Promise.all(job.keys.map((armoredKey) => openpgp.readPrivateKey({ armoredKey })))
  const others = await Promise.all(job.others.map((armoredKey) => openpgp.readKey({ armoredKey })))
  const octets = new Uint8Array(Buffer.from(job.message, 'base64'))
  if (job.op === 'seal') {
    const sealed = await openpgp.encrypt({
      message: await openpgp.createMessage({ binary: octets }),
      signingKeys: keys, encryptionKeys: others, format: 'binary', wildcard: job.hidden,
      config: { aeadProtect: job.aead, preferredCompressionAlgorithm: job.compressed ? 2 : 0 }
    })
    return { message: Buffer.from(sealed).toString('base64') }
  }
  const opened = await openpgp.decrypt({
    message: await openpgp.readMessage({ binaryMessage: octets }),
    decryptionKeys: keys, verificationKeys: others, format: 'binary', expectSigned: true
  })
  let good = 0
  for (const s of opened.signatures) good += (await s.verified) ? 1 : 0
  return { message: Buffer.from(opened.data).toString('base64'), good }
}

try {
  process.stdout.write(JSON.stringify(await run()))
} catch (e) {
  process.stdout.write(JSON.stringify({ error: String(e.stack ?? e) }))
}
