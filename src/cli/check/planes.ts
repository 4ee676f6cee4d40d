import { z } from 'zod'
import { isMeshError } from '../../core/errors.ts'
import { span } from '../when.ts'
import type { LinkTarget, World } from '../world.ts'
import { checkClock } from './clock.ts'
import { type Finding, fail, pass, warn } from './finding.ts'

const infoWire = z.looseObject({
  wall: z.number(),
  version: z.string().optional(),
  trustDomain: z.string().optional(),
})

/** Each plane on its own: is it there, does it prove to be ours, how long does it take, and do the clocks agree. */
export async function checkPlanes(target: LinkTarget, world: World): Promise<readonly Finding[]> {
  const each = await Promise.all(target.urls.map((url) => checkPlane(url, target, world)))
  const findings = each.flatMap(({ finding }) => finding)
  const reached = each.filter(({ skewMs }) => skewMs !== undefined)
  // With another plane to go on to, one that is down stops nothing.
  const judged =
    reached.length === 0
      ? findings
      : findings.map((finding) =>
          finding.verdict === 'fail' && finding.hint !== undefined
            ? warn(finding.says, finding.hint)
            : finding,
        )
  const skews = reached.map(({ skewMs }) => checkClock(skewMs as number))
  const worst =
    skews.find(({ verdict }) => verdict === 'fail') ??
    skews.find(({ verdict }) => verdict === 'warn') ??
    skews[0]
  return worst === undefined ? judged : [...judged, worst]
}

async function checkPlane(
  url: string,
  target: LinkTarget,
  world: World,
): Promise<{ finding: Finding; skewMs?: number }> {
  try {
    const link = await world.openLink({ ...target, urls: [url] })
    try {
      const ask = () => link.send({ method: 'GET', path: '/v1/info', auth: 'none' })
      await ask()
      // The first one also made the connection and, with a token alone, another before it.
      const asked = world.wall()
      const { body } = await ask()
      const answered = world.wall()
      const { wall, version } = infoWire.parse(body)
      const words = version === undefined ? '' : `, version ${version}`
      return {
        finding: pass(
          `the plane at ${url} has proved itself and answers in ${span(answered - asked)}${words}`,
        ),
        skewMs: (asked + answered) / 2 - wall,
      }
    } finally {
      await link.close()
    }
  } catch (error) {
    if (isMeshError(error)) return { finding: fail(error.message, error.hint) }
    return {
      finding: fail(
        `what answers at ${url} is no plane of this version`,
        'Is TULLE_PLANE_URL a plane of tulle?',
      ),
    }
  }
}
