// Listens to a Redis channel while the gateway runs. A subscriber sends nothing, so only a ping without an answer shows a dead
// server. Messages sent meanwhile are lost; the listener is told.

import { connectRedis, type ClientOptions, type RedisConnection } from './redis-connection.ts'

const PING_EVERY_MS = 2_000

export interface Listening {
  readonly onMessage: (message: string) => void
  readonly onSubscribed: () => void
  readonly onFailure: (error: unknown) => void
}

export function subscribeToRedis(
  options: ClientOptions,
  channel: string,
  { onMessage, onSubscribed, onFailure }: Listening,
): Pick<RedisConnection, 'close'> {
  const { client, close } = connectRedis(options, {
    onReady: () => void client.subscribe(channel).then(onSubscribed, giveUp),
    onFailure,
  })
  client.on('message', (_: string, message: string) => onMessage(message))
  const pinging = setInterval(() => {
    if (client.status === 'ready') client.ping().catch(giveUp)
  }, PING_EVERY_MS)
  pinging.unref()

  function giveUp(error: unknown): void {
    onFailure(error)
    // Between two connections there is nothing to close, and a disconnect would end the client for good.
    if (client.status === 'ready') client.disconnect(true)
  }

  return {
    close() {
      clearInterval(pinging)
      return close()
    },
  }
}
