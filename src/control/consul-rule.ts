/**
 * The ACL rule that a request needs, in Consul's own language; undefined where this place does not know.
 * Source: the "ACL Required" tables of the API's pages (api-docs).
 */
export function ruleFor(
  method: 'GET' | 'PUT' | 'DELETE',
  path: string,
  query: Readonly<Record<string, string | undefined>> = {},
): string | undefined {
  const [, , first = '', second = '', ...rest] = path.split('/').map(unescaped)
  const last = rest.at(-1) ?? ''
  switch (`${first}/${second}`) {
    case 'health/connect':
    case 'health/service':
    case 'catalog/service':
    case 'catalog/connect':
      return `service "${rest[0]}" { policy = "read" } and node_prefix "" { policy = "read" }`
    case 'catalog/services':
      return 'service_prefix "" { policy = "read" } and node_prefix "" { policy = "read" }'
    case 'agent/connect':
      return rest[1] === 'leaf' ? `service "${last}" { policy = "write" }` : undefined
    case 'connect/intentions':
      return `service "${query.name ?? ''}" { policy = "read", intentions = "read" }`
    case 'agent/service':
    case 'agent/check':
    case 'agent/services':
    case 'agent/checks':
      return `service "<its name>" { policy = "${method === 'GET' ? 'read' : 'write'}" }`
    case 'agent/self':
      return 'agent "<its node>" { policy = "read" }'
    default:
  }
  const policy = method === 'GET' ? 'read' : 'write'
  if (first === 'kv')
    return `key${query.recurse === undefined ? '' : '_prefix'} "${[second, ...rest].join('/')}" { policy = "${policy}" }`
  if (first === 'config')
    return second === 'proxy-defaults'
      ? `operator = "${policy}"`
      : `service${rest[0] === undefined ? '_prefix ""' : ` "${rest[0]}"`} { policy = "${policy}" }`
  if (first === 'session') return `session_prefix "" { policy = "${policy}" }`
  return undefined
}

function unescaped(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
