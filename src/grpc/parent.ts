import { type ChannelInterface, type Deadline, propagate } from '@grpc/grpc-js'

/** The server call on behalf of which a call is made, as grpc-js's `CallOptions.parent` names it. */
export type ParentCall = NonNullable<Parameters<ChannelInterface['createCall']>[3]>

/** Which of the parent's life a call shares (`CallOptions.propagate_flags`); default everything. */
export type PropagateFlags = number | null | undefined

export const inheritsDeadline = (flags: PropagateFlags): boolean => has(flags, propagate.DEADLINE)
export const inheritsCancellation = (flags: PropagateFlags): boolean => has(flags, propagate.CANCELLATION)

/** A deadline in milliseconds of the wall clock. */
export const deadlineMs = (deadline: Deadline): number =>
  typeof deadline === 'number' ? deadline : deadline.getTime()

/** Runs `cancel` when the parent is cancelled. Returns the removal: a parent may have thousands of children. */
export function onCancelled(parent: ParentCall, cancel: () => void): () => void {
  if (parent.cancelled) process.nextTick(cancel)
  parent.on('cancelled', cancel)
  return () => parent.removeListener('cancelled', cancel)
}

function has(flags: PropagateFlags, flag: number): boolean {
  return ((flags ?? propagate.DEFAULTS) & flag) !== 0
}
