import {
  type Client,
  type ClientUnaryCall,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'

export interface Item {
  readonly id: string
}

export interface Price {
  readonly cents: number
  readonly by: string
}

/** What `pricing` offers. Written as the JSON form of a .proto file, so that the demo needs no file beside its code. */
const definition = fromJSON({
  nested: {
    demo: {
      nested: {
        Item: { fields: { id: { type: 'string', id: 1 } } },
        Price: { fields: { cents: { type: 'int32', id: 1 }, by: { type: 'string', id: 2 } } },
        Pricing: { methods: { Quote: { requestType: 'Item', responseType: 'Price', comment: '' } } },
      },
    },
  },
})

interface PricingClient extends Client {
  quote(item: Item, callback: (error: ServiceError | null, price: Price) => void): ClientUnaryCall
}

const { demo } = loadPackageDefinition(definition) as unknown as {
  readonly demo: {
    readonly Pricing: Pick<ServiceClientConstructor, 'service'> &
      (new (
        ...args: ConstructorParameters<typeof Client>
      ) => PricingClient)
  }
}

/** The client class, and under `service` what a server implements. */
export const { Pricing } = demo
