import type { ListedIntention } from '../../control/consul-once.ts'
import type { RouteMatch } from '../../core/plan.ts'
import { notHonouredText } from '../../policy/consul/not-honoured.ts'
import { count, plain, table } from '../table.ts'
import type { Answer } from './answer.ts'

/** The answer for people. */
export function textOf(answer: Answer): string {
  const { question, explained, mtls, notHonoured, otherNotHonoured } = answer
  const { method, path, service, protocol } = question
  const asked = protocol === 'grpc' ? `gRPC ${path.slice(1)}` : `${method} ${path}`
  const head = [
    `${asked} to ${service}`,
    `  route   ${explained.route}, ${matchText(explained.match)}${explained.routeFrom === undefined ? '' : `: ${explained.routeFrom}`}`,
    ...(explained.replacedRoutes === 0
      ? []
      : [
          `          (in the place of ${count(explained.replacedRoutes, 'route')} of Consul's service-router)`,
        ]),
    `  policy  ${explained.version}`,
    `  mtls    ${mtls.mode}: ${mtls.from}`,
    `  lookup  ${answer.destination}${answer.destination === service ? '' : `, not ${service}`}`,
  ]
  const rows = explained.fields.map((field) => [field.path, valueText(field.value), field.from])
  return [
    `${head.map(plain).join('\n')}\n\n`,
    table(['field', 'value', 'from'], rows),
    '\nTimes in milliseconds, shares as fractions of one.\n',
    section('who may call', intentionLines(answer)),
    section('not honoured', [
      ...notHonoured.map(notHonouredText),
      ...(otherNotHonoured === 0 ? [] : [`(and ${otherNotHonoured} of other services)`]),
    ]),
    section('refused', answer.refused),
  ].join('')
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `\n${title}\n${lines.map((line) => `  ${plain(line)}\n`).join('')}`
}

function matchText(match: RouteMatch | undefined): string {
  if (match === undefined) return 'which everything takes that no other matches'
  const { path, method, grpc } = match
  const parts = [
    grpc === undefined ? '' : `grpc ${grpc.service ?? '*'}/${grpc.method ?? '*'}`,
    path === undefined ? '' : `path ${path}`,
    method === undefined ? '' : `method ${method.join(', ')}`,
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function valueText(value: unknown): string {
  if (value === undefined) return '(not set)'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function intentionLines({ intentions, destination }: Answer): readonly string[] {
  if (intentions === undefined) return []
  if (typeof intentions === 'string') return [`cannot be told: ${intentions}`]
  const lines = intentions.map((one) => `${one.SourceName} → ${one.DestinationName}: ${actionOf(one)}`)
  const rest = lines.length === 0 ? `no intention speaks of ${destination}` : 'everybody else'
  return [...lines, `${rest}: as the ACLs of its agent decide, unless its TULLE_INTENTIONS_DEFAULT does`]
}

function actionOf({ Action, Permissions }: ListedIntention): string {
  const count = Permissions?.length ?? 0
  if (count > 0) return `${count} ${count === 1 ? 'permission' : 'permissions'} on requests`
  return Action || 'deny'
}
