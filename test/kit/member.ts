import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Plane, PlaneOptions } from '../../src/plane.ts'
import type { Health } from '../../src/report.ts'
import { type Cleanup, siblingOf, startProcess, type TestProcess } from './process.ts'
import { until } from './wait.ts'

export interface PlaneProgram {
  readonly process: TestProcess
  readonly url: string
  readonly port: number
  readonly tokens: Readonly<Record<string, string>>
}

/** A plane in a process of its own. */
export async function startPlaneProcess(
  t: Cleanup,
  options: PlaneOptions,
  ...services: string[]
): Promise<PlaneProgram> {
  const file = siblingOf(import.meta.url, './plane-process')
  const process = await startProcess(t, file, {
    args: [JSON.stringify(options), ...services],
    readyWithinMs: 20_000,
  })
  return { process, ...JSON.parse(process.ready[1] as string) }
}

export interface Said {
  readonly status?: number
  readonly text?: string
  readonly code?: string
  readonly message?: string
}

export interface MemberProgram {
  readonly process: TestProcess
  readonly port: number
  /** Of the workers, where it is a cluster. */
  readonly pids: readonly number[]
  /** What a `mesh.fetch` in it gave. */
  fetch(url: string): Promise<Said>
  health(): Promise<Health>
}

export interface MemberOptions {
  readonly service: string
  /** Undefined: it joins no plane. */
  readonly token?: string | undefined
  readonly stateDir?: string
  /** Default any. */
  readonly port?: number
  readonly workers?: number
  readonly scheduling?: 'none' | 'rr'
  readonly env?: Readonly<Record<string, string>>
}

/** A service of the mesh in a process of its own, which answers who it is and calls whom it is told to. */
export async function startMember(t: Cleanup, options: MemberOptions): Promise<MemberProgram> {
  const { service, token, stateDir, port = 0, workers = 0, scheduling = 'rr', env } = options
  const process = await startProcess(t, siblingOf(import.meta.url, './member-process'), {
    args: [`${port}`, `${workers}`, scheduling],
    readyWithinMs: 20_000,
    env: {
      TULLE_SERVICE: service,
      ...(token === undefined ? {} : { TULLE_JOIN_TOKEN: token }),
      TULLE_DRAIN_DELAY: '300ms',
      ...(stateDir === undefined ? {} : { TULLE_STATE_DIR: stateDir }),
      ...env,
    },
  })
  const ready = JSON.parse(process.ready[1] as string) as { port: number; control: number; pids?: number[] }
  const control = async (path: string) => (await fetch(`http://127.0.0.1:${ready.control}${path}`)).json()
  return {
    process,
    port: ready.port,
    pids: ready.pids ?? [],
    fetch: (url) => control(`/?url=${encodeURIComponent(url)}`) as Promise<Said>,
    health: () => control('/health') as Promise<Health>,
  }
}

/**
 * A folder that is gone after the test. Who is about to close may still write into it: Node 20 does not look again at
 * what it has listed once, so all of it is tried again.
 */
export function folder(t: Cleanup): string {
  const path = mkdtempSync(join(tmpdir(), 'tulle-e2e-'))
  const remove = () =>
    rm(path, { recursive: true, force: true }).then(
      () => true,
      () => false,
    )
  t.after(() => until(remove, { what: `the end of ${path}` }))
  return path
}

/** What the plane knows of a service: `address:port` and how many instances hold it. */
export function held(plane: Plane, service: string): Record<string, number> {
  const endpoints = (plane.services()[service] ?? []) as {
    address: string
    port: number
    instances: number
  }[]
  return Object.fromEntries(
    endpoints.map(({ address, port, instances }) => [`${address}:${port}`, instances]),
  )
}

/**
 * Handshakes may wait for the processor of a machine on which other tests run too: what is shown is that no call is
 * lost, not how fast connections are made.
 */
export async function patient(plane: Plane, ...services: string[]): Promise<void> {
  const patience = Object.fromEntries(services.map((service) => [service, { connect: { timeout: '5s' } }]))
  const text = JSON.stringify({ version: 1, services: patience })
  await plane.pushPolicy({ documents: [{ name: 'patience.json', text }] })
}
