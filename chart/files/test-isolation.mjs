// A pod that is not the gateway must not reach the desktop. The desktop's name must resolve, which it does only while the desktop
// is ready: a desktop that does not run is unreachable for everybody, and that would prove nothing.
import { lookup } from 'node:dns/promises'
import { connect } from 'node:net'

const { DESKTOP_HOST, DESKTOP_PORT } = process.env

const addresses = await lookup(DESKTOP_HOST, { all: true }).catch((error) => {
  process.stdout.write(
    `${DESKTOP_HOST} does not resolve (${error.code}): the desktop is not ready, so this test proves nothing\n`,
  )
  process.exit(1)
})

for (const { address } of addresses) {
  const outcome = await new Promise((resolve) => {
    const socket = connect({ host: address, port: Number(DESKTOP_PORT), timeout: 5_000 })
    socket.on('connect', () => resolve('connected'))
    socket.on('timeout', () => resolve('no answer'))
    socket.on('error', ({ code }) => resolve(code))
  })
  process.stdout.write(`${address}: ${outcome}\n`)
  if (outcome === 'connected') {
    process.stdout.write(
      'This pod reached the desktop. Does the network plugin of the cluster enforce policies?\n',
    )
    process.exit(1)
  }
}
process.exit(0)
