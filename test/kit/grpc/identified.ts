import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createMesh } from '../../../src/index.ts'
import type { IssueOptions, TestCa, TestSvid } from '../certificates.ts'
import { folder } from '../member.ts'
import type { Cleanup } from '../process.ts'
import type { Mesh, MeshOptions } from '../setting.ts'

export interface Identified {
  readonly mesh: Mesh
  readonly certFile: string
  readonly keyFile: string
  /** Puts another pair in the place of the first, one file after the other. */
  renew(svid: TestSvid): void
}

/** A mesh with certificates from files, as nobody's plane would ever issue some of these. */
export function identified(
  t: Cleanup,
  ca: TestCa,
  service: string,
  options: Partial<MeshOptions> & { readonly svid?: IssueOptions } = {},
): Identified {
  const { svid = {}, ...more } = options
  const dir = join(folder(t), service)
  mkdirSync(dir)
  const put = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text, { mode: 0o600 })
    return join(dir, name)
  }
  const write = ({ chainPem, keyPem }: TestSvid) => ({
    certFile: put('tls.crt', chainPem.join('')),
    keyFile: put('tls.key', keyPem),
  })
  const files = write(ca.issue({ service, ...svid }))
  const mesh = createMesh({
    service,
    ...files,
    log: 'silent',
    drainDelay: 0,
    env: { TULLE_TRUST_BUNDLE_FILE: put('ca.crt', ca.rootPem) },
    ...more,
  })
  t.after(() => mesh.close())
  return { mesh, ...files, renew: (next) => void write(next) }
}
