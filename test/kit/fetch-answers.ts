import type { Answer } from './fetch-arms.ts'
import type { Reading } from './fetch-readings.ts'

/** What answers differ in, for the comparison of mesh.fetch with the built-in one. */
export const READINGS: readonly Reading[] = [
  'text',
  'json',
  'arrayBuffer',
  'bytes',
  'blob',
  'formData',
  'stream',
  'byob',
  'textStream',
  'iterate',
  'clone',
  'wrap',
  'cancel',
  'not',
]
export const JSON_ANSWER: Answer = { body: '{"a":"é"}', headers: [['content-type', 'application/json']] }

export const answers: Readonly<Record<string, Answer>> = {
  json: JSON_ANSWER,
  'no body': {},
  'a mark before the text': { body: '\ufefftext' },
  'only a mark': { body: '\ufeff' },
  'two marks': { body: '\ufeff\ufefftext' },
  'a long body': { body: 'x', times: 300_000 },
  'a long body in chunks': { body: 'é', times: 150_000, how: 'chunks' },
  cookies: {
    headers: [
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-a', '1'],
      ['x-a', '2'],
    ],
  },
  'one cookie': { headers: [['Set-Cookie', 'a=1']] },
  'an empty header': {
    headers: [
      ['x-empty', ''],
      ['X-Padded', 'a  b'],
    ],
  },
  'many types': {
    headers: [
      ['content-type', 'text/html;charset=x'],
      ['content-type', 'text/plain'],
    ],
    body: 'b',
  },
  'a type that is none': { headers: [['content-type', 'nonsense']], body: 'a=b' },
  'a form': { headers: [['content-type', 'application/x-www-form-urlencoded']], body: 'a=b&c=%20d' },
  'a multipart form': {
    headers: [['content-type', 'multipart/form-data; boundary=x']],
    body: '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
  },
  'another status text': { statusText: 'All is well' },
  'no status text': { statusText: '' },
  created: { status: 201, body: 'made' },
  accepted: { status: 202 },
  'no content': { status: 204 },
  'reset content': { status: 205 },
  'partial content': { status: 206, body: 'part', headers: [['content-range', 'bytes 0-3/9']] },
  'not modified': { status: 304 },
  'multiple choices': { status: 300, body: 'choose' },
  'a redirect nowhere': { status: 302, body: 'moved' },
  unauthorized: { status: 401, body: 'who?' },
  forbidden: { status: 403, body: 'no' },
  missing: { status: 404, body: 'not here' },
  'proxy authentication': { status: 407, body: 'x' },
  conflict: { status: 409, body: 'x' },
  misdirected: { status: 421, body: 'x' },
  'too many': { status: 429, body: 'x' },
  broken: { status: 500, body: 'x' },
  unavailable: { status: 503, body: 'x', headers: [['retry-after', '1']] },
  'beyond the statuses': { status: 799, body: 'x' },
  gzip: { ...JSON_ANSWER, how: 'gzip' },
  'an encoded answer without a body': { status: 204, headers: [['content-encoding', 'gzip']] },
  cut: { ...JSON_ANSWER, how: 'cut' },
}
export const to = (status: number, answer: Answer, host = 'http://orders.mesh'): Answer => ({
  status,
  body: 'moved',
  location: `${host}/answer?${encodeURIComponent(JSON.stringify(answer))}`,
})
export const twice = (status: number): Answer => to(status, to(status, JSON_ANSWER))
