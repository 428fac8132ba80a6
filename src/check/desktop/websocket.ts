// Whether the desktop opens a WebSocket, with the request that the gateway would send.

import { randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Settings } from '../../config/config.ts'
import { isProperAnswer } from '../../proxy/handshake.ts'
import { upgradeHeaders } from '../../proxy/headers.ts'
import type { Findings } from '../finding.ts'
import { networkFailure } from '../network-failure.ts'
import type { Asker } from './asker.ts'

const TIMEOUT_MS = 10_000
/** The path that the web clients of KasmVNC and noVNC use. */
const PATH = '/websockify'
const SUBPROTOCOL = 'binary'

export async function checkWebSocket(
  { publicUrl, desktop: { kind } }: Settings,
  asker: Asker,
  findings: Findings,
): Promise<void> {
  const problem = await open(publicUrl, asker)
  if (problem === undefined) {
    findings.ok('websocket', 'The desktop opens a WebSocket.')
    return
  }
  // A server of another kind may have its WebSocket elsewhere.
  const state = kind === 'kasmvnc' ? 'failed' : 'warning'
  findings.add(
    state,
    'websocket',
    `The desktop opens no WebSocket at ${PATH}: ${problem}. Check desktop.url and desktop.kind.`,
  )
}

/** What went wrong, or undefined. */
function open(publicUrl: URL, { desktop, clientAddress }: Asker): Promise<string | undefined> {
  const { url, address, requestAgent: agent } = desktop
  const key = randomBytes(16).toString('base64')
  const identity = {
    authorization: desktop.authorizationFor('control'),
    clientAddress,
    host: url.host,
  }
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  send({
    agent,
    ...address,
    path: PATH,
    headers: upgradeHeaders(identity, publicUrl.origin, key, [SUBPROTOCOL]),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
    .once('response', (response) => {
      response.destroy()
      resolve(`it answers ${response.statusCode}; expected 101`)
    })
    .once('upgrade', (answer, socket) => {
      socket.on('error', () => {})
      socket.destroy()
      const chosen = answer.headers['sec-websocket-protocol'] ?? SUBPROTOCOL
      const isProper = isProperAnswer(answer, key) && chosen === SUBPROTOCOL
      resolve(isProper ? undefined : 'its answer does not follow RFC 6455')
    })
    .on('error', (error) => resolve(networkFailure(error)))
    .end()
  return promise
}
