import { X509Certificate } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { MeshError } from '../core/errors.ts'
import type { Clock, Logger } from '../core/ports.ts'
import type { ConsulAgentOptions } from './consul-agent.ts'
import { consulError, oneLine } from './consul-words.ts'
import { KeptFile } from './kept-file.ts'

/** Between two looks at the files, in milliseconds. */
const LOOK_MS = 1000
const BEGIN = '-----BEGIN CERTIFICATE-----'
/** What may be in a header, and is no file of something else. */
const TOKEN = /^[\x21-\x7e]{1,4096}$/
/** By system error code. */
const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is none',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
}

export interface CredentialsOptions {
  readonly agent: ConsulAgentOptions
  readonly secure: boolean
  readonly clock: Clock
  readonly log: Logger
  /** The token, or what TLS is made of, has been replaced. */
  readonly onChange: () => void
}

/** What we show to the agent, and what we trust it by, from files that are looked at once a second. */
export class ConsulCredentials {
  readonly #options: CredentialsOptions
  readonly #token: KeptFile<string> | undefined
  readonly #tls: KeptFile<SecureContext> | undefined
  #disarm: (() => void) | undefined
  #closed = false

  constructor(options: CredentialsOptions) {
    this.#options = options
    const { agent, secure, log } = options
    const { tokenFile } = agent
    if (tokenFile !== undefined)
      this.#token = new KeptFile({
        paths: [tokenFile],
        read: () => readToken(tokenFile),
        same: (one, other) => one === other,
        log,
      })
    const paths = [agent.caFile, agent.caPath, agent.certFile, agent.keyFile].filter(
      (path) => path !== undefined,
    )
    if (secure) this.#tls = new KeptFile({ paths, read: () => readContext(agent), same: () => false, log })
  }

  /** Rejects with TULLE_CONSUL where the file holds none and never did: without a token Consul answers empty lists. */
  async token(): Promise<string | undefined> {
    this.#lookOn()
    return this.#token === undefined ? this.#options.agent.token || undefined : await this.#token.get()
  }

  /** Undefined: no TLS. Rejects with TULLE_CONSUL where the files cannot be used and never could. */
  async context(): Promise<SecureContext | undefined> {
    this.#lookOn()
    return await this.#tls?.get()
  }

  /** Looks at once: the agent does not know what we showed. */
  async look(): Promise<void> {
    const [token = false, tls = false] = await Promise.all([this.#token?.look(), this.#tls?.look()])
    if (!this.#closed && (token || tls)) this.#options.onChange()
  }

  close(): void {
    this.#closed = true
    this.#disarm?.()
  }

  #lookOn(): void {
    const { agent, clock } = this.#options
    const files = agent.tokenFile ?? agent.caFile ?? agent.caPath ?? agent.certFile
    if (files === undefined || this.#closed) return
    this.#disarm ??= clock.background(LOOK_MS, () => {
      void this.look().then(() => {
        this.#disarm = undefined
        this.#lookOn()
      })
    })
  }
}

async function readToken(path: string): Promise<string> {
  const text = (await content('the ACL token file', path)).toString('latin1').trim()
  if (!TOKEN.test(text))
    throw unusable(
      `the ACL token file ${path} ${text === '' ? 'is empty' : 'holds something that is no token'}`,
    )
  return text
}

async function readContext({
  caFile,
  caPath,
  certFile,
  keyFile,
}: ConsulAgentOptions): Promise<SecureContext> {
  const read = (what: string, path: string | undefined) =>
    path === undefined ? undefined : content(what, path)
  const [ca, folder, cert, key] = await Promise.all([
    read('the CA file', caFile),
    caPath === undefined ? [] : readFolder(caPath),
    read('the client certificate', certFile),
    read('the key of the client certificate', keyFile),
  ])
  const roots = [...(ca === undefined ? [] : certificatesOf(caFile ?? '', ca)), ...folder]
  try {
    return createSecureContext({ ca: roots.length === 0 ? undefined : roots, cert, key })
  } catch (error) {
    const files = [caFile, caPath, certFile, keyFile].filter((path) => path !== undefined).join(', ')
    throw unusable(`${files}: OpenSSL cannot use them: ${oneLine((error as Error).message, 200)}`)
  }
}

async function readFolder(path: string): Promise<string[]> {
  const names = await readdir(path).catch((error: unknown) => {
    throw unreadable('the CA folder', path, error)
  })
  const files = names.sort().map((name) => join(path, name))
  const found = await Promise.all(files.map((file) => content('the CA file', file)))
  const pems = files.flatMap((file, n) => {
    const text = found[n] as Buffer
    return text.includes(BEGIN) ? certificatesOf(file, text) : []
  })
  if (pems.length === 0) throw unusable(`the CA folder ${path} has no PEM certificate in it`)
  return pems
}

/** OpenSSL takes what it can of a CA file that is half written, and trusts nobody where that is nothing. */
function certificatesOf(path: string, file: Buffer): string[] {
  const text = file.toString('latin1')
  const pems = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  try {
    if (pems.length === 0 || pems.length !== text.split(BEGIN).length - 1) throw new Error('it is cut off')
    for (const pem of pems) new X509Certificate(pem)
    return pems
  } catch (error) {
    throw unusable(
      `the CA file ${path} holds no whole PEM certificates: ${oneLine((error as Error).message, 200)}`,
    )
  }
}

async function content(what: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw unreadable(what, path, error)
  }
}

function unreadable(what: string, path: string, error: unknown): MeshError {
  const { code, message } = error as NodeJS.ErrnoException
  const why = (code !== undefined && UNREADABLE[code]) || message
  return unusable(`${what} ${path} cannot be read: ${why}`)
}

function unusable(message: string): MeshError {
  return consulError(message, 'It is looked at again every second: no restart is needed.')
}
