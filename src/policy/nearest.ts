/**
 * The name most like `name` among `names`; undefined: none is near enough to be what was meant. A port, because the
 * inner ring brings no edit distance of its own; `control/nearest.ts` fills it.
 */
export type Nearest = (name: string, names: Iterable<string>) => string | undefined

export const NO_NEAREST: Nearest = () => undefined
