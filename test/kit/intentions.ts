import type { AccessRequest } from '../../src/core/authorizer.ts'

export const PEER = 'spiffe://11111111-2222-3333-4444-555555555555.consul'

/** The SPIFFE ID that Connect gives a service. */
export const idOf = (service: string, ns = 'default', dc = 'dc1'): string =>
  `${PEER}/ns/${ns}/dc/${dc}/svc/${service}`

/** An intention as the agent answers with it. */
export function intention(source: string, destination: string, more: object | 'allow' | 'deny'): object {
  const rest = typeof more === 'string' ? { Action: more } : more
  return {
    ID: 'a948790a-ab6c-e68f-5573-d9a7ce7c14bc',
    Description: '',
    SourceNS: 'default',
    SourceName: source,
    DestinationNS: 'default',
    DestinationName: destination,
    SourceType: 'consul',
    DefaultAddr: '',
    DefaultPort: 0,
    Meta: {},
    Precedence: 0,
    CreatedAt: '2026-11-21T11:57:02.170343349Z',
    UpdatedAt: '2026-11-21T11:57:02.170343349Z',
    Hash: '2XQlDltyzKwqxfUHmkX7coddyBaoIUcg+FJBt/YFZC8=',
    CreateIndex: 16,
    ModifyIndex: 16,
    ...rest,
  }
}

/** A request of a service, or of nobody that is known. */
export function access(
  caller: string | undefined,
  more: { method?: string; path?: string; headers?: Readonly<Record<string, readonly string[]>> } = {},
): AccessRequest {
  const id = caller === undefined || caller.startsWith('spiffe:') ? caller : idOf(caller)
  return {
    peer: id === undefined ? undefined : { id, service: undefined },
    method: more.method ?? 'GET',
    path: more.path ?? '/',
    header: (name) => more.headers?.[name] ?? [],
  }
}
