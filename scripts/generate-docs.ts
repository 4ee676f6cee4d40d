/** Writes the pages of docs/ that come from tables in the code: `npm run docs:generate`. A test keeps them current. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { argv, cwd } from 'node:process'
import { pathToFileURL } from 'node:url'
import { CODES } from '../src/core/codes.ts'
import { SETTINGS, type Setting } from '../src/settings.ts'
import { cliPage } from './cli-page.ts'

/** A table cell: pipes would end it. */
const cell = (text: string): string => text.replaceAll('|', '\\|')

export function errorsPage(): string {
  const entries = Object.entries(CODES)
  const rows = entries.map(
    ([code, { http, grpc, refusal }]) =>
      `| [\`${code}\`](#${code.toLowerCase()}) | ${http} | ${grpc} | ${refusal ? 'yes' : 'no'} |`,
  )
  const sections = entries.map(
    ([code, { means, hint }]) => `### ${code}\n\n${means}\n\n**What to do:** ${hint}\n`,
  )
  return `# Errors

<!-- Generated from src/core/codes.ts by \`npm run docs:generate\`. -->

Every error tulle makes is a \`MeshError\`, which is a \`TypeError\`, so code written for \`fetch\` keeps working. It carries
\`code\`, \`layer\`, \`service\`, \`endpoint\`, \`phase\`, \`attempts\` (endpoint, phase, milliseconds and cause of each), \`policyVersion\`, \`hint\`
and \`cause\`. Recognise it with \`isMeshError(error)\`, which also knows errors made by a second copy of the package.

\`\`\`ts
import { isMeshError } from 'tulle'

try {
  await mesh.fetch('http://orders.mesh/v1/items')
} catch (error) {
  if (isMeshError(error)) console.error(error.code, error.message, error.attempts, error.hint)
  throw error
}
\`\`\`

What a caller gets when:

- A peer's answer is delivered as it is, also a 503 after retries are spent.
- A transport failure or a refusal of ours rejects with a \`MeshError\`. Under the built-in \`fetch\` with the global dispatcher it is the
  \`cause\` of fetch's own \`TypeError\`; \`mesh.fetch\` and \`mesh.request\` reject with it directly.
- Over [gRPC](grpc.md#errors) it is the \`cause\` of the \`ServiceError\`, whose code is the one of the column *gRPC*.
- The caller's own abort reason, and an error thrown by the caller's own request body, pass through unwrapped.

*Refusal* means that a layer of ours said no before or instead of a peer: such an error is not retried and not charged to any endpoint.
*HTTP* and *gRPC* are the statuses with which an inbound refusal is answered; *gRPC* is also what a failed gRPC call ends with.

| code | HTTP | gRPC | refusal |
| --- | --- | --- | --- |
${rows.join('\n')}

${sections.join('\n')}`
}

export function configurationPage(): string {
  const rows = (Object.values(SETTINGS) as Setting<unknown>[]).map((setting) => {
    const file = setting.file === true ? ` or \`${setting.variable}_FILE\`` : ''
    const also =
      setting.fallbackVariable === undefined ? file : `${file}, else \`${setting.fallbackVariable}\``
    const fallback =
      setting.fallback === undefined
        ? 'required'
        : setting.fallback === ''
          ? 'none'
          : `\`${setting.fallback}\``
    return `| \`${setting.variable}\`${also} | \`${setting.option}\` | ${cell(setting.describe)} | ${cell(setting.accepts)} | ${cell(fallback)} |`
  })
  return `# Configuration

<!-- Generated from src/settings.ts by \`npm run docs:generate\`. -->

Everything can be given to \`createMesh({ … })\` or set in the environment. What wins, strongest first: options of a single call,
options of \`createMesh\`, the environment, the [policy](policy.md), built-in defaults.

| variable | option | what it is | accepted | default |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

- A \`…_FILE\` variable names a file that holds the value, as Kubernetes and systemd hand out secrets.
- The [commands](cli.md) that ask a plane read \`TULLE_ADMIN_TOKEN\` or \`TULLE_ADMIN_TOKEN_FILE\`; a service needs neither.
- An unknown \`TULLE_*\` variable is a warning that names the nearest known one; its value is never printed.
- A bad value stops \`createMesh\` with \`TULLE_CONFIG\`: the variable, the value and what is accepted.
- \`npx tulle config\` prints what is in force in an environment, where each value came from, with secrets masked.
- Two options exist only in code: \`logger\` (anything with \`debug\`, \`info\`, \`warn\`, \`error\`; pino and \`console\` fit) and \`accessLog\`
  (called once for every outgoing call and inbound request, at its end).

Tracing reads the usual \`OTEL_*\` variables: see [getting started](getting-started.md#tracing).
`
}

export const PAGES: Readonly<Record<string, () => string>> = {
  'docs/errors.md': errorsPage,
  'docs/configuration.md': configurationPage,
  'docs/cli.md': cliPage,
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) {
  for (const [path, page] of Object.entries(PAGES)) writeFileSync(join(cwd(), path), page())
}
