import type { ChannelOptions } from '@grpc/grpc-js'
import { laneName } from '../../../src/grpc/lanes.ts'
import { type Connectable, doorOf, reachOf, type Standing } from '../../../src/grpc/reach.ts'
import { FakeEndpoint } from '../builders.ts'

/** An endpoint whose connections the test plays. */
export class ScriptedEndpoint extends FakeEndpoint implements Connectable {
  /** How often somebody made a connection. */
  tries = 0
  /** There is no way to it that may be tried. */
  barred = false
  #standing: Standing | undefined

  override hop(): never {
    this.slot(doorOf).leaf = this
    return undefined as never
  }

  connect(options: Readonly<ChannelOptions> = {}): boolean {
    this.tries++
    if (this.barred) return false
    this.#standing ??= this.service.slot(reachOf).enter(this, laneName(options))
    if (this.#standing.stage === 'idle') this.#standing.enter('connecting')
    return true
  }

  connected(): void {
    this.#standing?.enter('ready')
  }

  refused(): void {
    this.#standing?.enter('resting')
  }

  /** The back-off is over, or the connection is closed. */
  rest(): void {
    this.#standing?.enter('idle')
  }

  /** Its leaf is closed. */
  leave(): void {
    this.#standing?.leave()
    this.#standing = undefined
  }
}
