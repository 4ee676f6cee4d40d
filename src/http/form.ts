import { randomUUID } from 'node:crypto'
import { mistake } from './mistake.ts'

type FormEntries = Iterable<readonly [string, string | Blob]>

/**
 * A form as one blob of `multipart/form-data` (RFC 7578, as the HTML standard writes it), whose type names the
 * boundary. undici encodes only the FormData of its own copy, so one from the runtime would fail; this takes either.
 * Files stay where they are: a blob made of blobs copies nothing, has a length, and can be read again.
 */
export function encodeForm(form: object): Blob {
  // Lower case: a blob's type is lowered, a boundary is not.
  const boundary = `----tulle-${randomUUID()}`
  const parts: (string | Blob)[] = []
  for (const [name, value] of form as FormEntries) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(normalised(name))}"`
    if (typeof value === 'string') {
      parts.push(`${head}\r\n\r\n${normalised(value)}\r\n`)
    } else {
      if (!(value instanceof Blob)) throw mistake(`the form's field ${name} is neither a string nor a Blob`)
      const file = (value as Blob & { name?: unknown }).name
      const filename = typeof file === 'string' ? `; filename="${quoted(file)}"` : ''
      const type = value.type === '' ? 'application/octet-stream' : value.type
      parts.push(`${head}${filename}\r\nContent-Type: ${type}\r\n\r\n`, value, '\r\n')
    }
  }
  parts.push(`--${boundary}--\r\n`)
  return new Blob(parts, { type: `multipart/form-data; boundary=${boundary}` })
}

const quoted = (text: string): string =>
  text.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22')

const normalised = (text: string): string => text.replace(/\r?\n|\r/g, '\r\n')
