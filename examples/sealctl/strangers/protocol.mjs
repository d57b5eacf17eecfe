// The echo of the Standard Payments family in Node, without the cryptography: what
// openpgpjs.mjs and jose.mjs share.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const limit = 1 << 20
const off = 60_000

export const fault = process.env.FAULT ?? ''

// faults ends the program unless the fault is one that it can make.
export function faults (...names) {
  if (fault !== '' && !names.includes(fault)) {
    console.error(`FAULT=${fault}: the names are ${names.join(', ')}`)
    process.exit(2)
  }
}

// load imports a package from the folder that SEALWAX_NODE_MODULES names.
export async function load (name) {
  const require = createRequire(join(process.env.SEALWAX_NODE_MODULES, 'x.js'))
  return import(pathToFileURL(require.resolve(name)))
}

// files returns the contents of the files in a folder, by their names.
export function files (folder, ending) {
  return readdirSync(folder).filter((name) => name.endsWith(ending)).sort().map((name) => readFileSync(join(folder, name), 'utf8'))
}

// A Refusal is why a request is not opened. The sender learns the status alone.
export class Refusal extends Error {
  constructor (status, why) {
    super(why)
    this.status = status
  }
}

export const badEncryption = (why) => new Refusal(400, `INVALID_PAYLOAD_ENCRYPTION: ${why}`)
export const badSignature = (why) => new Refusal(401, `INVALID_PAYLOAD_SIGNATURE: ${why}`)

// strict parses JSON of octets. JSON.parse takes the last of two members of one name, and
// half a surrogate pair.
export function strict (octets) {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets)
  const value = JSON.parse(text)
  const names = [] // of the objects and arrays around
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') {
      names.push(new Set())
    } else if (token === '}' || token === ']') {
      names.pop()
    } else {
      const s = JSON.parse(token.replace(/\s*:$/, ''))
      if (!s.isWellFormed()) throw new SyntaxError('half a surrogate pair')
      if (token.endsWith(':')) {
        if (names.at(-1).has(s)) throw new SyntaxError('a member stands twice')
        names.at(-1).add(s)
      }
    }
  }
  return value
}

// request returns an echo request, or null if it is none.
function request (octets) {
  try {
    const r = strict(octets)
    const { protocolVersion: v, requestId, requestTimestamp } = r.requestHeader
    const good = [v.major, v.minor, v.revision].every(Number.isInteger) && typeof requestId === 'string' &&
      typeof requestTimestamp === 'string' && /^(0|[1-9][0-9]{0,15})$/.test(requestTimestamp) && typeof r.clientMessage === 'string'
    return good ? r : null
  } catch {
    return null
  }
}

// answer returns the status and the reply to what was opened.
function answer (octets) {
  const responseHeader = { responseTimestamp: String(Date.now()) }
  const error = (errorResponseCode) => [400, { responseHeader, errorResponseCode, errorDescription: 'refused' }]
  const r = request(octets)
  if (r === null) return error('INVALID_DECRYPTED_REQUEST')
  if (Math.abs(Date.now() - Number(r.requestHeader.requestTimestamp)) > off) return error('REQUEST_TIMESTAMP_OUT_OF_RANGE')
  return [200, { responseHeader, clientMessage: r.clientMessage, serverMessage: 'a stranger' }]
}

async function body (req) {
  const parts = []
  let size = 0
  for await (const part of req) {
    size += part.length
    if (size > limit) throw new Refusal(413, 'too long')
    parts.push(part)
  }
  return Buffer.concat(parts)
}

// serve answers echo requests: open turns a body into octets, seal the octets of a reply into
// a body.
export function serve (contentType, open, seal) {
  const mediaType = contentType.split(';')[0]
  const server = createServer(async (req, res) => {
    try {
      if (req.method !== 'POST') throw new Refusal(405, 'not a POST')
      if ((req.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase() !== mediaType) throw new Refusal(415, 'another content type')
      const [status, reply] = answer(await open(await body(req)))
      const sealed = await seal(Buffer.from(JSON.stringify(reply)))
      res.writeHead(status, { 'content-type': contentType }).end(sealed)
    } catch (e) {
      console.error(e instanceof Refusal ? e.message : e.stack)
      const status = e instanceof Refusal ? e.status : 500
      if (status === 413) res.setHeader('connection', 'close')
      res.writeHead(status).end(fault === 'text' ? String(e.message) : '')
    }
  })
  server.listen(0, '127.0.0.1', () => console.log(`serving http://127.0.0.1:${server.address().port}/echo`))
}
