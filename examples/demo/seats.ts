/** How many processes each service has. */
export const SERVICES = { web: 1, orders: 3, stock: 2, pricing: 2 } as const
export type ServiceName = keyof typeof SERVICES

/** The place of one process, the same each time it is started. */
export interface Seat {
  readonly name: string
  readonly service: ServiceName
  readonly port: number
}

/** @param freePorts as many as there are processes */
export function seatsOf(freePorts: readonly number[]): readonly Seat[] {
  return names().map((seat, i) => ({ ...seat, port: freePorts[i] as number }))
}

export const SEATS = names().length

function names(): Omit<Seat, 'port'>[] {
  return (Object.keys(SERVICES) as ServiceName[]).flatMap((service) =>
    Array.from({ length: SERVICES[service] }, (_, i) => ({
      service,
      name: SERVICES[service] === 1 ? service : `${service}-${i + 1}`,
    })),
  )
}
