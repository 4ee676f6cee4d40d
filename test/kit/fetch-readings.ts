import { described, thrownBy } from './fetch-errors.ts'

/** How the answer is read. */
export type Reading =
  | 'text'
  | 'json'
  | 'arrayBuffer'
  | 'bytes'
  | 'blob'
  | 'formData'
  | 'stream'
  | 'byob'
  | 'textStream'
  | 'iterate'
  | 'clone'
  | 'wrap'
  | 'cancel'
  | 'not'

export const readings: Readonly<Record<Reading, (res: Response) => Promise<unknown>>> = {
  text: (res) => res.text(),
  json: (res) => res.json(),
  arrayBuffer: async (res) => {
    const buffer = await res.arrayBuffer()
    return [buffer.constructor.name, Buffer.from(buffer).toString('latin1')]
  },
  bytes: async (res) => {
    const bytes = await (res as any).bytes()
    return [
      bytes.constructor.name,
      bytes.byteOffset,
      bytes.buffer.byteLength,
      Buffer.from(bytes).toString('latin1'),
    ]
  },
  blob: async (res) => {
    const blob = await res.blob()
    return [blob.type, blob.size, await blob.text()]
  },
  formData: async (res) => {
    const entries: unknown[] = []
    for (const [name, value] of (await res.formData()) as any)
      entries.push([name, typeof value === 'string' ? value : [value.name, value.type, await value.text()]])
    return entries
  },
  stream: async (res) => {
    if (res.body === null) return null
    const reader = res.body.getReader()
    const chunks: Uint8Array[] = []
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      chunks.push(value as Uint8Array)
    }
    return [
      [...new Set(chunks.map((chunk) => chunk.constructor.name))],
      Buffer.concat(chunks).toString('latin1'),
    ]
  },
  byob: async (res) => {
    if (res.body === null) return null
    const reader = (res.body as any).getReader({ mode: 'byob' })
    let all = ''
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(64))
      all += Buffer.from(value ?? []).toString('latin1')
      if (done) return all
    }
  },
  // Since Node.js 26; before it, what is not read at all ends at another time in each arm.
  textStream: async (res) => {
    const stream = (res as any).textStream?.()
    if (stream === undefined) return res.text()
    const during = [res.bodyUsed, stream.locked]
    let all = ''
    for await (const text of stream) all += text
    return [during, all]
  },
  iterate: async (res) => {
    let all = ''
    for await (const chunk of (res.body ?? []) as any) all += Buffer.from(chunk).toString('latin1')
    return all
  },
  clone: async (res) => {
    const copy = res.clone()
    const same = [
      copy.status,
      copy.url,
      copy.type,
      copy.redirected,
      copy.statusText,
      [...copy.headers],
      copy instanceof Response,
    ]
    const guard = thrownBy(() => copy.headers.set('a', 'b'))
    return [
      same,
      guard,
      copy.headers === res.headers,
      await Promise.allSettled([res.text(), copy.text()]).then(plain),
      copy.bodyUsed,
    ]
  },
  wrap: async (res) => {
    const wrapped = new Response(res.body, res)
    wrapped.headers.set('x-added', '1')
    return [wrapped.status, wrapped.statusText, [...wrapped.headers], await wrapped.text()]
  },
  cancel: async (res) => res.body?.cancel('enough'),
  not: async () => undefined,
}

const plain = (results: readonly PromiseSettledResult<string>[]): unknown =>
  results.map((result) => (result.status === 'fulfilled' ? result.value : described(result.reason)))
