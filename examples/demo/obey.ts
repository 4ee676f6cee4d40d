import type { Reply } from './messages.ts'

/**
 * Tells the runner that this process serves, and answers its questions from now on.
 *
 * The runner decides when this process ends; a Ctrl-C in its terminal reaches all of them. When the runner is gone, so is
 * the reason to be here. The channel itself must not keep a drained process alive.
 */
export function obey<Asked>(answer: (question: Asked) => Promise<unknown>): void {
  process.on('message', (envelope: Asked & { readonly id: number }) => {
    const { id } = envelope
    answer(envelope).then(
      (given) => say({ id, answer: given }),
      (error: unknown) => say({ id, error: String(error) }),
    )
  })
  process.on('SIGINT', () => {})
  process.on('disconnect', () => process.exit())
  process.channel?.unref()
  say({ ready: true })
}

function say(reply: Reply): void {
  if (process.connected) process.send?.(reply)
}
