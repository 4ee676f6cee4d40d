import { ConsulRefusal } from '../core/consul.ts'
import { isMeshError, MeshError } from '../core/errors.ts'
import type { Lookup } from './consul-lookup.ts'

/** What went wrong with the instances of a service, as TULLE_CONSUL; names what of the lookup Consul refused. */
export function consulError(what: unknown, name: string, lookup: Lookup): MeshError {
  const details = { layer: 'discovery', service: name, cause: what }
  if (what instanceof ConsulRefusal) {
    const said = `${what.status}: ${what.words}`
    if (/no path to datacenter/i.test(what.words))
      return new MeshError(
        'TULLE_CONSUL',
        `the agent knows no way to the datacenter ${lookup.datacenter ?? ''} of ${name} (${said})`,
        { ...details, hint: 'Is it spelt as `consul members -wan` has it, and is it federated?' },
      )
    if (lookup.filter !== undefined && (what.status === 400 || /boolean expression|filter/i.test(what.words)))
      return new MeshError(
        'TULLE_CONSUL',
        `Consul refused the filter ${JSON.stringify(lookup.filter)} of ${name} (${said})`,
        {
          ...details,
          hint: 'The language: https://developer.hashicorp.com/consul/api-docs/features/filtering',
        },
      )
  }
  if (isMeshError(what) && what.code === 'TULLE_CONSUL') return what
  const message = what instanceof Error ? what.message : `${name}: ${String(what)}`
  return new MeshError(
    'TULLE_CONSUL',
    message,
    what instanceof Error ? details : { ...details, cause: undefined },
  )
}
