import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { type Conduct, type Twin, WORDS } from './behaviour.ts'

const bytes = (message: Buffer): Buffer => message
const method = (name: string) => ({
  path: `/tulle.twin.Twin/${name}`,
  requestStream: false as const,
  responseStream: false as const,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
})

/** Messages are bytes: what is said does not matter here. `Ask` may be repeated, `Do` may not. */
export const TWIN = { Ask: method('Ask'), Do: method('Do') } satisfies ServiceDefinition

export async function grpcTwin(): Promise<Twin> {
  let server: Server | undefined
  const answer = (_call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void => {
    twin.asked++
    const { conduct } = twin
    if (conduct === 'never answers') return
    const code = WORDS[conduct].grpc
    if (code === 0) {
      callback(null, Buffer.from('yes'))
      return
    }
    const metadata = new Metadata()
    if (conduct === 'asks for no retry') metadata.set('grpc-retry-pushback-ms', '-1')
    callback({ code, details: conduct, metadata })
  }
  const listen = async (port: number): Promise<number> => {
    const made = new Server()
    made.addService(TWIN, { Ask: answer, Do: answer })
    server = made
    return new Promise((resolve, reject) => {
      made.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      )
    })
  }
  const port = await listen(0)
  const twin: Twin = {
    port,
    conduct: 'answers' as Conduct,
    asked: 0,
    async stop() {
      server?.forceShutdown()
      server = undefined
    },
    start: async () => void (await listen(port)),
  }
  return twin
}
