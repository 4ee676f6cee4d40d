/** What the assembly takes of this room, in one import: it is loaded only where there is an identity. */
export { readBundle, rootsPem } from './bundle.ts'
export { ConsulIdentitySource } from './consul-source.ts'
export { FileSource } from './file-source.ts'
export { MeshIdentity } from './mesh-identity.ts'
export { PlaneSource } from './plane-source.ts'
export { verifyPlane } from './verify-plane.ts'
