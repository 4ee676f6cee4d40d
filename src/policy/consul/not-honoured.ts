/** Something a config entry says and tulle does not do. */
export interface NotHonoured {
  /** `service-router`. */
  readonly kind: string
  /** Of the entry. */
  readonly name: string
  /** `Routes[1].Destination.Service`. */
  readonly path: string
  /** What happens instead, or what to write instead. */
  readonly why: string
}

export function notHonouredText({ kind, name, path, why }: NotHonoured): string {
  return `${kind}/${name} ${path}: ${why}`
}

/** Collects what of one entry is not honoured. */
export class Told {
  readonly kind: string
  readonly name: string
  readonly #all: NotHonoured[]

  constructor(kind: string, name: string, all: NotHonoured[]) {
    this.kind = kind
    this.name = name
    this.#all = all
  }

  /** For people: `consul service-router/orders Routes[1]`. */
  from(path: string): string {
    return `consul ${this.kind}/${this.name} ${path}`.trimEnd()
  }

  tell(path: string, why: string): void {
    this.#all.push({ kind: this.kind, name: this.name, path, why })
  }

  /** Every field that says something and is not among the known ones. */
  rest(value: object, known: ReadonlySet<string>, path: string, why: string): void {
    for (const [key, said] of Object.entries(value))
      if (!known.has(key) && saysSomething(said)) this.tell(`${path}${key}`, why)
  }
}

/** Consul answers some fields that nobody wrote: empty mappings, empty lists, zeros. */
export function saysSomething(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return false
  if (typeof value !== 'object') return true
  return Object.values(value).some(saysSomething)
}
