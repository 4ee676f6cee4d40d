import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import type { Store } from '../../src/plane/store.ts'
import type { Cleanup } from '../kit/process.ts'
import { delay, until } from '../kit/wait.ts'

export interface StoreSubject {
  readonly name: string
  /** An empty store; closed by the subject at the end of the test where the test has not done so. */
  open(t: Cleanup): Promise<Store>
  /** Opens what a closed store has left. */
  reopen(store: Store): Promise<Store>
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (content: Uint8Array | undefined): string | undefined =>
  content === undefined ? undefined : new TextDecoder().decode(content)

/** What the plane relies on, whatever keeps it. */
export function storeContract(subject: StoreSubject): void {
  const it = (name: string, fn: (store: Store, t: Cleanup) => Promise<void>): void => {
    test(`${subject.name}: ${name}`, async (t) => fn(await subject.open(t), t))
  }

  it('what was written is read back, byte for byte', async (store) => {
    const all = Uint8Array.from({ length: 256 }, (_, value) => value)
    await store.write('a/all', all)
    assert.deepEqual(Uint8Array.from((await store.read('a/all')) ?? []), all)
  })

  it('nothing is under a key that was never written', async (store) => {
    assert.equal(await store.read('nothing'), undefined)
    assert.equal(await store.read('no/such/folder'), undefined)
    assert.deepEqual(await store.list('no/such/'), [])
  })

  it('an empty value is a value', async (store) => {
    await store.write('empty', bytes(''))
    assert.equal(text(await store.read('empty')), '')
  })

  it('a later write replaces an earlier one', async (store) => {
    await store.write('key', bytes('a long first value'))
    await store.write('key', bytes('two'))
    assert.equal(text(await store.read('key')), 'two')
  })

  it('writes and removals of one key take effect in the order they were asked for', async (store) => {
    const writes = Array.from({ length: 50 }, (_, i) => store.write('key', bytes(String(i))))
    await Promise.all(writes)
    assert.equal(text(await store.read('key')), '49')
    await Promise.all([store.write('key', bytes('x')), store.remove('key')])
    assert.equal(await store.read('key'), undefined)
    await Promise.all([store.remove('key'), store.write('key', bytes('y'))])
    assert.equal(text(await store.read('key')), 'y')
  })

  it('what is removed is gone, and removing nothing is no mistake', async (store) => {
    await store.write('key', bytes('x'))
    await store.remove('key')
    await store.remove('key')
    assert.equal(await store.read('key'), undefined)
    assert.deepEqual(await store.list(''), [])
  })

  it('keys are listed by prefix, sorted, and removed ones are not among them', async (store) => {
    for (const key of ['b/2', 'b/10', 'b/c/1', 'bb', 'a']) await store.write(key, bytes(key))
    await store.remove('b/2')
    assert.deepEqual(await store.list('b/'), ['b/10', 'b/c/1'])
    assert.deepEqual(await store.list('b'), ['b/10', 'b/c/1', 'bb'])
    assert.deepEqual(await store.list('b/1'), ['b/10'])
    assert.deepEqual(await store.list(''), ['a', 'b/10', 'b/c/1', 'bb'])
  })

  it('of many who create one key exactly one has done so, and its value stays', async (store) => {
    const made = await Promise.all(
      Array.from({ length: 30 }, (_, i) => store.create('folder/key', bytes(`value ${i}`))),
    )
    assert.deepEqual(
      made.filter((one) => one),
      [true],
    )
    assert.equal(text(await store.read('folder/key')), `value ${made.indexOf(true)}`)
    assert.equal(await store.create('folder/key', bytes('later')), false)
    await store.remove('folder/key')
    assert.equal(await store.create('folder/key', bytes('later')), true)
    assert.equal(text(await store.read('folder/key')), 'later')
    assert.deepEqual(await store.list(''), ['folder/key'])
  })

  it('what is created over another key is only there where that one is', async (store) => {
    assert.equal(await store.create('a/2', bytes('two'), 'a/1'), false)
    assert.equal(await store.read('a/2'), undefined)
    await store.create('a/1', bytes('one'))
    assert.equal(await store.create('a/2', bytes('two'), 'a/1'), true)
    assert.equal(await store.create('a/2', bytes('again'), 'a/1'), false)
    assert.equal(text(await store.read('a/2')), 'two')
  })

  it('a watch hears of what is written, replaced, created and removed below its prefix', async (store) => {
    let heard = 0
    const stop = store.watch('a/', () => heard++)
    const hears = async (what: string, change: () => Promise<unknown>): Promise<void> => {
      const before = heard
      await change()
      await until(() => heard > before, { what: `the watch to hear of what was ${what}` })
    }
    await hears('written', () => store.write('a/1', bytes('x')))
    await hears('replaced', () => store.write('a/1', bytes('y')))
    await hears('created', () => store.create('a/2', bytes('x')))
    await hears('removed', () => store.remove('a/1'))
    stop()
    await delay(50)
    const last = heard
    await store.write('a/3', bytes('x'))
    await delay(50)
    assert.equal(heard, last)
  })

  it('a thousand writes at once are all there', async (store) => {
    await Promise.all(
      Array.from({ length: 1000 }, (_, i) => store.write(`many/${i % 7}/${i}`, bytes(String(i)))),
    )
    assert.equal((await store.list('many/')).length, 1000)
    assert.equal(text(await store.read('many/3/997')), '997')
  })

  it('a reader sees the old value or the new one, never a part', async (store) => {
    const values = ['a'.repeat(200_000), 'b'.repeat(100_000)]
    await store.write('key', bytes(values[0] as string))
    let writing = true
    const writer = (async () => {
      for (let i = 1; i <= 30; i++) await store.write('key', bytes(values[i % 2] as string))
      writing = false
    })()
    let reads = 0
    while (writing) {
      assert.ok(values.includes(text(await store.read('key')) ?? ''))
      reads++
    }
    await writer
    assert.ok(reads > 0)
  })

  it('keys that are none are refused', async (store) => {
    const bad = [
      '',
      '/',
      'a/',
      '/a',
      '../x',
      'a/../b',
      '.hidden',
      'a/.b',
      'a b',
      'a\0',
      'a\\b',
      'é',
      'x'.repeat(401),
    ]
    for (const key of bad) {
      await assert.rejects(store.write(key, bytes('x')), TypeError, JSON.stringify(key))
      await assert.rejects(store.read(key), TypeError)
      await assert.rejects(store.remove(key), TypeError)
      await assert.rejects(store.create(key, bytes('x')), TypeError)
    }
    assert.deepEqual(await store.list(''), [])
  })

  it('close waits for what is under way, and everything is there afterwards', async (store) => {
    const writes = Array.from({ length: 40 }, (_, i) => store.write(`k/${i}`, bytes(String(i))))
    await store.close()
    await Promise.all(writes)
    const again = await subject.reopen(store)
    assert.equal((await again.list('k/')).length, 40)
    await again.close()
  })

  it('nothing is done after close, and closing twice is harmless', async (store) => {
    await store.close()
    await store.close()
    const closed = (error: unknown): boolean => isMeshError(error) && error.code === 'TULLE_CLOSED'
    await assert.rejects(store.read('a'), closed)
    await assert.rejects(store.list(''), closed)
    await assert.rejects(store.write('a', bytes('x')), closed)
    await assert.rejects(store.remove('a'), closed)
    await assert.rejects(store.create('a', bytes('x')), closed)
  })
}
