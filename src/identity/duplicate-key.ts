/**
 * The first key that one object of a JSON text has twice; undefined: none has. `JSON.parse` keeps the last of two and says
 * nothing, so that two readers may believe two different documents.
 * @param text what `JSON.parse` has accepted
 */
export function duplicateKey(text: string): string | undefined {
  // One set of keys per open object, undefined per open array.
  const open: (Set<string> | undefined)[] = []
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]
    if (letter === '{') open.push(new Set())
    else if (letter === '[') open.push(undefined)
    else if (letter === '}' || letter === ']') open.pop()
    else if (letter === '"') {
      const end = endOfString(text, at)
      const keys = open.at(-1)
      if (keys !== undefined && isKey(text, end)) {
        // Decoded, for a letter can be written in more than one way.
        const key: unknown = JSON.parse(text.slice(at, end))
        if (keys.has(String(key))) return String(key)
        keys.add(String(key))
      }
      at = end - 1
    }
  }
  return undefined
}

/** @returns the place behind the closing quotation mark. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

/** Outside of strings a colon stands behind keys only. */
function isKey(text: string, end: number): boolean {
  let at = end
  while (' \t\r\n'.includes(text[at] ?? 'x')) at++
  return text[at] === ':'
}
