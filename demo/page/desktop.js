// The demo desktop's page: noVNC over the whole window. `<html data-desktop>` says how it stands: connecting, connected,
// disconnected. The socket is ours, because noVNC keeps the reason of a Close frame to itself.

import RFB from '/novnc/core/rfb.js'

const KEYSYM = { control: 0xffe3, v: 0x76 }
const root = document.documentElement
const message = document.getElementById('message')

const address = new URL('/websockify', location.href)
address.protocol = address.protocol.replace('http', 'ws')
const socket = new WebSocket(address, 'binary')
// Before noVNC listens, so that the reason is known when it tells of the end.
let reason = ''
socket.addEventListener('close', (event) => {
  reason = event.reason.replaceAll('-', ' ')
})

const rfb = new RFB(document.getElementById('screen'), socket)
rfb.scaleViewport = true
rfb.background = 'transparent'

rfb.addEventListener('connect', () => {
  root.dataset.desktop = 'connected'
  rfb.focus()
})
rfb.addEventListener('desktopname', ({ detail }) => {
  document.title = detail.name
})
rfb.addEventListener('disconnect', () => {
  root.dataset.desktop = 'disconnected'
  message.textContent =
    reason === '' ? 'The connection to the desktop was lost.' : `Disconnected: ${reason}.`
})

// What is copied on the desktop goes to this computer's clipboard where the browser allows it.
rfb.addEventListener('clipboard', ({ detail }) => {
  navigator.clipboard?.writeText(detail.text).catch(() => {})
})

// A paste needs the browser's own paste event, the one way to its clipboard without a question, and noVNC would swallow
// the key. The desktop gets the text first and Ctrl-V after it, whatever the keys are on this computer.
addEventListener(
  'keydown',
  (event) => {
    if (event.code === 'KeyV' && (event.ctrlKey || event.metaKey)) event.stopPropagation()
  },
  { capture: true },
)
addEventListener('paste', ({ clipboardData }) => {
  rfb.clipboardPasteFrom(clipboardData.getData('text/plain'))
  rfb.sendKey(KEYSYM.control, 'ControlLeft', true)
  rfb.sendKey(KEYSYM.v, 'KeyV')
  rfb.sendKey(KEYSYM.control, 'ControlLeft', false)
})
