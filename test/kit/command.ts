import { run } from '../../src/cli/program.ts'
import type {
  ConsulPlaneSettings,
  LinkTarget,
  PlaneSettings,
  RunningConsulPlane,
  RunningPlane,
  World,
} from '../../src/cli/world.ts'
import type { ConsulAgentOptions } from '../../src/control/consul-agent.ts'
import type { ConsulLink } from '../../src/core/consul.ts'
import type { PlaneLink, PlaneRequest } from '../../src/core/plane.ts'

export interface CommandRun {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Some time in 2026. */
export const NOW = Date.UTC(2026, 10, 21, 6, 0, 0)

/** `tulle_admin_…` or `tulle_join_…` of a plane that nobody asks. */
export function tokenText(kind: 'admin' | 'join', content: object = {}): string {
  const whole = {
    urls: ['https://plane.test:7400'],
    rootSha256: 'ab'.repeat(32),
    trustDomain: 'test.example',
    ...content,
  }
  return `tulle_${kind}_${Buffer.from(JSON.stringify(whole)).toString('base64url')}.c2VjcmV0LXNlY3JldA`
}

/** What a plane answers by `METHOD /path`: a body, or what it rejects with. */
export type Answers = Readonly<Record<string, unknown>>

/** A world without a network: its links answer from a list and keep what was asked. */
export class FakeWorld implements World {
  env: Record<string, string | undefined> = { TULLE_ADMIN_TOKEN: tokenText('admin') }
  cwd = '/nowhere'
  author = 'alice@laptop'
  readonly asked: PlaneRequest[] = []
  readonly linked: LinkTarget[] = []
  started: PlaneSettings | undefined
  plane: RunningPlane | undefined
  consulStarted: ConsulPlaneSettings | undefined
  consulPlane: RunningConsulPlane | undefined
  open = 0
  readonly #answers: Answers

  constructor(answers: Answers = {}) {
    this.#answers = answers
  }

  wall(): number {
    return NOW
  }

  async openLink(to: LinkTarget): Promise<PlaneLink> {
    this.linked.push(to)
    this.open++
    return {
      urls: to.urls,
      send: async (request) => {
        this.asked.push(request)
        const answer = this.#answers[`${request.method} ${request.path}`]
        if (answer instanceof Error) throw answer
        if (answer === undefined && !(`${request.method} ${request.path}` in this.#answers))
          throw new Error(`nobody said what ${request.method} ${request.path} is answered with`)
        return { status: 200, etag: undefined, body: answer }
      },
      close: async () => {
        this.open--
      },
    }
  }

  /** What a Consul agent would say; undefined: nobody asks one. */
  consul: ConsulLink | undefined
  readonly agents: ConsulAgentOptions[] = []

  openConsul(agent: ConsulAgentOptions): ConsulLink {
    this.agents.push(agent)
    if (this.consul === undefined) throw new Error('no Consul was expected')
    return this.consul
  }

  async startPlane(settings: PlaneSettings): Promise<RunningPlane> {
    this.started = settings
    if (this.plane === undefined) throw new Error('no plane was expected')
    return this.plane
  }

  async startConsulPlane(settings: ConsulPlaneSettings): Promise<RunningConsulPlane> {
    this.consulStarted = settings
    if (this.consulPlane === undefined) throw new Error('no plane in Consul was expected')
    return this.consulPlane
  }

  async stopped(): Promise<string> {
    return 'SIGTERM'
  }
}

/** One command line, and what it printed. */
export async function tulle(world: World, ...args: readonly string[]): Promise<CommandRun> {
  let out = ''
  let err = ''
  const code = await run(
    args,
    {
      out: (text) => {
        out += text
      },
      err: (text) => {
        err += text
      },
    },
    world,
  )
  return { code, out, err }
}
