import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js'
import {
  callHeaders,
  DATA,
  END_HEADERS,
  END_STREAM,
  HEADERS,
  HELLO,
  h2Frame,
  headerBlock,
  PING,
  RST_STREAM,
  rawPeer,
} from '../kit/grpc/frames.ts'
import { inboundGrpc } from '../kit/grpc/inbound.ts'
import { frame } from '../kit/grpc/raw-server.ts'
import { denying } from '../kit/inbound-harness.ts'
import { root } from '../kit/root.ts'
import { until } from '../kit/wait.ts'

const DENIED = '/pkg.Admin/Drop'
/** Ways around a denied method, beside the shared vectors. */
const OWN = [
  DENIED,
  'pkg.Admin/Drop',
  '//pkg.Admin/Drop',
  '/pkg.Admin//Drop',
  '/pkg.Admin/Drop/',
  '/./pkg.Admin/Drop',
  '/pkg.Admin/../pkg.Admin/Drop',
  '/x/../pkg.Admin/Drop',
  '/%70kg.Admin/Drop',
  '/pkg.Admin%2fDrop',
  '/pkg.Admin%2FDrop',
  '/pkg.Admin\\Drop',
  '/pkg.Admin/Drop?x',
  '/pkg.Admin/Drop#x',
  '/pkg.Admin/Drop;x',
  '/pkg.Admin/Drop%00',
  '/pkg.Admin/Drop\u0000',
  '/pkg.Admin/Drop ',
  ' /pkg.Admin/Drop',
  '/pkg.Admin/Drop\t',
  '/pkg.Admin/Drop\u00a0',
  '/PKG.ADMIN/DROP',
  '/pkg.admin/drop',
  'http://pricing.mesh/pkg.Admin/Drop',
  'https://evil/pkg.Admin/Drop',
  '/__proto__/Drop',
  '/constructor',
  '__proto__',
  'constructor',
  '*',
  '',
]

interface Vector {
  readonly input: string
  readonly expect: string
}

function vectors(): Vector[] {
  const file = join(root, '..', 'shared', 'vectors', 'path-normalization.json')
  const shared = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')).vectors as Vector[]) : []
  return [...OWN.map((input) => ({ input, expect: DENIED })), ...shared]
}

/** Methods of any path, each of which notes that it was executed. */
function methods(
  paths: Iterable<string>,
  executed: string[],
): [ServiceDefinition, UntypedServiceImplementation] {
  const bytes = (value: Buffer): Buffer => value
  const codec = {
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  }
  const definition: Record<string, ServiceDefinition[string]> = {}
  const implementation: UntypedServiceImplementation = {}
  for (const path of paths) {
    const name = `of ${path}`
    definition[name] = { path, requestStream: false, responseStream: false, ...codec }
    implementation[name] = (_call: unknown, answer: (error: null, value: Buffer) => void) => {
      executed.push(path)
      answer(null, Buffer.alloc(0))
    }
  }
  return [definition, implementation]
}

/** The whole of a call; sent when the peer's words say that it was heard. */
function call(path: string): Buffer[] {
  return [
    h2Frame(HEADERS, END_HEADERS, 1, headerBlock(callHeaders(path))),
    h2Frame(DATA, END_STREAM, 1, frame(Buffer.alloc(0))),
    h2Frame(PING, 0, 0, Buffer.alloc(8)),
  ]
}

/** Of each frame its type and its stream. */
function frames(bytes: Buffer): [number, number][] {
  const found: [number, number][] = []
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    found.push([bytes[at + 3]!, bytes.readUInt32BE(at + 5)])
  return found
}

test('FAULTS 48, incident 7: gRPC knows one spelling of a method: it is judged under that, and no other leads there', async (t) => {
  const all = vectors()
  // What any normaliser would make of them is there to be reached, and so are they themselves.
  const denied = new Set([DENIED, '/admin', ...all.filter((v) => v.input !== v.expect).map((v) => v.expect)])
  const inputs = new Set(all.map(({ input }) => input))
  const executed: string[] = []
  const scene = await inboundGrpc(t, { layer: denying((path) => denied.has(path)) })
  scene.grpc.addService(...methods(new Set([...denied, ...inputs]), executed))
  let answered = 0
  for (const input of inputs) {
    const peer = rawPeer(t, scene.port, HELLO, ...call(input))
    let closed = false
    peer.closed.then(() => {
      closed = true
    })
    const over = (): boolean =>
      frames(peer.received()).some(
        ([type, stream]) => stream === 1 && (type === HEADERS || type === RST_STREAM),
      )
    await until(() => closed || over(), { what: `an end of ${JSON.stringify(input)}`, everyMs: 0 })
    if (executed.length > 0) {
      assert.deepEqual(executed.splice(0), [input])
      assert.equal(denied.has(input), false, input)
      answered++
    }
    for (const { call } of scene.harness.seen.splice(0)) assert.equal(call.path, input)
    peer.socket.destroy()
  }
  t.diagnostic(`${answered} of ${inputs.size} spellings were methods of their own`)
  assert.ok(answered > 10)
  await until(() => scene.harness.inFlight() === 0, { what: 'every call to end' })
})
