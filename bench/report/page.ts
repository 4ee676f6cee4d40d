/** Puts tables into a page of the documentation, where a pair of marks stands for them. */

/**
 * The page with `text` between `<!-- bench:name -->` and `<!-- /bench:name -->`, below the command that made it.
 * @throws Error where the page has no such marks
 */
export function withTable(page: string, name: string, command: string, text: string): string {
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the page has no ${begin} … ${end}`)
  const block = `\n\n\`\`\`sh\n${command}\n\`\`\`\n\n\`\`\`\n${text.trim()}\n\`\`\`\n\n`
  return page.slice(0, from + begin.length) + block + page.slice(to)
}

/** How a run of one group, or of all, is repeated: what was asked for, without where its output went. */
export function commandOf(
  group: string | undefined,
  args: readonly string[],
  groups: readonly string[],
): string {
  const rest = args.filter(
    (arg) => !groups.includes(arg) && !['--docs', '--plot', '--json', '--check'].includes(arg),
  )
  const words = group === undefined ? rest : [group, ...rest]
  return ['npm run bench', ...(words.length === 0 ? [] : ['--']), ...words].join(' ')
}
