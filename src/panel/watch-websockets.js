// Reports each WebSocket that the desktop's page opens or that closes. KasmVNC's client does not show the code and the
// reason of a Close frame, which the panel needs.

/**
 * Replaces `window.WebSocket` by a proxy that adds listeners to each new socket, before the page can add its own. The
 * sockets themselves are the browser's own and do not change.
 *
 * @param {{ onOpen: (socket: WebSocket) => void, onClose: (socket: WebSocket, event: CloseEvent) => void }} listener
 */
export function watchWebSockets({ onOpen, onClose }) {
  const Native = window.WebSocket
  const Watched = new Proxy(Native, {
    construct(target, args, newTarget) {
      /** @type {WebSocket} */
      const socket = Reflect.construct(target, args, newTarget)
      // A subclass may have overridden addEventListener.
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
 * Replaces the value of a property and keeps its attributes (writable, enumerable, configurable).
 *
 * @param {object} object
 * @param {string} name
 * @param {unknown} value
 */
function replaceValue(object, name, value) {
  const before = Object.getOwnPropertyDescriptor(object, name)
  Object.defineProperty(object, name, { ...before, value })
}
