/** What is measured together, in the order it is printed. */
export const GROUPS = ['http', 'tls', 'sidecar', 'inbound', 'grpc', 'scale', 'plane', 'simulate'] as const
export type Group = (typeof GROUPS)[number]
/** Those whose arms are calls: one table of costs each. The others bring a table of their own. */
export const CALL_GROUPS = ['http', 'tls', 'sidecar', 'inbound', 'grpc'] as const satisfies Group[]
export type CallGroup = (typeof CALL_GROUPS)[number]
