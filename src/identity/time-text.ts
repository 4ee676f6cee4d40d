import { Time } from '@peculiar/asn1-x509'

/** A moment of the wall clock, for messages: `2026-03-01T12:00:00Z`. */
export function instantOf(wallMs: number): string {
  // The widest range that a certificate can name; what is beyond has no ISO form.
  if (!(Math.abs(wallMs) <= 8.64e15)) return 'an impossible time'
  return wallMs === 0
    ? '1970-01-01T00:00:00Z'
    : new Time(wallMs).getTime().toISOString().replace('.000Z', 'Z')
}

/** A span for messages, in its two largest units: `1 d 3 h`. */
export function spanOf(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000))
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}
