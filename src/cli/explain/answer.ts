import { type Config, hasIdentity, localMtls } from '../../config.ts'
import type { ListedIntention } from '../../control/consul-once.ts'
import type { MtlsMode } from '../../core/identity.ts'
import type { ConsulBase } from '../../policy/consul/base.ts'
import type { NotHonoured } from '../../policy/consul/not-honoured.ts'
import { type Explained, explain, type Question } from '../../policy/explain.ts'
import type { LookupParams } from '../../policy/lookup.ts'
import { mtlsMode, mtlsPiece } from '../../policy/mtls.ts'
import { policyPieces } from '../../stack.ts'
import type { Gathered } from './gather.ts'

/** What `tulle explain` says. */
export interface Answer {
  readonly question: Question
  readonly explained: Explained
  /** Where endpoints are looked for, and who says so. */
  readonly destination: string
  readonly mtls: { readonly mode: MtlsMode; readonly from: string }
  readonly intentions: readonly ListedIntention[] | string | undefined
  /** Of the entries that have a part in this call. */
  readonly notHonoured: readonly NotHonoured[]
  /** How many more there are, of other services. */
  readonly otherNotHonoured: number
  readonly refused: readonly string[]
}

export function answerTo(question: Question, gathered: Gathered, config: Config): Answer {
  const { documents, base, intentions, refused } = gathered
  const explained = explain(documents, policyPieces, question, base)
  const concerned = new Set([question.service, destinationOf(explained), 'global'])
  const all = base?.notHonoured ?? []
  const notHonoured = all.filter(
    ({ kind, name }) => concerned.has(name) || (kind === 'service-defaults' && name === config.service),
  )
  return {
    question,
    explained,
    destination: destinationOf(explained),
    mtls: mtlsOf(explained, config),
    intentions,
    notHonoured,
    otherNotHonoured: all.length - notHonoured.length,
    refused,
  }
}

/** The name in the registry: whose intentions decide. */
export function destinationFor(
  question: Question,
  base: ConsulBase,
  documents: Gathered['documents'],
): string {
  return destinationOf(explain(documents, policyPieces, question, base))
}

function destinationOf({ service, plan }: Explained): string {
  return (plan.params.lookup as Partial<LookupParams> | undefined)?.service ?? service
}

/** As the mesh decides it, and who decided. */
function mtlsOf({ plan, fields }: Explained, config: Config): Answer['mtls'] {
  const identity = hasIdentity(config)
  const { outbound, written } = localMtls(config, identity)
  const policy = plan.params[mtlsPiece.key] as MtlsMode | undefined
  const mode = mtlsMode(policy, outbound, written)
  if (policy === mode && !(written && mode === outbound))
    return { mode, from: fields.find(({ path }) => path === mtlsPiece.key)?.from ?? 'policy' }
  const source = config.origins.find(({ setting }) => setting.option === 'mtls')?.source ?? 'default'
  const otherwise = identity ? 'there is an identity' : 'there is no identity'
  return { mode, from: written ? `TULLE_MTLS (${source})` : otherwise }
}
