import type { Config } from '../../config.ts'
import { agentOf } from '../../control/agent-of.ts'
import { isConsulPolicy } from '../../control/consul-policy-key.ts'
import { type Found, LastGood } from '../../control/last-good.ts'
import { nearest } from '../../control/nearest.ts'
import { isMeshError } from '../../core/errors.ts'
import { policyWire } from '../../core/plane-wire.ts'
import { compile } from '../../policy/compile.ts'
import { createParser } from '../../policy/parse.ts'
import { problemText } from '../../policy/problem.ts'
import { policyPieces } from '../../stack.ts'
import { documentsAt } from '../explain/gather.ts'
import type { LinkTarget, World } from '../world.ts'
import { type Finding, fail, warn } from './finding.ts'
import { checkKeepAlive } from './keep-alive.ts'
import type { KeptState } from './kept.ts'
import { checkPolicyVersion } from './policy-version.ts'

/** The policy this service would run with now: is it good, is it the newest, and does it keep connections too long. */
export async function checkPolicyInForce(
  config: Config,
  kept: KeptState,
  target: LinkTarget | undefined,
  world: World,
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  const newest = target?.identity === undefined ? undefined : await newestOf(target, world, findings)
  const version = target === undefined ? undefined : checkPolicyVersion(kept.policy?.policy.sequence, newest)
  if (version !== undefined) findings.push(version)
  const encoder = new TextEncoder()
  const written = typeof config.policy === 'string' ? config.policy : ''
  const documents =
    written === ''
      ? new Map((kept.policy?.policy.documents ?? []).map(({ name, text }) => [name, encoder.encode(text)]))
      : await writtenAt(written, config, world, findings)
  const parse = createParser({ pieces: policyPieces, allowedHosts: config.policyHosts, nearest })
  const update = new LastGood(parse).take(documents)
  for (const problem of update.problems)
    findings.push(
      fail(`policy: ${problemText(problem)}`, 'The document is refused whole: `tulle policy check`.'),
    )
  findings.push(checkKeepAlive(compile(update.documents, policyPieces, { version: update.version }).snapshot))
  return findings
}

/** What Consul does not have, or will not tell, is one finding among the others. */
async function writtenAt(
  where: string,
  config: Config,
  world: World,
  findings: Finding[],
): Promise<ReadonlyMap<string, Found>> {
  const link = isConsulPolicy(where) ? world.openConsul(agentOf(config)) : undefined
  try {
    return await documentsAt(where, config, link)
  } catch (error) {
    if (!isMeshError(error)) throw error
    findings.push(fail(`policy: ${error.message}`, error.hint))
    return new Map()
  } finally {
    await link?.close()
  }
}

async function newestOf(target: LinkTarget, world: World, findings: Finding[]): Promise<number | undefined> {
  const link = await world.openLink(target)
  try {
    const { body } = await link.send({ method: 'GET', path: '/v1/policy', auth: 'identity' })
    return policyWire.parse(body).sequence
  } catch (error) {
    // That it cannot be reached has been said; that it will not talk to us has not.
    if (isMeshError(error) && error.code === 'TULLE_PLANE_REFUSED')
      findings.push(fail(error.message, error.hint))
    else if (!isMeshError(error))
      findings.push(warn('the plane did not say its policy', 'Is it of another version?'))
    return undefined
  } finally {
    await link.close()
  }
}
