import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  type CallCredentials,
  type ChannelInterface as Channel,
  connectivityState,
  credentials,
  Metadata,
  propagate,
  status,
} from '@grpc/grpc-js'
import { PRICING, Pricing, type PricingClient } from '../../kit/grpc/pricing.ts'
import { until } from '../../kit/wait.ts'

/** Run by `versions.test.ts` with each end of the supported range: what a client asks of the channel it was given. */

type Call = ReturnType<Channel['createCall']>
type Listener = Parameters<Call['start']>[1]
type Context = Parameters<Call['sendMessageWithContext']>[0]

class Recorder {
  readonly log: string[] = []
  readonly created: unknown[][] = []
  readonly contexts: Context[] = []
  readonly messages: Buffer[] = []
  state: number = connectivityState.IDLE
  watch: ((error?: Error) => void) | undefined
  listener: Listener | undefined
  metadata: Metadata | undefined
  cancelled: unknown[] = []
  credentials: CallCredentials | undefined

  readonly call = {
    start: (metadata: Metadata, listener: Listener) => {
      this.log.push('start')
      this.metadata = metadata
      this.listener = listener
    },
    sendMessageWithContext: (context: Context, message: Buffer) => {
      this.log.push('send')
      this.contexts.push(context)
      this.messages.push(message)
    },
    startRead: () => this.log.push('read'),
    halfClose: () => this.log.push('halfClose'),
    cancelWithStatus: (...args: unknown[]) => {
      this.log.push('cancel')
      this.cancelled = args
    },
    getPeer: () => 'a peer',
    setCredentials: (given: CallCredentials) => {
      this.log.push('credentials')
      this.credentials = given
    },
    getCallNumber: () => 7,
  } as unknown as Call

  readonly channel = {
    createCall: (...args: unknown[]) => {
      this.log.push('create')
      this.created.push(args)
      return this.call
    },
    close: () => this.log.push('close'),
    getTarget: () => 'target',
    getConnectivityState: (connect: boolean) => {
      this.log.push(`state ${connect}`)
      return this.state
    },
    watchConnectivityState: (state: number, _deadline: unknown, callback: (error?: Error) => void) => {
      this.log.push(`watch ${state}`)
      this.watch = callback
    },
    getChannelzRef: () => ({ kind: 'channel', id: 0, name: 'x' }),
  } as unknown as Channel

  readonly client: PricingClient = new Pricing('anything', credentials.createInsecure(), {
    channelOverride: this.channel,
  })
}

const OK = () => ({ code: status.OK, details: '', metadata: new Metadata() })
const turn = () => new Promise((resolve) => setImmediate(resolve))
const PATH = `/${PRICING}`
const answer = Buffer.from(Pricing.service.Quote.responseSerialize({ index: 3 } as never))

test('this process has the version that is asked for', () => {
  const from = dirname(fileURLToPath(import.meta.resolve('@grpc/grpc-js')))
  const manifest = JSON.parse(readFileSync(join(from, '../../package.json'), 'utf8'))
  assert.deepEqual(
    [manifest.name, manifest.version],
    ['@grpc/grpc-js', process.env.EXPECTED_GRPC_JS ?? manifest.version],
  )
})

test('unary: create, start, one read, one message without a callback, half-close, in one turn', () => {
  const { client, log, created, contexts, messages } = new Recorder()
  client.quote({ sku: 'a' }, () => {})
  assert.deepEqual(log, ['create', 'start', 'read', 'send', 'halfClose'])
  assert.deepEqual(created, [[`${PATH}/Quote`, Infinity, undefined, null, undefined]])
  assert.equal(contexts[0]?.callback, undefined)
  assert.ok(Buffer.isBuffer(messages[0]))
})

test('unary: what is answered is what the caller gets', async () => {
  const recorder = new Recorder()
  const got = new Promise<any>((resolve) =>
    recorder.client.quote({ sku: 'a' }, (error, value) => resolve(error ?? value)),
  )
  recorder.listener?.onReceiveMetadata(new Metadata())
  recorder.listener?.onReceiveMessage(answer)
  recorder.listener?.onReceiveStatus(OK())
  assert.equal((await got).index, 3)
  assert.deepEqual(recorder.log.slice(5), [], 'nothing further is asked')
})

test('the options of a call are the arguments of createCall, and its credentials come before the start', () => {
  const recorder = new Recorder()
  const deadline = Date.now() + 1000
  const given = credentials.createFromMetadataGenerator((_, done) => done(null, new Metadata()))
  const parent = {} as never
  const options = { deadline, host: 'h', parent, propagate_flags: propagate.DEADLINE, credentials: given }
  recorder.client.quote({}, new Metadata(), options, () => {})
  assert.deepEqual(recorder.created, [[`${PATH}/Quote`, deadline, 'h', parent, propagate.DEADLINE]])
  assert.deepEqual(recorder.log.slice(0, 3), ['create', 'credentials', 'start'])
  assert.equal(recorder.credentials, given)
})

test('metadata arrives as it was given, options included', () => {
  const recorder = new Recorder()
  const metadata = new Metadata({ waitForReady: true })
  metadata.set('x-bin', Buffer.from([0, 255]))
  recorder.client.quote({}, metadata, () => {})
  assert.deepEqual(recorder.metadata?.get('x-bin'), [Buffer.from([0, 255])])
  assert.equal(recorder.metadata?.getOptions().waitForReady, true)
})

test('client stream: the next message waits for the callback of the last, and so does the half-close', async () => {
  const recorder = new Recorder()
  const call = recorder.client.upload(() => {})
  call.write({ sku: 'a' })
  call.write({ sku: 'b' })
  call.end()
  await turn()
  assert.deepEqual(recorder.log, ['create', 'start', 'read', 'send'])
  assert.equal(recorder.contexts[0]?.flags, undefined)
  recorder.contexts[0]?.callback?.()
  await turn()
  assert.deepEqual(recorder.log.slice(4), ['send'])
  recorder.contexts[1]?.callback?.()
  await turn()
  assert.deepEqual(recorder.log.slice(5), ['halfClose'])
})

