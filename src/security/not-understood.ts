/** A rule says something that is not known here. Thrown while rules are compiled; never leaves the room. */
export class NotUnderstood extends Error {
  override readonly name = 'NotUnderstood'
}
