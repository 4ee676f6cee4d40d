import { fileURLToPath } from 'node:url'
import { loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const definition = loadSync(fileURLToPath(new URL('pricing.proto', import.meta.url)))

/** The client class, and under `service` what a server implements. Generated code (ts-proto, grpc-tools) serves as well. */
export const { Pricing } = loadPackageDefinition(definition).pricing.v1
