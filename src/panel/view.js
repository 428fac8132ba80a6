// What the panel looks like and how it is used: a tab at the upper edge with a card behind it, a notice, and at the end a
// page over the page. All of it in a closed shadow tree, without markup from strings.

import { inWords } from './time-left.js'

const ARCH = 'M7 37a5 5 0 0 0 5-5V16a12 12 0 0 1 24 0v16a5 5 0 0 0 5 5'
const EYES = 'M19.5 15.5v2.5M28.5 15.5v2.5'
const SVG = 'http://www.w3.org/2000/svg'

/** What stands in them is never shown. */
const CHILDLESS = new Set(['canvas', 'iframe', 'img', 'video'])
/** The desktop's client listens to these on its document, to send them on or to take the focus back. */
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

/**
 * @typedef {object} Action
 * @property {string} label
 * @property {string} [href] Where it leads; or
 * @property {() => void} [onPress] what it does.
 * @property {boolean} [isQuiet]
 */

/**
 * @typedef {object} Notice
 * @property {string} title
 * @property {string} text
 * @property {Action[]} actions
 */

/** @typedef {ReturnType<typeof createView>} View */

/**
 * @param {string} style
 * @param {{ onSignOut: () => void, onOpen: () => void }} listener
 */
export function createView(style, { onSignOut, onOpen }) {
  const host = document.createElement('ghostwire-panel')
  host.lang = 'en'
  host.dir = 'ltr'
  const root = host.attachShadow({ mode: 'closed' })
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(style)
  root.adoptedStyleSheets = [sheet]

  const left = make('span', { class: 'left' })
  const tab = make(
    'button',
    {
      class: 'tab',
      type: 'button',
      'aria-expanded': 'false',
      'aria-controls': 'card',
      'aria-label': 'Your session',
    },
    [mark(), left],
  )
  const who = make('bdi', {})
  const email = make('p', { class: 'soft' })
  const role = make('p', { class: 'soft' }, ['You may watch this desktop, but not control it.'])
  const timeLeft = make('strong', {})
  const hide = make('button', { class: 'quiet', type: 'button' }, ['Hide'])
  const form = make('form', { method: 'post', action: '/oauth2/sign_out' }, [
    make('button', { class: 'button plain' }, ['Sign out']),
  ])
  const card = make(
    'div',
    { class: 'card', id: 'card', role: 'dialog', 'aria-labelledby': 'who', hidden: '' },
    [
      make('p', { class: 'who', id: 'who' }, [
        make('span', { class: 'unseen' }, ['Signed in as ']),
        who,
      ]),
      email,
      role,
      make('p', { class: 'time' }, ['Session ends in ', timeLeft]),
      make('div', { class: 'steps' }, [form, hide]),
    ],
  )
  const notice = make('div', { class: 'notice', hidden: '' })
  const heard = make('p', { class: 'unseen', role: 'status' })
  const bar = make('section', { class: 'bar', 'aria-label': 'Ghostwire Gateway' }, [
    tab,
    card,
    notice,
    heard,
  ])
  const overlay = make('dialog', { class: 'overlay', 'aria-labelledby': 'title' })
  overlay.setAttribute('aria-describedby', 'text')
  overlay.setAttribute('closedby', 'none')
  root.append(bar, overlay)

  /** What had the focus before the card took it. */
  let focusedBefore = /** @type {Element | null} */ (null)
  let shownOverlay = ''
  let isCovered = false

  tab.addEventListener('click', () => (card.hidden ? openCard() : closeCard()))
  hide.addEventListener('click', () => {
    closeCard()
    tab.hidden = true
  })
  form.addEventListener('submit', () => onSignOut())
  // Escape closes what can be closed; the last word cannot.
  overlay.addEventListener('cancel', (event) => event.preventDefault())
  for (const type of POINTER_EVENTS) {
    host.addEventListener(type, (event) => event.stopPropagation(), { passive: true })
  }
  // A mouse needs no focus here, and the desktop must not lose it.
  host.addEventListener('mousedown', (event) => event.preventDefault())
  // The first listener on the page: what is typed in the panel is for the panel. It says nothing of any other key.
  for (const type of ['keydown', 'keypress', 'keyup', 'beforeinput', 'input']) {
    addEventListener(
      type,
      (event) => {
        if (event.target !== host) return
        event.stopImmediatePropagation()
        if (/** @type {KeyboardEvent} */ (event).key === 'Escape' && !card.hidden) closeCard()
      },
      true,
    )
  }
  addEventListener(
    'pointerdown',
    (event) => {
      if (event.target !== host && !card.hidden) closeCard()
    },
    true,
  )
  document.addEventListener('fullscreenchange', () => {
    if (host.isConnected) bringToFront()
  })

  function openCard() {
    focusedBefore = root.activeElement === null ? document.activeElement : null
    card.hidden = false
    tab.setAttribute('aria-expanded', 'true')
    onOpen()
  }

  function closeCard() {
    const hadFocus = root.activeElement !== null
    card.hidden = true
    tab.setAttribute('aria-expanded', 'false')
    const before = focusedBefore
    focusedBefore = null
    if (hadFocus && before instanceof HTMLElement && before !== host) {
      before.focus({ preventScroll: true })
    } else if (hadFocus) tab.focus()
  }

  /** The top layer holds whatever the page shows over itself, fullscreen too; the latest is the uppermost. */
  function bringToFront() {
    const home = homeOf(document.fullscreenElement)
    if (host.parentNode !== home) home.append(host)
    if (host.showPopover !== undefined) {
      host.popover = 'manual'
      if (host.matches(':popover-open')) host.hidePopover()
      host.showPopover()
    }
    if (!isCovered) return
    overlay.close()
    overlay.showModal()
  }

  return {
    /** Once the document is there. */
    mount: bringToFront,

    /** @param {import('./gateway.js').Live} live */
    showPerson(live) {
      who.textContent = live.who
      email.textContent = live.email
      email.hidden = live.email === null || live.email === live.who
      role.hidden = live.role !== 'view'
      bar.classList.add('known')
    },

    /**
     * @param {number} ms
     * @param {boolean} isSoon It stands on the tab, too.
     */
    showTimeLeft(ms, isSoon) {
      timeLeft.textContent = inWords(ms)
      left.textContent = isSoon ? inWords(ms) : ''
    },

    get isCardOpen() {
      return !card.hidden
    },

    /**
     * A few words under the tab that take nothing away from the desktop. Said aloud once, not with every second.
     *
     * @param {Notice | undefined} shown
     */
    showNotice(shown) {
      notice.hidden = shown === undefined
      notice.replaceChildren()
      if (shown === undefined) {
        heard.textContent = ''
        return
      }
      closeCard()
      notice.append(
        make('p', { class: 'who' }, [shown.title]),
        make('p', { class: 'soft' }, [shown.text]),
        ...(shown.actions.length === 0
          ? []
          : [make('div', { class: 'steps' }, shown.actions.map(toElement))]),
      )
      heard.textContent = `${shown.title}. ${shown.text}`
    },

    /** @param {string} title */
    retitleNotice(title) {
      const shown = notice.firstElementChild
      if (shown !== null) shown.textContent = title
    },

    /**
     * A page over the page. An ended session's hides the desktop's last picture: whoever sits here now may be another.
     *
     * @param {Notice & { hides: boolean, waits: boolean }} shown
     */
    showOverlay(shown) {
      const key = `${shown.title} ${shown.text}`
      if (isCovered && key === shownOverlay) return
      isCovered = true
      shownOverlay = key
      const inside = make('div', { class: 'inside' }, [
        make('div', { class: 'head' }, [mark(), 'Ghostwire Gateway']),
        make('div', { class: 'body' }, [
          make('h1', { id: 'title' }, [shown.title]),
          make('p', { id: 'text' }, [shown.text]),
          ...(shown.waits ? [make('p', { class: 'waits' }, ['Waiting for it …'])] : []),
          make('div', { class: 'steps' }, shown.actions.map(toElement)),
        ]),
      ])
      overlay.classList.toggle('hides', shown.hides)
      overlay.replaceChildren(inside)
      bar.hidden = true
      document.exitPointerLock?.()
      if (overlay.open) focusFirst(overlay)
      else if (host.isConnected) overlay.showModal()
    },

    closeOverlay() {
      bar.hidden = false
      isCovered = false
      overlay.close()
    },
  }
}

