import type { Config } from '../../config.ts'
import type { ListedIntention } from '../../control/consul-once.ts'
import type { MtlsMode } from '../../core/identity.ts'
import type { ConsulBase } from '../../policy/consul/base.ts'
import type { NotHonoured } from '../../policy/consul/not-honoured.ts'
import { type Explained, explain, type Question } from '../../policy/explain.ts'
import type { LookupParams } from '../../policy/lookup.ts'
import { mtlsMode } from '../../policy/mtls.ts'
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

/** As the mesh decides it: an identity means strict, what was written down locally may only be made stricter. */
function mtlsOf({ plan, fields }: Explained, { mtls, origins, ...config }: Config): Answer['mtls'] {
  const identity =
    config.discovery === 'consul' ||
    config.planes.length > 0 ||
    Boolean(config.joinToken) ||
    Boolean(config.certFile)
  const local = mtls || (identity ? 'strict' : 'disable')
  const source = origins.find(({ setting }) => setting.option === 'mtls')?.source ?? 'default'
  const written = mtls !== '' && source !== 'default'
  const policy = plan.params.mtls as MtlsMode | undefined
  const mode = mtlsMode(policy, local, written)
  if (policy !== undefined && mode === policy && !(written && mode === local))
    return { mode, from: fields.find(({ path }) => path === 'mtls')?.from ?? 'policy' }
  return {
    mode,
    from: written ? `TULLE_MTLS (${source})` : identity ? 'there is an identity' : 'there is no identity',
  }
}
