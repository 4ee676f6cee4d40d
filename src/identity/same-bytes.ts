/** Whether both lists hold the same bytes in the same order. */
export function sameBytes(one: readonly Uint8Array[], other: readonly Uint8Array[]): boolean {
  return (
    one.length === other.length && one.every((bytes, index) => Buffer.compare(bytes, other[index]!) === 0)
  )
}
