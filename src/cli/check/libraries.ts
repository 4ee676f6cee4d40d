import { type Finding, pass, warn } from './finding.ts'

/** HTTP clients on `node:http`, and what to do about each. */
const BYPASSING: Readonly<Record<string, string>> = {
  axios: "axios can be given mesh.fetch: { adapter: 'fetch', env: { fetch: mesh.fetch } }",
  got: 'got has no way to another transport: call with mesh.fetch',
  'node-fetch': 'node-fetch can be replaced by mesh.fetch as it is',
  request: 'request is no longer maintained: call with mesh.fetch',
  superagent: 'superagent has no way to another transport: call with mesh.fetch',
  needle: 'needle has no way to another transport: call with mesh.fetch',
  'cross-fetch': 'cross-fetch uses node-fetch: call with mesh.fetch',
}

/** Names libraries among the dependencies whose calls never reach the mesh. @param dependencies of package.json */
export function checkLibraries(dependencies: Iterable<string>): Finding {
  const found = [...dependencies].filter((name) => Object.hasOwn(BYPASSING, name))
  return found.length === 0
    ? pass('no HTTP client among the dependencies goes past the mesh')
    : warn(
        `calls made with ${found.join(', ')} do not go through the mesh`,
        `${found.map((name) => BYPASSING[name]).join('; ')}.`,
      )
}
