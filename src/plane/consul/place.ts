import { MeshError } from '../../core/errors.ts'
import { isKey } from '../store.ts'

/** Where a plane keeps its state in Consul. */
export interface ConsulPlace {
  /** Of the agent, as the link takes it; undefined: where CONSUL_HTTP_ADDR says. */
  readonly address: string | undefined
  /** Every key begins with it and a slash. */
  readonly prefix: string
}

/**
 * Reads `consul://[host[:port]]/prefix`, and `consul+https://…` for an agent that speaks TLS.
 * @throws MeshError TULLE_CONFIG
 */
export function readConsulPlace(text: string): ConsulPlace {
  const [, secure, host = '', prefix = ''] = /^consul(\+https)?:\/\/([^/]*)\/(.*?)\/?$/.exec(text) ?? []
  const scheme = secure === undefined ? 'http' : 'https'
  if (!isKey(prefix) || host.includes('@') || (host !== '' && !URL.canParse(`${scheme}://${host}`)))
    throw new MeshError(
      'TULLE_CONFIG',
      `the store of the plane is consul://[host[:port]]/prefix, not ${JSON.stringify(masked(text))}`,
      { layer: 'plane', hint: 'For example consul:///tulle, with the agent where CONSUL_HTTP_ADDR says.' },
    )
  if (host === '' && secure !== undefined)
    throw new MeshError('TULLE_CONFIG', 'consul+https:// needs a host', {
      layer: 'plane',
      hint: 'Without one the agent is where CONSUL_HTTP_ADDR says, over TLS with CONSUL_HTTP_SSL=true.',
    })
  return {
    // Without a scheme CONSUL_HTTP_SSL decides.
    address: host === '' ? undefined : secure === undefined ? host : `https://${host}`,
    prefix,
  }
}

const masked = (text: string): string =>
  text.replace(/\/\/[^@/]*@/, '//********@').replace(/([?#]).+$/s, '$1********')

/** For messages: which agent, and where below its keys. */
export function placeOf(address: string, prefix: string): string {
  const shown = address.replace(/^http:\/\//, '').replace(/^https:\/\//, '+https://')
  return `consul${shown.startsWith('+') ? '' : '://'}${shown}/${prefix}`
}
