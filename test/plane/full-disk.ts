import { readdirSync } from 'node:fs'
import { isMeshError } from '../../src/core/errors.ts'
import { DirectoryStore } from '../../src/plane/directory-store.ts'
import { isFull } from '../../src/plane/disk.ts'
import { systemClock } from '../../src/platform/clock.ts'

/** Run on a file system that has little room: what happens when it is used up. */
process.on('SIGXFSZ', () => {})
const [, , directory = ''] = process.argv
const store = await DirectoryStore.open({ directory, clock: systemClock })
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = async (key: string): Promise<string> => new TextDecoder().decode(await store.read(key))
await store.write('key', bytes('old'))
await store.write('other', bytes('other'))
const error: unknown = await store
  .write('key', new Uint8Array(1024 * 1024))
  .catch((thrown: unknown) => thrown)
const old = await text('key')
const names = readdirSync(directory).sort()
await store.write('key', bytes('small'))
const report = {
  code: isMeshError(error) ? error.code : String(error),
  message: isMeshError(error) ? error.message : '',
  full: isFull(error),
  old,
  other: await text('other'),
  names,
  afterwards: await text('key'),
}
process.stdout.write(`ready ${JSON.stringify(report)}\n`)
