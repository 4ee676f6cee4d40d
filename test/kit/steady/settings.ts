/** What the test tells the two processes, and they tell it. */
export interface ServerSettings {
  /** A folder with `orders.pem`, `orders.key` and `roots.pem`. */
  readonly certificates: string
}

export interface ServerPorts {
  readonly plain: readonly number[]
  readonly secure: number
  /** Answers what the server holds, as JSON. */
  readonly control: number
}

export interface CallerSettings extends ServerPorts {
  /** A folder with `web.pem`, `web.key` and `roots.pem`. */
  readonly certificates: string
  /** How many calls are over at each look. */
  readonly looks: readonly number[]
  /** Calls at a time. */
  readonly callers: number
}

export const identityOf = (folder: string, service: string): Record<string, string> => ({
  TULLE_CERT_FILE: `${folder}/${service}.pem`,
  TULLE_KEY_FILE: `${folder}/${service}.key`,
  TULLE_TRUST_BUNDLE_FILE: `${folder}/roots.pem`,
})
