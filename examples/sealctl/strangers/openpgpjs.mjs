// An echo endpoint on OpenPGP.js. OWN and PEER name folders of *.asc, which are read for each
// request; FAULT names a mistake.
import { badEncryption, badSignature, fault, faults, files, load, serve } from './protocol.mjs'

faults('first-key', 'first-signature', 'expired-signer', 'text')
const openpgp = await load('openpgp')

const privateKeys = () => Promise.all(files(process.env.OWN, '.asc').map((armoredKey) => openpgp.readPrivateKey({ armoredKey })))

// good returns the certificates of the partner that are neither revoked nor expired.
async function good (certificates) {
  const out = []
  for (const c of certificates) {
    const end = await c.getExpirationTime()
    if (end !== null && end > new Date() && !await c.isRevoked()) out.push(c)
  }
  return out
}

const certificates = () => Promise.all(files(process.env.PEER, '.asc').map((armoredKey) => openpgp.readKey({ armoredKey })))

function read (body) {
  const text = body.toString('latin1')
  if (text.startsWith('-----BEGIN PGP MESSAGE-----')) return openpgp.readMessage({ armoredMessage: text })
  if (!/^[A-Za-z0-9_-]+={0,2}\s*$/.test(text)) throw new Error('neither base64url nor armor')
  return openpgp.readMessage({ binaryMessage: new Uint8Array(Buffer.from(text, 'base64url')) })
}

async function open (body) {
  const own = fault === 'first-key' ? (await privateKeys()).slice(0, 1) : await privateKeys()
  const partner = await good(await certificates())
  let opened
  try {
    const sessionKeys = await openpgp.decryptSessionKeys({ message: await read(body), decryptionKeys: own })
    if (!sessionKeys.every((k) => k.algorithm === undefined || k.algorithm === null || k.algorithm.startsWith('aes'))) throw new Error('a weak cipher')
    opened = await openpgp.decrypt({ message: await read(body), sessionKeys, verificationKeys: partner, format: 'binary' })
  } catch (e) {
    throw badEncryption(e.message)
  }
  const signatures = fault === 'first-signature' ? opened.signatures.slice(0, 1) : opened.signatures
  const why = ['no signature counts']
  for (const s of signatures) {
    try {
      await s.verified
      return opened.data
    } catch (e) {
      why.push(e.message)
    }
    if (fault === 'expired-signer' && await verifies(s, opened.data)) return opened.data
  }
  throw badSignature(why.join('; '))
}

// verifies reports whether a signature is by any key of the partner, whatever became of it.
async function verifies (s, data) {
  const literal = (await openpgp.createMessage({ binary: data })).packets[0]
  for (const packet of (await s.signature).packets) {
    for (const c of await certificates()) {
      if (await c.isRevoked()) continue
      for (const key of c.getKeys(packet.issuerKeyID)) {
        try {
          await packet.verify(key.keyPacket, packet.signatureType, literal, null)
          return true
        } catch {}
      }
    }
  }
  return false
}

async function seal (octets) {
  const sealed = await openpgp.encrypt({
    message: await openpgp.createMessage({ binary: new Uint8Array(octets) }),
    signingKeys: await privateKeys(),
    encryptionKeys: await good(await certificates()),
    format: 'binary',
    config: {
      preferredHashAlgorithm: openpgp.enums.hash.sha384,
      preferredSymmetricAlgorithm: openpgp.enums.symmetric.aes256,
      aeadProtect: false
    }
  })
  return Buffer.from(sealed).toString('base64url')
}

serve('application/octet-stream; charset=utf-8', open, seal)
