// Keeps input in the panel from the desktop's client, which listens on its document: it would send the input to the
// desktop or take the focus back.

const POINTER_EVENTS = [
  'auxclick',
  'click',
  'contextmenu',
  'copy',
  'cut',
  'dblclick',
  'mousedown',
  'mousemove',
  'mouseup',
  'paste',
  'pointerdown',
  'pointermove',
  'pointerup',
  'touchend',
  'touchmove',
  'touchstart',
  'wheel',
]
const KEY_EVENTS = ['keydown', 'keypress', 'keyup', 'beforeinput', 'input']

/**
 * @param {HTMLElement} host
 * @param {{ onEscape: () => void, onPressOutside: () => void }} listener
 */
export function isolateInput(host, { onEscape, onPressOutside }) {
  for (const type of POINTER_EVENTS) {
    host.addEventListener(type, (event) => event.stopPropagation(), { passive: true })
  }
  // A click must not move the focus from the desktop to the panel.
  host.addEventListener('mousedown', (event) => event.preventDefault())
  // These are the first listeners on the window, so that they run before the client's. They stop only keys that are
  // pressed in the panel.
  for (const type of KEY_EVENTS) {
    addEventListener(
      type,
      (event) => {
        if (event.target !== host) return
        event.stopImmediatePropagation()
        if (/** @type {KeyboardEvent} */ (event).key === 'Escape') onEscape()
      },
      true,
    )
  }
  addEventListener(
    'pointerdown',
    (event) => {
      if (event.target !== host) onPressOutside()
    },
    true,
  )
}
