import type {
  Metadata,
  ServerInterceptingCall,
  ServerInterceptingCallInterface,
  ServerInterceptor,
} from '@grpc/grpc-js'
import type { Carrier } from './carrier.ts'
import { ExchangeIn } from './exchange-in.ts'

/** grpc-js's own, of the copy that the application's server is of. */
export type CallClass = typeof ServerInterceptingCall

type Start = ServerInterceptingCallInterface['start']
type SendMessage = ServerInterceptingCallInterface['sendMessage']
type SendStatus = ServerInterceptingCallInterface['sendStatus']

/**
 * The interceptor nearest to the transport, made once for every connection: who brings its calls is known here, and is
 * never looked up. A subclass of grpc-js's own class, so that what later versions add to it is there as well.
 */
export function interceptors(Base: CallClass): (carrier: Carrier) => ServerInterceptor {
  class MeshServerCall extends Base {
    readonly #exchange: ExchangeIn

    constructor(transport: ServerInterceptingCallInterface, exchange: ExchangeIn) {
      super(transport)
      this.#exchange = exchange
    }

    override start(...[listener]: Parameters<Start>): void {
      this.#exchange.start(listener)
    }

    override sendMetadata(metadata: Metadata): void {
      this.#exchange.sendMetadata(metadata)
    }

    override sendMessage(...[message, sent]: Parameters<SendMessage>): void {
      this.#exchange.sendMessage(message, sent)
    }

    override sendStatus(...[status]: Parameters<SendStatus>): void {
      this.#exchange.sendStatus(status)
    }
  }
  return (carrier) =>
    ({ path }, transport) =>
      new MeshServerCall(transport, new ExchangeIn(carrier, path, transport))
}
