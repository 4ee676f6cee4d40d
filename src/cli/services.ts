import type { Command } from 'commander'
import { type AdminOptions, asAdmin, withPlane } from './admin.ts'
import { servicesWire } from './admin-wire.ts'
import type { Io } from './io.ts'
import { plain, table } from './table.ts'
import type { World } from './world.ts'

/** `tulle services`: what is registered, endpoint by endpoint. */
export function registerServices(program: Command, io: Io, world: World): void {
  asAdmin(
    program
      .command('services')
      .description('the services that are registered, and their endpoints')
      .argument('[service]', 'only this one'),
  )
    .addHelpText('after', '\nExamples:\n  tulle services\n  tulle services orders --json\n')
    .action(async (only: string | undefined, options: AdminOptions) => {
      const { services } = await withPlane(options, world, (ask) =>
        ask(servicesWire, { method: 'GET', path: '/v1/services' }),
      )
      const shown = Object.entries(services)
        .filter(([name]) => only === undefined || name === only)
        .sort(([a], [b]) => (a < b ? -1 : 1))
      const rows = shown.flatMap(([name, endpoints]) =>
        (endpoints.length === 0 ? [undefined] : endpoints).map((endpoint) => [
          name,
          endpoint === undefined ? '(none)' : authority(endpoint),
          endpoint?.protocol ?? '',
          endpoint?.version ?? '',
          endpoint?.zone ?? '',
          endpoint?.mtls ?? '',
          endpoint === undefined ? '' : String(endpoint.instances),
        ]),
      )
      if (rows.length === 0)
        io.err(
          only === undefined ? 'no service is registered\n' : `no service ${plain(only)} is registered\n`,
        )
      io.out(
        options.json
          ? `${JSON.stringify(Object.fromEntries(shown), null, 2)}\n`
          : table(['service', 'endpoint', 'protocol', 'version', 'zone', 'mtls', 'instances'], rows),
      )
    })
}

function authority({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
