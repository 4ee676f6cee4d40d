import { type ConsulBase, consulBase } from '../../src/policy/consul/base.ts'
import { ENTRY_KINDS, type Entries, readEntry } from '../../src/policy/consul/entry.ts'
import { notHonouredText } from '../../src/policy/consul/not-honoured.ts'
import { policyPieces } from '../../src/stack.ts'

/** Entries as an agent answers them, by kind and name; what has a mistake is left out. */
export function entriesOf(all: readonly object[]): Entries {
  const entries: Record<string, Map<string, unknown>> = {}
  for (const kind of ENTRY_KINDS) {
    const found = new Map<string, unknown>()
    for (const value of all) {
      const { Kind, Name } = value as { Kind?: unknown; Name?: unknown }
      if (Kind !== kind) continue
      const { entry } = readEntry(kind, value)
      if (entry !== undefined) found.set(String(Name), entry)
    }
    entries[kind] = found
  }
  return entries as Entries
}

/** What `web` has below its documents with these entries. */
export function baseOf(...all: readonly object[]): ConsulBase {
  return consulBase(entriesOf(all), {
    service: 'web',
    pieces: policyPieces,
    digest: (text) =>
      `v${text.length}.${[...text].reduce((sum, one) => (sum * 31 + (one.codePointAt(0) ?? 0)) % 1_000_007, 7)}`,
  })
}

export function told({ notHonoured }: ConsulBase): readonly string[] {
  return notHonoured.map(notHonouredText)
}

/** What the levels of one service come to, one over the other. */
export function levelOf(base: ConsulBase, service: string): Readonly<Record<string, unknown>> {
  const { levels } = base.services.get(service) ?? base.general
  return Object.assign({}, ...levels.map(({ level }) => level)) as Readonly<Record<string, unknown>>
}

export const HTTP = { Kind: 'proxy-defaults', Name: 'global', Config: { protocol: 'http' } }

export const resolver = (Name: string, more: object): object => ({ Kind: 'service-resolver', Name, ...more })
export const splitter = (Name: string, ...Splits: readonly object[]): object => ({
  Kind: 'service-splitter',
  Name,
  Splits,
})
export const router = (Name: string, ...Routes: readonly object[]): object => ({
  Kind: 'service-router',
  Name,
  Routes,
})
export const defaults = (Name: string, more: object): object => ({ Kind: 'service-defaults', Name, ...more })
