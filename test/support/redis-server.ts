// Debian's redis-server on loopback, in a folder of its own: a single server, or a master with a replica and three sentinels.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Certificate } from './certificate.ts'
import { freePort } from './gateway.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'
import { until } from './until.ts'

export interface RedisServer {
  readonly port: number
  /** Its address for `session.store`, without credentials. */
  readonly url: string
  /** Starts it again on the same port after `stop` or `kill`, by default without data. */
  start(): Promise<void>
  stop(): Promise<void>
  kill(): Promise<void>
  /** It keeps its connections and answers none of them. */
  freeze(): void
  thaw(): void
  /** One command, by a connection of its own; the raw reply. */
  command(...words: string[]): Promise<string>
  /** Stops it and removes its folder. */
  remove(): Promise<void>
}

export interface RedisServerOptions {
  readonly arguments?: readonly string[]
  /** The port takes TLS only, with this certificate. */
  readonly certificate?: Certificate
  /** A sentinel, with these lines in its configuration. */
  readonly sentinel?: readonly string[]
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const temporaryFolder = makeTemporaryFolder('ghostwire-redis')
  const folder = temporaryFolder.path
  const port = await freePort()
  const { certificate, sentinel } = options
  const words = ['--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no']
  if (certificate === undefined) words.push('--port', String(port))
  else {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    writeFileSync(cert, certificate.cert)
    writeFileSync(key, certificate.key)
    words.push('--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no')
    words.push('--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert)
    words.push('--tls-replication', 'yes')
  }
  if (sentinel !== undefined) {
    const config = join(folder, 'sentinel.conf')
    writeFileSync(config, `${sentinel.join('\n')}\n`)
    words.unshift(config, '--sentinel')
  }
  words.push(...(options.arguments ?? []))

  let child: ChildProcess | undefined
  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    // A stopped process takes no other signal but the last.
    child.kill('SIGCONT')
    await ended
  }
  const server: RedisServer = {
    port,
    url: `${certificate === undefined ? 'redis' : 'rediss'}://127.0.0.1:${port}`,
    async start() {
      const ready = sentinel === undefined ? 'Ready to accept connections' : '+monitor master'
      child = await spawnUntil('redis-server', words, ready)
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    command: (...command) => sendCommand(port, command),
    async remove() {
      await end('SIGKILL')
      temporaryFolder.remove()
    },
  }
  try {
    await server.start()
  } catch (error) {
    await server.remove()
    throw error
  }
  return server
}

export interface SentinelTopology {
  readonly master: RedisServer
  readonly replica: RedisServer
  readonly sentinels: readonly [RedisServer, RedisServer, RedisServer]
  /** `host:port,host:port,host:port/master-name` */
  readonly path: string
  remove(): Promise<void>
}

/** Ready once a majority of the sentinels can perform a failover, which takes about two seconds. */
export async function startSentinelTopology(): Promise<SentinelTopology> {
  const all: RedisServer[] = []
  const start = async (options: RedisServerOptions): Promise<RedisServer> => {
    const server = await startRedis(options)
    all.push(server)
    return server
  }
  const remove = async (): Promise<void> =>
    void (await Promise.all(all.map((server) => server.remove())))
  try {
    // Without the delay a replica's first synchronisation waits five seconds for others to join.
    const soon = ['--repl-diskless-sync-delay', '0']
    const master = await start({ arguments: soon })
    const replica = await start({
      arguments: [...soon, '--replicaof', `127.0.0.1 ${master.port}`],
    })
    await until(async () =>
      (await replica.command('INFO', 'replication')).includes('link_status:up'),
    )
    const watch = (): Promise<RedisServer> =>
      start({
        sentinel: [
          `sentinel monitor main 127.0.0.1 ${master.port} 2`,
          'sentinel down-after-milliseconds main 500',
          'sentinel failover-timeout main 5000',
        ],
      })
    const sentinels = await Promise.all([watch(), watch(), watch()])
    const knowsAll = async (sentinel: RedisServer): Promise<boolean> =>
      (await sentinel.command('INFO', 'sentinel')).includes('slaves=1,sentinels=3')
    await until(async () => (await Promise.all(sentinels.map(knowsAll))).every(Boolean))
    const path = `${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/main`
    return { master, replica, sentinels, path, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

async function spawnUntil(
  program: string,
  words: readonly string[],
  ready: string,
): Promise<ChildProcess> {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  const killChild = (): void => void child.kill('SIGKILL')
  process.once('exit', killChild)
  child.once('exit', () => process.off('exit', killChild))
  let output = ''
  await new Promise<void>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const isMissing = error.code === 'ENOENT'
      reject(isMissing ? new Error(`${program} is missing: apt-get install redis-server`) : error)
    })
    child.once('exit', () => reject(new Error(`${program} ended:\n${output}`)))
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
        if (output.includes(ready)) resolve()
      })
    }
  })
  return child
}

function sendCommand(port: number, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = ''
    const socket = connect(port, '127.0.0.1')
    socket.on('error', reject)
    socket.on('data', (chunk) => (reply += chunk.toString()))
    socket.on('close', () => resolve(reply))
    const encoded = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
    socket.end(`*${words.length}\r\n${encoded.join('')}*1\r\n$4\r\nQUIT\r\n`)
  })
}
