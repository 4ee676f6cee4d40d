import { type Command, InvalidArgumentError } from 'commander'
import { type Config, readConfig } from '../config.ts'
import type { Question } from '../policy/explain.ts'
import { SERVICE_NAME, SERVICE_NAME_ACCEPTS } from '../policy/schema.ts'
import { type Answer, answerTo, destinationFor } from './explain/answer.ts'
import { gather } from './explain/gather.ts'
import { textOf } from './explain/text.ts'
import { Failed, type Io } from './io.ts'
import type { World } from './world.ts'

interface Options {
  readonly policy?: string
  readonly grpc?: string
  readonly json?: boolean
}

const EXAMPLES = `
Reads what a service started here would read: TULLE_POLICY, and with TULLE_DISCOVERY=consul the config entries
and intentions of the agent. Exit code 1: something could not be read, or is refused.

Examples:
  tulle explain orders GET /v1/items
  tulle explain pricing --grpc pricing.v1.Pricing/Quote
  TULLE_DISCOVERY=consul tulle explain orders POST /pay --policy consul://tulle/mesh.yaml --json
`

/** `tulle explain`: what one call would meet, and for every value who said it. */
export function registerExplain(program: Command, io: Io, world: World): void {
  program
    .command('explain')
    .description('which route a call takes, and where every value that is in force for it comes from')
    .argument('<service>', 'the service that is called', serviceName)
    .argument('[method]', 'of the call', 'GET')
    .argument('[path]', 'of the call', '/')
    .option('--grpc <service/method>', 'a gRPC call: pricing.v1.Pricing/Quote')
    .option('--policy <where>', 'a file, a folder or consul://key, instead of TULLE_POLICY')
    .option('--json', 'print one JSON object instead of lines')
    .addHelpText('after', EXAMPLES)
    .action(async (service: string, method: string, path: string, options: Options) => {
      const question = questionOf(service, method, path, options.grpc)
      const config = configOf(world)
      const gathered = await gather(config, world, options.policy, (base, documents) =>
        destinationFor(question, base, documents),
      )
      const answer = answerTo(question, gathered, config)
      io.out(options.json ? `${JSON.stringify(jsonOf(answer), null, 2)}\n` : textOf(answer))
      if (answer.refused.length > 0) throw new Failed()
    })
}

function serviceName(text: string): string {
  if (!SERVICE_NAME.test(text)) throw new InvalidArgumentError(SERVICE_NAME_ACCEPTS)
  return text
}

/** `tulle explain orders /x` means a GET. */
function questionOf(service: string, method: string, path: string, grpc: string | undefined): Question {
  if (grpc !== undefined) {
    const called = grpc.startsWith('/') ? grpc : `/${grpc}`
    if (!/^\/[^/]+\/[^/]+$/.test(called))
      throw new InvalidArgumentError(`--grpc: expected service/method, found ${grpc}`)
    return { service, method: 'POST', path: called, protocol: 'grpc' }
  }
  const [verb, target] = method.startsWith('/') ? ['GET', method] : [method.toUpperCase(), path]
  if (!target.startsWith('/'))
    throw new InvalidArgumentError(`path: expected one such as /v1, found ${target}`)
  return { service, method: verb, path: target.split(/[?#]/, 1)[0] as string, protocol: 'http' }
}

/** Whoever asks need not be a service itself. */
function configOf({ env }: World): Config {
  const named = Boolean(env.TULLE_SERVICE || env.OTEL_SERVICE_NAME)
  return readConfig({ env, ...(named ? {} : { service: 'nobody' }) })
}

function jsonOf({ question, explained, ...rest }: Answer): object {
  const { plan: _, route, routeFrom, match, ...more } = explained
  return {
    request: question,
    route: { name: route, from: routeFrom, match },
    ...more,
    fields: explained.fields.map(({ path, value, from }) => ({ path, value: value ?? null, from })),
    ...rest,
  }
}