test('the encoding of a write is its flags', async () => {
  const recorder = new Recorder()
  const call = recorder.client.upload(() => {})
  call.write({ sku: 'a' }, 2 as never)
  await turn()
  assert.equal(recorder.contexts[0]?.flags, 2)
})

test('server stream: reads are asked for one at a time, and none while nobody reads', async () => {
  const recorder = new Recorder()
  const call = recorder.client.watch({ count: 2 })
  assert.deepEqual(recorder.log, ['create', 'start', 'send', 'halfClose'])
  await turn()
  assert.equal(recorder.log.length, 4, 'nobody reads')
  call.on('data', () => {})
  await until(() => recorder.log[4] === 'read', { what: 'the first read' })
  await turn()
  assert.equal(recorder.log.length, 5, 'one read until a message has come')
  recorder.listener?.onReceiveMessage(answer)
  await until(() => recorder.log.length === 6, { what: 'the second read' })
  assert.equal(recorder.log[5], 'read')
})

test('server stream: a reader that has stopped asks for no more than fits its buffer', async () => {
  const recorder = new Recorder()
  const call = recorder.client.watch({ count: 2 })
  call.once('readable', () => {})
  let served = 1
  const reads = () => recorder.log.filter((what) => what === 'read').length
  for (let turns = 0; turns < 100; turns++) {
    await turn()
    if (reads() < served) continue
    served++
    recorder.listener?.onReceiveMessage(answer)
  }
  assert.ok(reads() <= 17, `${reads()} reads for a buffer of 16`)
})

test('bidirectional: both at once, by the same rules', async () => {
  const recorder = new Recorder()
  const call = recorder.client.chat()
  assert.deepEqual(recorder.log, ['create', 'start'])
  call.write({ sku: 'a' })
  call.write({ sku: 'b' })
  call.on('data', () => {})
  await turn()
  assert.deepEqual(recorder.log.slice(2).sort(), ['read', 'send'])
})

test('cancel() becomes cancelWithStatus, and so does a message that cannot be written or read', async () => {
  const cancelled = new Recorder()
  cancelled.client.quote({}, () => {}).cancel()
  assert.deepEqual(cancelled.cancelled, [status.CANCELLED, 'Cancelled on client'])

  const junk = new Recorder()
  const result = new Promise<any>((resolve) => junk.client.quote({}, (error) => resolve(error)))
  junk.listener?.onReceiveMessage(Buffer.from([0xff]))
  assert.equal(junk.cancelled[0], status.INTERNAL)
  junk.listener?.onReceiveStatus({ code: status.CANCELLED, details: '', metadata: new Metadata() })
  assert.equal((await result).code, status.INTERNAL, 'the client keeps its own reason')

  const unwritable = new Recorder()
  const message = {
    get sku(): string {
      throw new Error('unwritable')
    },
  }
  unwritable.client.quote(message, () => {})
  assert.equal(unwritable.cancelled[0], status.INTERNAL)
})

test('what a status carries beyond code, details and metadata lands on the error of the caller', async () => {
  const recorder = new Recorder()
  const error = new Promise<any>((resolve) => recorder.client.quote({}, resolve))
  const cause = new Error('why')
  const plain = { code: status.UNAVAILABLE, details: 'gone', metadata: new Metadata(), cause }
  recorder.listener?.onReceiveStatus(plain)
  const { code, details, cause: told } = await error
  assert.deepEqual([code, details, told], [status.UNAVAILABLE, 'gone', cause])
})

test('a status may be reported within start() and within cancelWithStatus()', async () => {
  const recorder = new Recorder()
  const call = recorder.call as any
  call.start = (_: Metadata, listener: Listener) =>
    listener.onReceiveStatus({ code: status.ABORTED, details: 'at once', metadata: new Metadata() })
  const error = await new Promise<any>((resolve) => recorder.client.quote({}, resolve))
  assert.deepEqual([error.code, error.details], [status.ABORTED, 'at once'])

  const late = new Recorder()
  ;(late.call as any).cancelWithStatus = (code: number, details: string) =>
    late.listener?.onReceiveStatus({ code, details, metadata: new Metadata() })
  const got = new Promise<any>((resolve) => {
    late.client.quote({}, resolve).cancel()
  })
  assert.equal((await got).code, status.CANCELLED)
})

test('getPeer, getChannel and close go to the override', () => {
  const recorder = new Recorder()
  assert.equal(recorder.client.quote({}, () => {}).getPeer(), 'a peer')
  assert.equal(recorder.client.getChannel(), recorder.channel)
  recorder.client.close()
  assert.equal(recorder.log.at(-1), 'close')
})

test('waitForReady asks for the state, watches it, and asks again', async () => {
  const recorder = new Recorder()
  const ready = new Promise<Error | undefined>((resolve) =>
    recorder.client.waitForReady(Date.now() + 1000, resolve),
  )
  await until(() => recorder.watch, { what: 'a watch' })
  assert.deepEqual(recorder.log, ['state true', `watch ${connectivityState.IDLE}`])
  recorder.state = connectivityState.READY
  recorder.watch?.()
  assert.equal(await ready, undefined)
  assert.equal(recorder.log.at(-1), 'state true')

  const late = new Recorder()
  const failed = new Promise<Error | undefined>((resolve) => late.client.waitForReady(0, resolve))
  ;(await until(() => late.watch, { what: 'a watch' }))(new Error('late'))
  assert.match(String(await failed), /before the deadline/)
})
