import { Forked } from './forked.ts'
import type { Refused, Subscriber } from './messages.ts'

/** The plane, as a process of its own: started, killed and started again on the same port and state directory. */
export class PlaneProcess extends Forked {
  readonly dir: string
  /** How long a certificate lives. */
  readonly lifetimeMs: number

  constructor(port: number, dir: string, lifetimeMs: number, env: NodeJS.ProcessEnv) {
    super('plane', port, 'plane', { ...env, DEMO_PLANE_DIR: dir, DEMO_SVID_TTL_MS: String(lifetimeMs) })
    this.dir = dir
    this.lifetimeMs = lifetimeMs
  }

  /** A join token for one service. */
  async token(service: string): Promise<string> {
    return (await this.ask({ ask: 'token', service })) as string
  }

  /** @throws Error in the plane's own words, when it refuses the policy */
  async push(documents: ReadonlyMap<string, string>): Promise<void> {
    must(await this.ask({ ask: 'push', documents: [...documents].map(([name, text]) => ({ name, text })) }))
  }

  /** A new root signs from now on. */
  async rotate(): Promise<void> {
    must(await this.ask({ ask: 'rotate' }))
  }

  /** Undefined: the old root is trusted no more. Otherwise why it still is. */
  async retire(): Promise<string | undefined> {
    return ((await this.ask({ ask: 'retire' })) as Refused | undefined)?.refused
  }

  /** Who runs which version of the policy. */
  async subscribers(): Promise<readonly Subscriber[]> {
    return (await this.ask({ ask: 'subscribers' })) as readonly Subscriber[]
  }
}

function must(answer: unknown): void {
  const refused = (answer as Refused | undefined)?.refused
  if (refused !== undefined) throw new Error(refused)
}
