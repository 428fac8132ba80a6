// A browser without a session is redirected to the provider, and a stream without a session is refused. The gateway cannot redirect
// until it has found the provider, so the test repeats for a minute.
import http from 'node:http'
import https from 'node:https'
import { setTimeout as wait } from 'node:timers/promises'

const { GATEWAY, PUBLIC_URL } = process.env
const publicUrl = new URL(PUBLIC_URL)

function ask(path, headers) {
  const url = new URL(path, GATEWAY)
  const { request } = url.protocol === 'https:' ? https : http
  const options = {
    headers: { Host: publicUrl.host, ...headers },
    servername: publicUrl.hostname,
    // The certificate may be issued for the public name by a private CA. This test checks only the answers.
    rejectUnauthorized: false,
    timeout: 5_000,
  }
  return new Promise((resolve, reject) => {
    const asked = request(url, options, (response) => {
      response.resume()
      resolve(response)
    })
    asked.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve(response)
    })
    asked.on('timeout', () => asked.destroy(new Error('no answer within 5 seconds')))
    asked.on('error', reject)
    asked.end()
  })
}

async function check() {
  const page = await ask('/', {
    'Sec-Fetch-Mode': 'navigate',
    'Sec-Fetch-Dest': 'document',
    Accept: 'text/html',
  })
  const { location = '' } = page.headers
  if (page.statusCode !== 302)
    throw new Error(`GET / answers ${page.statusCode} instead of a redirect`)
  if (new URL(location, publicUrl).origin === publicUrl.origin) {
    throw new Error(
      `GET / leads to ${new URL(location, publicUrl).pathname} and not to the provider`,
    )
  }
  const stream = await ask('/websockify', {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    Origin: publicUrl.origin,
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Protocol': 'binary',
  })
  if (stream.statusCode !== 401)
    throw new Error(`a stream without a session answers ${stream.statusCode}`)
}

for (let attempt = 1; ; attempt += 1) {
  try {
    await check()
    process.stdout.write('a stranger is sent to the provider, and gets no stream\n')
    break
  } catch (error) {
    process.stdout.write(`${error.message}\n`)
    if (attempt === 20) process.exit(1)
    await wait(3_000)
  }
}
