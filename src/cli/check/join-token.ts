import type { TokenContent } from '../../core/plane-wire.ts'
import { type Finding, fail, pass } from './finding.ts'

/**
 * What can be told of a join token without using it up: the plane is not asked.
 * @param service ours
 */
export function checkJoinToken(token: string, content: TokenContent | undefined, service: string): Finding {
  if (content === undefined || !token.startsWith('tulle_join_'))
    return fail(
      token.startsWith('tulle_admin_')
        ? 'what is given as the join token is an admin token'
        : 'the join token cannot be read',
      `Make one with: tulle token create ${service}`,
    )
  if (content.service !== undefined && content.service !== service && content.service !== '*')
    return fail(
      `the join token is that of ${content.service}, and this service is ${service}`,
      `Make one with: tulle token create ${service}`,
    )
  const whose = content.service === '*' ? 'any service' : (content.service ?? service)
  return pass(`the join token is readable and good for ${whose} (whether it is used up, only its use tells)`)
}
