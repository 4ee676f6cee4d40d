import type { Argument, Command, Option } from 'commander'
import { createProgram } from '../src/cli/program.ts'
import type { World } from '../src/cli/world.ts'

/** Nothing is run to document it. */
const nobody = {
  env: {},
  cwd: '.',
  author: '',
  wall: () => 0,
  openLink: () => Promise.reject(new Error('documented, not run')),
  startPlane: () => Promise.reject(new Error('documented, not run')),
  openConsul: () => {
    throw new Error('documented, not run')
  },
  startConsulPlane: () => Promise.reject(new Error('documented, not run')),
  stopped: () => Promise.reject(new Error('documented, not run')),
} satisfies World

/** The reference of the `tulle` command, from the commands themselves. */
export function cliPage(): string {
  let written = ''
  const program = createProgram(
    {
      out: (text) => {
        written += text
      },
      err: () => {},
    },
    nobody,
  )
  /** What `addHelpText` adds is nowhere but in the printed help. */
  const examples = (command: Command): string => {
    written = ''
    command.outputHelp()
    return written.slice(command.helpInformation().length).trim()
  }
  const runnable = leaves(program)
  const list = runnable.map((command) => {
    const name = pathOf(command)
    return `| [\`${name}\`](#${name.replaceAll(' ', '-')}) | ${cell(command.description())} |`
  })
  return `# The \`tulle\` command

<!-- Generated from src/cli by \`npm run docs:generate\`. -->

\`npx tulle <command>\`. Every command says what it accepts with \`--help\`.

| command | what it does |
| --- | --- |
${list.join('\n')}

Exit codes: 0, all is well; 1, what was asked for found mistakes or could not be done, and the message says what to do; 2, it was
asked for wrongly. With \`--json\` the answer is on standard output and everything else on standard error.

Commands that ask a plane need its admin token: from \`--token-file\`, from the state directory given with \`--dir\`, from
\`TULLE_ADMIN_TOKEN\`, from the file that \`TULLE_ADMIN_TOKEN_FILE\` names, else from \`./plane-state\`. The token itself says where the
planes are and what they prove themselves by, so nothing else is needed; \`--plane\` names other URLs. The token is sent only to a
plane that has proved itself, and none of these commands prints it.

${runnable.map((command) => section(command, examples(command))).join('\n')}`
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

function section(command: Command, examples: string): string {
  const name = pathOf(command)
  const rows = [...command.registeredArguments.map(argumentRow), ...command.options.map(optionRow)]
  const table = rows.length === 0 ? '' : `\n| | |\n| --- | --- |\n${rows.join('\n')}\n`
  const block = examples === '' ? '' : `\n\`\`\`\n${examples}\n\`\`\`\n`
  return `## ${name}\n\n\`${name} ${command.usage()}\`\n\n${sentence(command.description())}\n${table}${block}`
}

function argumentRow(argument: Argument): string {
  const shown = argument.required ? `<${argument.name()}>` : `[${argument.name()}]`
  return `| \`${shown}\` | ${cell(argument.description)} |`
}

function optionRow(option: Option): string {
  const plain =
    option.defaultValue === undefined || option.defaultValue === '' || Array.isArray(option.defaultValue)
  const fallback = plain ? '' : `; default \`${option.defaultValue}\``
  return `| \`${option.flags}\` | ${cell(option.description)}${fallback} |`
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
