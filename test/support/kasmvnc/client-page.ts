// A web client small enough to read, with what makes KasmVNC's hard to serve: inline scripts, handlers and styles,
// relative assets, modules, `data:` fetches, `?host=` and `?path=`, and types the server gets wrong.

import type { StaticFile } from './static-files.ts'

const PAGE = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>KasmVNC</title>
<style>body { margin: 0; background: #222 }</style>
<link rel="icon" href="app/images/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="app/styles/base.css">
<script>window.inlineScriptRan = true</script>
<script type="module" src="app/ui.js"></script>
</head>
<body>
<canvas id="screen" width="1024" height="768" tabindex="0"></canvas>
<input id="quality" type="range" min="0" max="9" style="position: absolute" oninput="window.quality = this.value">
</body>
</html>
`

// It speaks the dialect: 12-byte keys (QEMU), 11-byte pointer events. The page's dataset tells tests how it goes.
const UI = `import { rawRectangle } from '../core/raw.js'

const page = document.documentElement.dataset
const query = new URLSearchParams(location.search)
const canvas = document.getElementById('screen')
const host = query.get('host') ?? location.host
const path = query.get('path') ?? 'websockify'
const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
const socket = new WebSocket(scheme + '://' + host + '/' + path, ['binary'])
socket.binaryType = 'arraybuffer'

const send = (...bytes) => socket.send(new Uint8Array(bytes))
const u16 = (value) => [(value >> 8) & 255, value & 255]
const u32 = (value) => [...u16(value >>> 16), ...u16(value)]
const askForUpdate = (incremental) => send(3, incremental, ...u16(0), ...u16(0), ...u16(1024), ...u16(768))

const steps = [
  () => socket.send('RFB 003.008\\n'.split('').reduce((bytes, c, i) => ((bytes[i] = c.charCodeAt(0)), bytes), new Uint8Array(12))),
  () => send(1),
  () => send(1),
  () => { page.state = 'connected'; askForUpdate(0) },
]
socket.onmessage = ({ data }) => {
  const step = steps.shift()
  if (step) return step()
  const rectangle = rawRectangle(data)
  if (rectangle === undefined) return
  canvas.getContext('2d').putImageData(rectangle.image, rectangle.x, rectangle.y)
  page.updates = Number(page.updates ?? 0) + 1
  askForUpdate(1)
}
socket.onclose = ({ code, reason }) => { page.state = 'closed'; page.closed = (code + ' ' + reason).trim() }

const key = (event, down) => {
  const keysym = event.key.length === 1 ? event.key.codePointAt(0) : { Enter: 0xff0d, Backspace: 0xff08 }[event.key]
  if (keysym !== undefined && page.state === 'connected') send(255, 0, ...u16(down), ...u32(keysym), ...u32(event.keyCode || 1))
}
addEventListener('keydown', (event) => key(event, 1))
addEventListener('keyup', (event) => key(event, 0))
canvas.addEventListener('pointermove', (event) => {
  if (page.state === 'connected') send(5, ...u16(event.buttons), ...u16(event.offsetX), ...u16(event.offsetY), ...u16(0), ...u16(0))
})
fetch('data:text/plain,codec').then(() => { page.dataFetch = 'ok' }, () => { page.dataFetch = 'blocked' })
`

const RAW = `export function rawRectangle(data) {
  const view = new DataView(data)
  if (view.byteLength < 16 || view.getUint8(0) !== 0) return undefined
  const [x, y, width, height] = [4, 6, 8, 10].map((at) => view.getUint16(at))
  const pixels = new Uint8ClampedArray(data.slice(16, 16 + 4 * width * height))
  for (let alpha = 3; alpha < pixels.length; alpha += 4) pixels[alpha] = 255
  return { x, y, image: new ImageData(pixels, width, height) }
}
`

/** The empty module: magic number and version. */
const WASM = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1H0z"/></svg>\n'

/** Under the paths of the real client; `Downloads/Downloads` is what the kasmweb images link to the user's folder. */
export const CLIENT_FILES: Readonly<Record<string, StaticFile>> = {
  '/index.html': { body: PAGE },
  '/vnc.html': { body: PAGE },
  '/app/ui.js': { body: UI },
  '/app/styles/base.css': { body: 'canvas { display: block; outline: none }\n' },
  '/app/images/icon.svg': { body: ICON },
  '/app/fonts/Text.woff': { body: Buffer.from('wOFF') },
  '/app/locale/de.json': { body: '{"Connect": "Verbinden"}\n' },
  '/core/raw.js': { body: RAW },
  // Served as application/octet-stream, which no browser runs, so nothing imports it.
  '/core/extra.mjs': { body: 'export {}\n' },
  '/core/decoders/qoi.wasm': { body: WASM },
  '/package.json': { body: '{"name": "@kasmtech/novnc", "version": "1.4.1"}\n' },
  '/Downloads/Downloads/letter.txt': { body: 'saved by the user\n' },
  '/Downloads/Downloads/page.html': { body: '<script>document.title = "ran"</script>\n' },
}
