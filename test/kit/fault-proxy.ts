import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net'
import { Direction, type Fault } from './fault-direction.ts'

export type { Fault } from './fault-direction.ts'

/** What happens to one connection. Everything left out: bytes go through untouched. */
export interface Plan {
  /**
   * At once: `fin` and `reset` end it; `silence` never reads a byte of it; `swallow` reads everything, passes nothing
   * on and never answers.
   */
  readonly accept?: 'fin' | 'reset' | 'silence' | 'swallow'
  readonly faults?: readonly Fault[]
}

export interface ProxyCounters {
  accepted: number
  /** Connections on which a fault struck. */
  faulted: number
  requestBytes: number
  responseBytes: number
}

export interface FaultProxy {
  readonly port: number
  readonly address: string
  readonly counters: ProxyCounters
  readonly open: number
  /** The plan of every new connection from now on; the function gets the number of the connection, from 0. */
  plan(plan: Plan | ((connection: number) => Plan)): void
  /** From now on nothing passes on the connections that are open: a link that swallows packets. */
  freeze(): void
  /** Ends the connections that are open. */
  drop(how?: 'fin' | 'reset'): void
  /** Closes the listener: connects are refused. */
  refuse(): Promise<void>
  /** Listens on the same port again. */
  restore(): Promise<void>
  close(): Promise<void>
}

/** A TCP proxy in front of `target` (`host:port`) that breaks connections on purpose. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const [host, upstreamPort] = target.split(':') as [string, string]
  const counters: ProxyCounters = { accepted: 0, faulted: 0, requestBytes: 0, responseBytes: 0 }
  const links = new Set<Link>()
  let planOf: (connection: number) => Plan = () => ({})

  const accept = (client: Socket): void => {
    const plan = planOf(counters.accepted++)
    client.on('error', () => {})
    if (plan.accept !== undefined) {
      counters.faulted++
      if (plan.accept === 'fin') return void client.end()
      if (plan.accept === 'reset') return void client.resetAndDestroy()
      if (plan.accept === 'silence') client.pause()
      else client.resume()
    }
    const link = new Link(client, plan, counters)
    links.add(link)
    client.on('close', () => links.delete(link))
    if (plan.accept === undefined) link.join(dial({ host, port: Number(upstreamPort), noDelay: true }))
  }

  const listen = async (port: number): Promise<Server> => {
    const created = createServer({ noDelay: true, allowHalfOpen: true }, accept)
    await new Promise<void>((resolve, reject) => {
      created.once('error', reject)
      created.listen(port, '127.0.0.1', resolve)
    })
    return created
  }
  const drop = (how: 'fin' | 'reset' = 'reset'): void => {
    for (const link of links) link.end(how)
  }
  const stopListening = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      for (const link of links) link.destroy()
    })

  let server = await listen(0)
  const port = (server.address() as AddressInfo).port
  return {
    port,
    address: `127.0.0.1:${port}`,
    counters,
    get open() {
      return links.size
    },
    plan(plan) {
      planOf = typeof plan === 'function' ? plan : () => plan
    },
    freeze() {
      for (const link of links) link.freeze()
    },
    drop,
    refuse: stopListening,
    async restore() {
      server = await listen(port)
    },
    close: stopListening,
  }
}

/** One connection through the proxy: two directions that know whose turn it is. */
class Link {
  readonly #client: Socket
  readonly #plan: Plan
  readonly #counters: ProxyCounters
  #upstream: Socket | undefined
  #directions: Direction[] = []

  constructor(client: Socket, plan: Plan, counters: ProxyCounters) {
    this.#client = client
    this.#plan = plan
    this.#counters = counters
  }

  join(upstream: Socket): void {
    const client = this.#client
    this.#upstream = upstream
    const faults = this.#plan.faults ?? []
    const strike = (how: 'fin' | 'reset'): void => {
      this.#counters.faulted++
      this.end(how)
    }
    const request = new Direction('request', client, upstream, faults, strike)
    const response = new Direction('response', upstream, client, faults, strike)
    this.#directions = [request, response]
    let speaker: 'request' | 'response' = 'request'
    client.on('data', (chunk: Buffer) => {
      this.#counters.requestBytes += chunk.length
      if (speaker === 'response') {
        speaker = 'request'
        request.nextTurn()
        response.nextTurn()
      }
      request.push(chunk)
    })
    upstream.on('data', (chunk: Buffer) => {
      this.#counters.responseBytes += chunk.length
      speaker = 'response'
      response.push(chunk)
    })
    client.on('end', () => request.finish())
    upstream.on('end', () => response.finish())
    upstream.on('error', () => client.resetAndDestroy())
    upstream.on('close', () => response.finish())
    client.on('close', () => upstream.destroy())
  }

  freeze(): void {
    for (const direction of this.#directions) direction.silence()
  }

  /** The upstream always gets a polite end, so that what was passed on to it is still read there. */
  end(how: 'fin' | 'reset'): void {
    this.freeze()
    this.#upstream?.end()
    if (how === 'reset') this.#client.resetAndDestroy()
    else this.#client.end()
  }

  destroy(): void {
    this.freeze()
    this.#upstream?.destroy()
    this.#client.destroy()
  }
}
