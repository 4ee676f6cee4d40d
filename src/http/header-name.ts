import { IDEMPOTENCY_KEY, TIMEOUT, TRACEPARENT } from '../core/header-names.ts'
import { mistake } from './mistake.ts'

const ROLES = ['host', IDEMPOTENCY_KEY, TRACEPARENT, TIMEOUT] as const

/** A header name that was checked once. */
export interface HeaderName {
  readonly lower: string
  /** What it means to the seam. */
  readonly role: (typeof ROLES)[number] | undefined
}

const FORBIDDEN = /[^!#$%&'*+\-.^_`|~A-Za-z0-9]/
/** Names are few and come again with every call; whoever makes them up starts the memory afresh. */
const MAX_KNOWN = 1024
const known = new Map<string, HeaderName>()

/** Throws TULLE_BAD_CALL for what is no token (RFC 9110, 5.1), and for `expect`, which undici cannot honour. */
export function headerName(name: unknown): HeaderName {
  const found = known.get(name as string)
  if (found !== undefined) return found
  if (typeof name !== 'string' || name.length === 0 || FORBIDDEN.test(name))
    throw mistake('invalid header name')
  const lower = name.toLowerCase()
  if (lower === 'expect')
    throw mistake('the expect header is not supported: a body is sent without asking first')
  const role = ROLES.find((one) => one === lower)
  const checked: HeaderName = { lower, role }
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(name, checked)
  return checked
}
