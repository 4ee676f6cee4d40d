/** Every kind of options that a fetch may be given; made anew for each call, since bodies can be read once. */
const form = (): FormData => {
  const made = new FormData()
  made.set('a', 'b')
  made.set('file', new Blob(['content'], { type: 'text/plain' }), 'name.txt')
  return made
}
const streamed = (): ReadableStream => new Blob(['streamed']).stream()
export const inits: Readonly<Record<string, () => any>> = {
  'no options': () => undefined,
  null: () => null,
  empty: () => ({}),
  'a post of text': () => ({ method: 'POST', body: 'text é' }),
  'a post of nothing': () => ({ method: 'POST' }),
  'a put of nothing': () => ({ method: 'PUT' }),
  'a patch of nothing': () => ({ method: 'PATCH' }),
  'an empty text': () => ({ method: 'POST', body: '' }),
  'a deletion': () => ({ method: 'DELETE' }),
  'a deletion with text': () => ({ method: 'DELETE', body: 'why' }),
  'a deletion with an empty text': () => ({ method: 'DELETE', body: '' }),
  options: () => ({ method: 'OPTIONS' }),
  'a head': () => ({ method: 'HEAD' }),
  'lower case': () => ({ method: 'post', body: 'x' }),
  'lower case of another': () => ({ method: 'propfind' }),
  'patch in lower case': () => ({ method: 'patch', body: 'x' }),
  'a forbidden method': () => ({ method: 'CONNECT' }),
  'another forbidden method': () => ({ method: 'trace' }),
  'no method': () => ({ method: 'a b' }),
  'an empty method': () => ({ method: '' }),
  'a method that is none': () => ({ method: null }),
  'a symbol as the method': () => ({ method: Symbol('x') }),
  bytes: () => ({ method: 'POST', body: new Uint8Array([0, 255, 10]) }),
  'a view on bytes': () => ({ method: 'POST', body: new Uint8Array([1, 2, 3, 4]).subarray(1, 3) }),
  'a buffer': () => ({ method: 'PUT', body: Buffer.from('buffer') }),
  'an array buffer': () => ({ method: 'POST', body: new Uint8Array([65, 66]).buffer }),
  'a data view': () => ({ method: 'POST', body: new DataView(new Uint8Array([65, 66]).buffer, 1) }),
  'shared bytes': () => ({ method: 'POST', body: new Uint8Array(new SharedArrayBuffer(4)) }),
  'no bytes': () => ({ method: 'POST', body: new Uint8Array() }),
  parameters: () => ({ method: 'POST', body: new URLSearchParams({ a: 'é b', c: '&' }) }),
  'a blob': () => ({ method: 'POST', body: new Blob(['blob'], { type: 'image/png' }) }),
  'a blob without a type': () => ({ method: 'POST', body: new Blob(['blob']) }),
  'a form': () => ({ method: 'POST', body: form() }),
  'a stream': () => ({ method: 'POST', body: streamed(), duplex: 'half' }),
  'a stream without duplex': () => ({ method: 'POST', body: streamed() }),
  'a generator': () => ({
    method: 'POST',
    duplex: 'half',
    body: (async function* () {
      yield Buffer.from('generated')
    })(),
  }),
  'a number as the body': () => ({ method: 'POST', body: 5 }),
  'an object as the body': () => ({ method: 'POST', body: { a: 1 } }),
  'a surrogate alone': () => ({ method: 'POST', body: 'a\ud800b' }),
  'a body with a get': () => ({ body: 'x' }),
  'a body with a head': () => ({ method: 'HEAD', body: 'x' }),
  'headers of all kinds': () => ({
    headers: { 'X-Upper': 'Value', 'x-lower': 'é', accept: 'application/json' },
  }),
  'an own content type': () => ({
    method: 'POST',
    body: '{}',
    headers: { 'Content-Type': 'application/json' },
  }),
  'an own agent': () => ({
    headers: { 'User-Agent': 'mine', 'Accept-Language': 'de', 'accept-encoding': 'br' },
  }),
  'headers as pairs': () => ({
    headers: [
      ['x-a', '1'],
      ['x-b', '2'],
    ],
  }),
  'a name twice': () => ({
    headers: [
      ['x-a', '1'],
      ['X-A', '2'],
    ],
  }),
  'a name twice in an object': () => ({ headers: { 'x-a': '1', 'X-A': '2' } }),
  cookies: () => ({
    headers: [
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
    ],
  }),
  'headers as Headers': () => ({ headers: new Headers({ 'X-B': '1', 'X-A': '2' }) }),
  'headers as a Map': () => ({ headers: new Map([['x-map', 'yes']]) }),
  'headers without a prototype': () => ({ headers: Object.assign(Object.create(null), { 'x-a': 'b' }) }),
  'headers of a class': () => ({
    headers: new (class {
      'x-own' = 'yes'
    })(),
  }),
  'numbers in headers': () => ({
    headers: { 'x-number': 5, 'x-true': true, 'x-null': null, 'x-none': undefined },
  }),
  'a name like an index': () => ({ headers: { 'x-a': '1', '7': '2' } }),
  'a symbol in headers': () => ({ headers: { [Symbol('x')]: 'y' } }),
  'white space around a value': () => ({ headers: { 'x-a': '  padded\t' } }),
  'an empty value': () => ({ headers: { 'x-a': '' } }),
  'a line break in a value': () => ({ headers: { 'x-a': 'b\r\nc: d' } }),
  'a null in a value': () => ({ headers: { 'x-a': 'b\0' } }),
  'a value beyond latin1': () => ({ headers: { 'x-a': '☃' } }),
  'a name that is none': () => ({ headers: { 'x a': 'b' } }),
  'an empty name': () => ({ headers: { '': 'b' } }),
  'pairs that are none': () => ({ headers: [['x-a']] }),
  'headers that are a string': () => ({ headers: 'x-a: b' }),
  'headers that are null': () => ({ headers: null }),
  'a range': () => ({ headers: { range: 'bytes=0-1' } }),
  'a condition': () => ({ headers: { 'If-None-Match': '"a"' } }),
  'an own length': () => ({ method: 'POST', body: 'abc', headers: { 'content-length': '3' } }),
  'an own host': () => ({ headers: { host: 'other' } }),
  'an own mode header': () => ({ headers: { 'sec-fetch-mode': 'navigate' } }),
  'a connection header': () => ({ headers: { connection: 'keep-alive' } }),
  'an origin': () => ({ headers: { origin: 'http://a', referer: 'http://b/c' } }),
  authorization: () => ({ headers: { authorization: 'secret', cookie: 'a=1' } }),
  'redirect: follow': () => ({ redirect: 'follow' }),
  'redirect: manual': () => ({ redirect: 'manual' }),
  'redirect: error': () => ({ redirect: 'error' }),
  'redirect: none': () => ({ redirect: 'x' }),
  'mode: cors': () => ({ mode: 'cors' }),
  'mode: no-cors': () => ({ mode: 'no-cors' }),
  'mode: navigate': () => ({ mode: 'navigate' }),
  'cache: no-store': () => ({ cache: 'no-store' }),
  'cache: only-if-cached': () => ({ cache: 'only-if-cached' }),
  'cache: reload': () => ({ cache: 'reload' }),
  credentials: () => ({ credentials: 'include' }),
  keepalive: () => ({ keepalive: true }),
  integrity: () => ({ integrity: 'sha256-xxxx' }),
  referrer: () => ({ referrer: 'http://other/a' }),
  'no referrer': () => ({ referrer: '' }),
  'referrer policy': () => ({ referrerPolicy: 'no-referrer' }),
  priority: () => ({ priority: 'high' }),
  'window: null': () => ({ window: null }),
  'window: 1': () => ({ window: 1 }),
  'signal: null': () => ({ signal: null }),
  'signal: none': () => ({ signal: {} }),
  'options of a class': () =>
    new (class {
      get method() {
        return 'POST'
      }
      get body() {
        return 'inherited'
      }
    })(),
  'options that are a string': () => 'POST',
  'options that are a function': () => Object.assign(() => {}, { method: 'PUT' }),
  'options fetch does not know': () => ({ next: { revalidate: 5 }, agent: {} }),
}
