import type { CallGroup } from '../groups.ts'
import type { Options } from '../options.ts'
import type { Arm } from './arm.ts'
import { GRPC_ARMS } from './grpc.ts'
import { HTTP_ARMS, TLS_ARMS } from './http.ts'
import { INBOUND_ARMS } from './inbound.ts'
import { SIDECAR_ARMS } from './sidecar.ts'

/** Every arm there is. */
export const ARMS: readonly Arm[] = [
  ...HTTP_ARMS,
  ...TLS_ARMS,
  ...SIDECAR_ARMS,
  ...INBOUND_ARMS,
  ...GRPC_ARMS,
]

/** Those of one group that were asked for, with the ones they are compared with. */
export function armsOf(group: CallGroup, { quick, match }: Pick<Options, 'quick' | 'match'>): Arm[] {
  const all = ARMS.filter((arm) => arm.group === group && (!quick || arm.quick === true))
  if (match === undefined) return all
  return withReferences(
    all,
    all.filter(({ name }) => name.includes(match)).map(({ name }) => name),
  )
}

/** The named arms, what they are compared with, and the second runs of all these. */
export function withReferences(all: readonly Arm[], names: readonly string[]): Arm[] {
  const wanted = new Set<string>()
  const want = (name: string | undefined): void => {
    const arm = all.find((one) => one.name === name)
    if (arm === undefined || wanted.has(arm.name)) return
    wanted.add(arm.name)
    want(arm.against)
    want(arm.again)
    for (const other of all) if (other.again === arm.name) wanted.add(other.name)
  }
  for (const name of names) want(name)
  return all.filter(({ name }) => wanted.has(name))
}
