// Tells of the end of every WebSocket that the desktop's page opens. KasmVNC's client keeps the code and the reason of a
// Close to itself, and those are what a person needs to know.

/**
 * Puts a constructor in the place of `window.WebSocket` that makes the browser's own sockets, listens to each before
 * anybody else can, and is otherwise the same: nothing about the sockets themselves changes.
 *
 * @param {{ onOpen: (socket: WebSocket) => void, onClose: (socket: WebSocket, event: CloseEvent) => void }} listener
 */
export function watchWebSockets({ onOpen, onClose }) {
  const Native = window.WebSocket
  const Watched = new Proxy(Native, {
    construct(target, args, newTarget) {
      /** @type {WebSocket} */
      const socket = Reflect.construct(target, args, newTarget)
      // The prototype's, whatever a subclass made of its own.
      EventTarget.prototype.addEventListener.call(socket, 'open', () => onOpen(socket))
      EventTarget.prototype.addEventListener.call(socket, 'close', (event) =>
        onClose(socket, /** @type {CloseEvent} */ (event)),
      )
      return socket
    },
  })
  replaceValue(window, 'WebSocket', Watched)
  replaceValue(Native.prototype, 'constructor', Watched)
}

/**
 * As writable and as hidden as it was.
 *
 * @param {object} object
 * @param {string} name
 * @param {unknown} value
 */
function replaceValue(object, name, value) {
  const before = Object.getOwnPropertyDescriptor(object, name)
  Object.defineProperty(object, name, { ...before, value })
}
