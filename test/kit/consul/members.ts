import type { AddressInfo } from 'node:net'
import { createMesh, type Mesh, type MeshOptions } from '../../../src/index.ts'
import { folder, type MemberProgram, startMember } from '../member.ts'
import type { Cleanup } from '../process.ts'
import { delay, until } from '../wait.ts'
import type { Agent } from './agent.ts'

/** Where `publish` puts the policy, as members are told. */
export const POLICY_KEY = 'consul://tulle/mesh.yaml'

/** The same policy for all, in Consul's KV store: handshakes may wait for the processor of a busy machine. */
export async function publish(
  agent: Agent,
  services: Readonly<Record<string, object>> = {},
): Promise<string> {
  const text = JSON.stringify({ version: 1, defaults: { connect: { timeout: '5s' } }, services })
  const { status } = await agent.api('PUT', '/v1/kv/tulle/mesh.yaml', text)
  if (status !== 200) throw new Error(`the policy was not taken: ${status}`)
  return POLICY_KEY
}

/** A service of the mesh on Consul, in a process of its own, with a folder for what it keeps. */
export async function startOnConsul(
  t: Cleanup,
  agent: Pick<Agent, 'env'>,
  service: string,
  env: Readonly<Record<string, string>> = {},
): Promise<MemberProgram> {
  return startMember(t, {
    service,
    stateDir: folder(t),
    env: { ...agent.env, TULLE_DISCOVERY: 'consul', TULLE_POLICY: POLICY_KEY, ...env },
  })
}

/** What a mesh in this process said in its log, a line each. */
export interface LocalMember {
  readonly mesh: Mesh
  readonly said: string[]
}

export interface LocalOptions extends Partial<Omit<MeshOptions, 'service' | 'env' | 'discovery'>> {
  /** Where the agent is, and how it is spoken to: the variables of Consul's own tools. */
  readonly env: Readonly<Record<string, string>>
}

/** A mesh on Consul in this process; its policy is its own unless it is told of another. Closed after the test. */
export function localMember(t: Cleanup, service: string, options: LocalOptions): LocalMember {
  const said: string[] = []
  const say = (message: string, fields: object = {}): void => {
    said.push(`${message} ${JSON.stringify(fields)}`)
  }
  const mesh = createMesh({
    service,
    policy: { version: 1, defaults: { connect: { timeout: '5s' } } },
    drainDelay: 0,
    logger: { debug() {}, info() {}, warn: say, error: say },
    ...options,
    discovery: 'consul',
  })
  t.after(() => mesh.close())
  return { mesh, said }
}

export interface Answer {
  readonly service: string
  readonly port: number
  readonly from: string | undefined
  readonly id: string | undefined
}

/** It answers who it is and who asked. Resolves with the port once it listens. */
export async function answering(mesh: Mesh, port = 0, host = '127.0.0.1'): Promise<number> {
  const server = await mesh.serve(
    (req, res) => {
      const { peer } = req.mesh ?? {}
      const { port: own } = req.socket.address() as AddressInfo
      res.end(JSON.stringify({ service: mesh.service, port: own, from: peer?.service, id: peer?.id }))
    },
    { port, host },
  )
  return server.port
}

/** What a call of a service that `answering` serves comes to. Rejects as `fetch` does, and where it is no 200. */
export async function ask(mesh: Mesh, url: string): Promise<Answer> {
  const answer = await mesh.fetch(url)
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${text}`)
  return JSON.parse(text) as Answer
}

/** Resolves when a member gets an answer from there. */
export function answers(from: MemberProgram, url: string, withinMs = 15_000): Promise<unknown> {
  let last: unknown
  return until(
    async () => {
      last = await from.fetch(url)
      return (last as { status?: number }).status === 200
    },
    { what: `an answer from ${url}`, withinMs, seen: () => last },
  )
}

/** The same of a mesh in this process. Resolves with the answer. */
export function answered(mesh: Mesh, url: string, withinMs = 15_000): Promise<Answer> {
  let last: unknown
  return until(
    async () => {
      try {
        return await ask(mesh, url)
      } catch (error) {
        last = String(error)
        return undefined
      }
    },
    { what: `an answer from ${url}`, withinMs, seen: () => last },
  )
}

export interface Load {
  /** So far. */
  sent(): number
  stop(): Promise<{ readonly sent: number; readonly failed: readonly string[] }>
}

/** Calls from several callers, one after the other, until told to stop; every failure is kept. */
export function load(call: () => Promise<string | undefined>, { callers = 4, everyMs = 5 } = {}): Load {
  let stopped = false
  let sent = 0
  const failed: string[] = []
  const caller = async (): Promise<void> => {
    while (!stopped) {
      const failure = await call()
      sent += 1
      if (failure !== undefined) failed.push(failure)
      await delay(everyMs)
    }
  }
  const all = Promise.all(Array.from({ length: callers }, caller))
  return {
    sent: () => sent,
    stop: async () => {
      stopped = true
      await all
      return { sent, failed }
    },
  }
}

/** Resolves when so many calls more have been made. */
export function more({ sent }: Load, calls = 200): Promise<unknown> {
  const enough = sent() + calls
  return until(() => sent() >= enough, { what: `${calls} calls more`, withinMs: 30_000, seen: sent })
}

/** For `load`: a call of a member in a process of its own. */
export const calling = (from: MemberProgram, url: string) => async (): Promise<string | undefined> => {
  const { status, code, message } = await from.fetch(url)
  return status === 200 ? undefined : `${status} ${code}: ${message}`
}

/** For `load`: a call of a mesh in this process. */
export const asking = (mesh: Mesh, url: string) => async (): Promise<string | undefined> => {
  try {
    await ask(mesh, url)
    return undefined
  } catch (error) {
    return String(error)
  }
}
