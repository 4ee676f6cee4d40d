import type { ProxyPair } from '../arms/arm.ts'

/** Two proxies that speak mutual TLS to each other, as beside two applications. */
export interface Pair {
  /** Plaintext, for the calling application. */
  readonly port: number
  /** Where the inner proxy takes what the outer one sends, over mutual TLS. */
  readonly securePort: number
  readonly pids: readonly number[]
  readonly version: string
  stop(): Promise<void>
}

export interface PairSettings {
  /** Of the application that is called. */
  readonly upstreamPort: number
  readonly certificates: string
  /** What a proxy is started under, such as `taskset`. */
  readonly under: (command: readonly string[]) => [string, ...string[]]
  readonly tell: (line: string) => void
}

export type StartPair = (settings: PairSettings) => Promise<Pair>

export const startPair = async (kind: ProxyPair, settings: PairSettings): Promise<Pair> => {
  if (kind === 'haproxy') return (await import('./haproxy.ts')).startHaproxyPair(settings)
  if (kind === 'nginx') return (await import('./nginx.ts')).startNginxPair(settings)
  return (await import('./connect.ts')).startConnectPair(settings)
}