/**
 * Beside the body, which is the client's own; but outside of a full-screen element nothing can be clicked.
 *
 * @param {Element | null} fullscreen
 */
function homeOf(fullscreen) {
  const showsChildren = fullscreen !== null && !CHILDLESS.has(fullscreen.localName)
  return showsChildren ? fullscreen : document.documentElement
}

/** @param {HTMLElement} inside */
function focusFirst(inside) {
  const first = inside.querySelector('a, button')
  if (first instanceof HTMLElement) first.focus()
}

/** @param {Action} action */
function toElement({ label, href, onPress, isQuiet = false }) {
  const kind = isQuiet ? 'quiet' : 'button'
  if (href !== undefined) return make('a', { class: kind, href }, [label])
  const button = make('button', { class: kind, type: 'button' }, [label])
  button.addEventListener('click', () => onPress?.())
  return button
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Readonly<Record<string, string>>} attributes
 * @param {readonly (Node | string)[]} [children]
 * @returns {HTMLElementTagNameMap[Name]}
 */
function make(name, attributes, children = []) {
  const element = document.createElement(name)
  for (const [attribute, value] of Object.entries(attributes)) {
    element.setAttribute(attribute, value)
  }
  element.append(...children)
  return element
}

function mark() {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', '3 0 42 40')
  svg.setAttribute('aria-hidden', 'true')
  const path = document.createElementNS(SVG, 'path')
  path.setAttribute('d', ARCH + EYES)
  svg.append(path)
  return svg
}
