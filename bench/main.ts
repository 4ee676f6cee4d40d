/** `npm run bench [-- --smoke] [-- --rounds 5]`: one bench after the other, since both want the machine for themselves. */
await import('./overhead.ts')
await import('./inbound.ts')
await import('./grpc.ts')
await import('./grpc-inbound.ts')
await import('./grpc-memory.ts')
await import('./endpoint-scale.ts')
