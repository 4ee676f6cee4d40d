import { registrationWire } from '../../core/plane-wire.ts'
import { Refusal } from '../refusal.ts'

/** The service of the plane's own certificate: nobody else is ever given it. */
export const PLANE_SERVICE = 'tulle-plane'

/** Whether a service may have this name at all, as the wire has it. */
function isServiceName(name: string): boolean {
  return registrationWire.shape.service.safeParse(name).success
}

/** Refuses what no caller may ever be, be allowed to be, or be banned as. */
export function demandServiceName(name: string): void {
  if (!isServiceName(name))
    throw new Refusal(
      'malformed',
      `${JSON.stringify(name.slice(0, 100))} is no service name: lower-case letters, digits and inner hyphens, at most 63 characters`,
    )
  if (name === PLANE_SERVICE)
    throw new Refusal('forbidden', `"${PLANE_SERVICE}" is the plane's own name and is nobody else's`)
}
