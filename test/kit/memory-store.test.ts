import { storeContract } from '../contract/store.ts'
import { MemoryStore } from './memory-store.ts'

storeContract({
  name: 'memory store',
  open: async () => new MemoryStore(),
  reopen: async (store) => new MemoryStore((store as MemoryStore).content),
})
