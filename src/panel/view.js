// The panel's user interface: a tab at the upper edge that opens a card, a notice, and an overlay over the whole page. It is
// in a closed shadow tree, which the page's scripts and styles cannot reach.

import { createAction, createElement, createLogo } from './elements.js'
import { isolateInput } from './isolate-input.js'
import { formatTimeLeft } from './time-left.js'

/** Full-screen elements that do not render their children. */
const CHILDLESS = new Set(['canvas', 'iframe', 'img', 'video'])

/**
 * @typedef {object} Notice
 * @property {string} title
 * @property {string} text
 * @property {import('./elements.js').Action[]} actions
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

  const timeOnTab = createElement('span', { class: 'left' })
  const tab = createElement(
    'button',
    {
      class: 'tab',
      type: 'button',
      'aria-expanded': 'false',
      'aria-controls': 'card',
      'aria-label': 'Your session',
    },
    [createLogo(), timeOnTab],
  )
  const who = createElement('bdi', {})
  const email = createElement('p', { class: 'soft' })
  const role = createElement('p', { class: 'soft' }, [
    'You may watch this desktop, but not control it.',
  ])
  const stepUp = createElement('a', { class: 'button plain', hidden: '' }, [
    'Sign in to control it',
  ])
  const timeLeft = createElement('strong', {})
  const hide = createElement('button', { class: 'quiet', type: 'button' }, ['Hide'])
  const form = createElement('form', { method: 'post', action: '/oauth2/sign_out' }, [
    createElement('button', { class: 'button plain' }, ['Sign out']),
  ])
  const card = createElement(
    'div',
    { class: 'card', id: 'card', role: 'dialog', 'aria-labelledby': 'who', hidden: '' },
    [
      createElement('p', { class: 'who', id: 'who' }, [
        createElement('span', { class: 'visually-hidden' }, ['Signed in as ']),
        who,
      ]),
      email,
      role,
      stepUp,
      createElement('p', { class: 'time' }, ['Session ends in ', timeLeft]),
      createElement('div', { class: 'steps' }, [form, hide]),
    ],
  )
  const notice = createElement('div', { class: 'notice', hidden: '' })
  /** Read by screen readers only. */
  const announcement = createElement('p', { class: 'visually-hidden', role: 'status' })
  const bar = createElement('section', { class: 'bar', 'aria-label': 'Ghostwire Gateway' }, [
    tab,
    card,
    notice,
    announcement,
  ])
  const overlay = createElement('dialog', { class: 'overlay', 'aria-labelledby': 'title' })
  overlay.setAttribute('aria-describedby', 'text')
  overlay.setAttribute('closedby', 'none')
  root.append(bar, overlay)

  /** The element that had the focus before the card was opened. */
  let focusedBefore = /** @type {Element | null} */ (null)
  let shownOverlay = ''
  let isCovered = false

  tab.addEventListener('click', () => (card.hidden ? openCard() : closeCard()))
  hide.addEventListener('click', () => {
    closeCard()
    tab.hidden = true
  })
  form.addEventListener('submit', () => onSignOut())
  // Escape must not close the overlay.
  overlay.addEventListener('cancel', (event) => event.preventDefault())
  isolateInput(host, {
    onEscape: closeOpenCard,
    onPressOutside: closeOpenCard,
  })
  document.addEventListener('fullscreenchange', () => {
    if (host.isConnected) bringToFront()
  })

  function openCard() {
    focusedBefore = root.activeElement === null ? document.activeElement : null
    card.hidden = false
    tab.setAttribute('aria-expanded', 'true')
    onOpen()
  }

  function closeOpenCard() {
    if (!card.hidden) closeCard()
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

  /** Moves the panel to the end of the top layer, above full-screen elements: the last one added is on top. */
  function bringToFront() {
    const parent = parentFor(document.fullscreenElement)
    if (host.parentNode !== parent) parent.append(host)
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
    /** Adds the panel to the page. Call it when the document is parsed. */
    mount: bringToFront,

    /** @param {import('./gateway.js').Live} live */
    showPerson(live) {
      who.textContent = live.who
      email.textContent = live.email
      email.hidden = live.email === null || live.email === live.who
      role.hidden = live.role !== 'view'
      stepUp.hidden = !live.canStepUp
      stepUp.textContent =
        live.role === 'view' ? 'Sign in to control it' : 'Sign in for more rights'
      const { pathname, search } = window.location
      const query = new URLSearchParams({ step_up: '1', rd: pathname + search })
      stepUp.setAttribute('href', `/oauth2/start?${query.toString()}`)
      bar.classList.add('known')
    },

    /**
     * @param {number} ms
     * @param {boolean} isSoon Show the time on the tab too.
     */
    showTimeLeft(ms, isSoon) {
      timeLeft.textContent = formatTimeLeft(ms)
      timeOnTab.textContent = isSoon ? formatTimeLeft(ms) : ''
    },

    get isCardOpen() {
      return !card.hidden
    },

    /**
     * Shows a notice below the tab, without taking the focus from the desktop. Screen readers announce it once, not each
     * second.
     *
     * @param {Notice | undefined} shown
     */
    showNotice(shown) {
      notice.hidden = shown === undefined
      notice.replaceChildren()
      if (shown === undefined) {
        announcement.textContent = ''
        return
      }
      closeCard()
      notice.append(
        createElement('p', { class: 'who' }, [shown.title]),
        createElement('p', { class: 'soft' }, [shown.text]),
        ...(shown.actions.length === 0
          ? []
          : [createElement('div', { class: 'steps' }, shown.actions.map(createAction))]),
      )
      announcement.textContent = `${shown.title}. ${shown.text}`
    },

    /** @param {string} title */
    setNoticeTitle(title) {
      const shown = notice.firstElementChild
      if (shown !== null) shown.textContent = title
    },

    /**
     * Covers the page. After the end of a session, `hides` hides the last picture of the desktop: another person may be
     * looking.
     *
     * @param {Notice & { hides: boolean, waits: boolean }} shown
     */
    showOverlay(shown) {
      const key = `${shown.title} ${shown.text}`
      if (isCovered && key === shownOverlay) return
      isCovered = true
      shownOverlay = key
      const inside = createElement('div', { class: 'inside' }, [
        createElement('div', { class: 'head' }, [createLogo(), 'Ghostwire Gateway']),
        createElement('div', { class: 'body' }, [
          createElement('h1', { id: 'title' }, [shown.title]),
          createElement('p', { id: 'text' }, [shown.text]),
          ...(shown.waits ? [createElement('p', { class: 'waits' }, ['Waiting …'])] : []),
          createElement('div', { class: 'steps' }, shown.actions.map(createAction)),
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
 * The parent is outside the body, which belongs to the client. During full screen it is the full-screen element, because
 * nothing outside of it can be clicked.
 *
 * @param {Element | null} fullscreen
 */
function parentFor(fullscreen) {
  const showsChildren = fullscreen !== null && !CHILDLESS.has(fullscreen.localName)
  return showsChildren ? fullscreen : document.documentElement
}

/** @param {HTMLElement} inside */
function focusFirst(inside) {
  const first = inside.querySelector('a, button')
  if (first instanceof HTMLElement) first.focus()
}
