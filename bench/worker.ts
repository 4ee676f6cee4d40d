/** The side of a process of the bench: answers the runner's questions one after the other. */

export type Answer = { readonly value: unknown } | { readonly error: string }

/** Ends the process when the runner is gone. @param ready Told first, unasked. */
export function answer<Q>(ready: unknown, respond: (question: Q) => unknown): void {
  const send = (message: Answer): void => void process.send?.(message)
  process.on('disconnect', () => process.exit())
  process.on('message', (question) => {
    Promise.resolve()
      .then(() => respond(question as Q))
      .then(
        (value) => send({ value: value ?? null }),
        (error: unknown) =>
          send({ error: error instanceof Error ? (error.stack ?? String(error)) : String(error) }),
      )
  })
  send({ value: ready })
}

let awake = false
const again = (): void => {
  if (awake) setImmediate(again)
}

/** An event loop that never sleeps. */
export function stayAwake(on: boolean): void {
  if (on && !awake) setImmediate(again)
  awake = on
}
