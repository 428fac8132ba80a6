// The logic of the panel on the desktop's page. It shows who is signed in and for how long, warns before the session ends,
// and shows why a session or a connection ended and how to continue.

import { fetchSession, stay } from './gateway.js'
import { reconnect } from './reconnect.js'
import { formatTimeLeft, nextEnd } from './time-left.js'
import { createView } from './view.js'
import { watchWebSockets } from './watch-websockets.js'

/** How often to ask during a warning: input on the desktop may have extended the session. */
const POLL_DURING_WARNING_MS = 5_000
const POLL_AFTER_FAILURE_MS = 30_000
const MAX_POLL_MS = 3_600_000
const MIN_POLL_MS = 1_000
/** Two answers about the same deadline differ by their network delay. */
const SAME_DEADLINE_TOLERANCE_MS = 5_000
/** When the window comes to the front, an answer younger than this is not refreshed. */
const FRESH_MS = 30_000
/** With less time left than this, the tab shows it. */
const SOON_MS = 600_000
const RENDER_MS = 1_000
const RENDER_HIDDEN_MS = 30_000
/** If the page is still here this long after a sign-out was started, it shows ends again. */
const LEAVE_TIMEOUT_MS = 10_000

/** With a new sign-in, the old session ends shortly before the browser gets the cookie of the new one. */
const NEW_SESSION_DELAY_MS = 1_000

const NORMAL_CLOSURES = [1000, 1005]
const SESSION_ENDED = 4401
const ACCESS_WITHDRAWN = 4403

/** Marks a window with a panel, in case a page loads the script twice. A symbol cannot collide with the page's names. */
const INSTALLED = Symbol.for('ghostwire.panel')

/** @typedef {{ title: string, text: string, button: string }} Message */

/**
 * @typedef {object} Messages
 * @property {Record<string, Message>} session By end reason.
 * @property {Message} unknown
 * @property {Message} newSession
 * @property {Record<'draining' | 'lost' | 'desktop-gone' | 'desktop-refused' | 'protocol-error' | 'not-opened', Message>} connection
 */

/**
 * @param {Messages} messages
 * @param {string} style
 */
export function startPanel(messages, style) {
  // In a frame, another page has control of the window.
  if (window.top !== window || INSTALLED in window) return
  Object.defineProperty(window, INSTALLED, { value: true })

  const view = createView(style, { onSignOut: leave, onOpen: render })
  /** @type {{ live: import('./gateway.js').Live, at: number } | undefined} */
  let known
  let hasEnded = false
  let isLeaving = false
  /** @type {'idle' | 'expired' | undefined} */
  let warnedAbout
  /** The deadline whose warning the person dismissed, in ms since the epoch. */
  let dismissed = 0
  let connection = 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let pollTimer
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let renderTimer
  /** The path of the desktop's stream, known from the first socket. Other sockets matter only with a session end (4401, 4403). */
  let streamPath = /** @type {string | undefined} */ (undefined)
  /** @type {Set<WebSocket>} */
  const open = new Set()

  watchWebSockets({
    onOpen(socket) {
      const path = new URL(socket.url).pathname
      streamPath ??= path
      open.add(socket)
      if (path !== streamPath || hasEnded) return
      // The client has reconnected by itself.
      connection += 1
      view.showNotice(undefined)
      view.closeOverlay()
      warnedAbout = undefined
      void refresh()
    },
    onClose(socket, { code, reason }) {
      const wasOpen = open.delete(socket)
      if (hasEnded || isLeaving || NORMAL_CLOSURES.includes(code)) return
      if (code === SESSION_ENDED || code === ACCESS_WITHDRAWN) return end(reason)
      const path = new URL(socket.url).pathname
      if (path !== (streamPath ?? path)) return
      // Another socket still shows the desktop. This one was a failed attempt, or one of two.
      if ([...open].some(({ url }) => new URL(url).pathname === path)) return
      if (code === 1002) return stop('protocol-error')
      const cause = code === 1001 ? 'draining' : code === 1013 ? 'desktop-gone' : 'lost'
      reconnectAfter(wasOpen ? cause : 'not-opened')
    },
  })

  addEventListener('pagehide', () => {
    isLeaving = true
  })
  addEventListener('pageshow', ({ persisted }) => {
    isLeaving = false
    if (persisted) void refresh()
  })
  addEventListener('online', () => void refresh())
  document.addEventListener('visibilitychange', () => {
    if (hasEnded && document.visibilityState === 'visible') void checkForNewSession()
    // Timers do not run while a computer sleeps.
    const isFresh = known !== undefined && Date.now() - known.at < FRESH_MS
    if (document.visibilityState === 'visible' && !isFresh) void refresh()
  })
  if (document.readyState === 'loading') {
    document.addEventListener('DOMContentLoaded', start, { once: true })
  } else start()

  function start() {
    view.mount()
    void refresh()
  }

  async function refresh() {
    clearTimeout(pollTimer)
    const session = await fetchSession()
    if (hasEnded) return
    if (session?.state === 'ended') return end(session.reason)
    clearTimeout(pollTimer)
    if (session === undefined) {
      pollTimer = setTimeout(refresh, POLL_AFTER_FAILURE_MS)
      return
    }
    known = { live: session, at: Date.now() }
    view.showPerson(session)
    checkDeadline()
  }

  /** Shows or removes the warning, and schedules the next request for the time when a warning may be due. */
  function checkDeadline() {
    if (known === undefined) return
    const now = Date.now()
    const { ends, at, warnAt } = nextEnd(known.live, known.at)
    if (now >= warnAt) {
      const isDismissed = Math.abs(at - dismissed) < SAME_DEADLINE_TOLERANCE_MS
      if (warnedAbout !== ends && !isDismissed) warn(ends, at)
    } else if (warnedAbout !== undefined) {
      warnedAbout = undefined
      view.showNotice(undefined)
    }
    const wait = now < warnAt ? warnAt - now : Math.min(POLL_DURING_WARNING_MS, at - now)
    pollTimer = setTimeout(refresh, Math.min(Math.max(wait, MIN_POLL_MS), MAX_POLL_MS))
    render()
  }

  /**
   * @param {'idle' | 'expired'} ends
   * @param {number} at
   */
  function warn(ends, at) {
    warnedAbout = ends
    const title = endsIn(at - Date.now())
    const dismiss = {
      label: 'Dismiss',
      isQuiet: true,
      onPress() {
        dismissed = at
        warnedAbout = undefined
        view.showNotice(undefined)
      },
    }
    view.showNotice(
      ends === 'idle'
        ? {
            title,
            text: 'There was no input for a while. To stay, press the button or continue to work.',
            actions: [{ label: 'Stay', onPress: () => void extendSession() }],
          }
        : {
            title,
            text: 'A session lasts for a limited time. Your desktop keeps running. Sign in again to return to it.',
            actions: [{ label: 'Sign in again now', href: signInPath() }, dismiss],
          },
    )
  }

  async function extendSession() {
    await stay()
    await refresh()
  }

  function render() {
    clearTimeout(renderTimer)
    if (known === undefined || hasEnded) return
    const now = Date.now()
    const expiresAt = known.at + known.live.expiresIn * 1_000
    const left = expiresAt - now
    view.showTimeLeft(left, left < SOON_MS)
    if (warnedAbout !== undefined) {
      view.setNoticeTitle(endsIn(nextEnd(known.live, known.at).at - now))
    }
    const isVisible = view.isCardOpen || warnedAbout !== undefined || left < SOON_MS
    renderTimer = setTimeout(render, isVisible ? RENDER_MS : RENDER_HIDDEN_MS)
  }

  /**
   * Shows that the session has ended.
   *
   * @param {string | null} reason
   */
  function end(reason) {
    if (hasEnded || isLeaving) return
    hasEnded = true
    connection += 1
    clearTimeout(pollTimer)
    clearTimeout(renderTimer)
    const { title, text, button } =
      reason !== null && Object.hasOwn(messages.session, reason)
        ? /** @type {Message} */ (messages.session[reason])
        : messages.unknown
    const actions = [{ label: button, href: signInPath() }]
    view.showOverlay({ title, text, actions, hides: true, waits: false })
    setTimeout(checkForNewSession, NEW_SESSION_DELAY_MS)
  }

  /** A sign-in in another window ends the session of this page, and its new session is valid here too. */
  async function checkForNewSession() {
    const session = await fetchSession()
    if (session?.state !== 'live') return
    const { title, text, button } = messages.newSession
    const actions = [{ label: button, href: location.origin + location.pathname + location.search }]
    view.showOverlay({ title, text, actions, hides: true, waits: false })
  }

  /** @param {'draining' | 'lost' | 'desktop-gone' | 'not-opened'} cause */
  function reconnectAfter(cause) {
    connection += 1
    const current = connection
    void reconnect(cause, {
      onState: (state) => showConnection(state),
      onEnded: end,
      isCancelled: () => current !== connection || isLeaving,
    })
  }

  /** @param {'protocol-error'} cause */
  function stop(cause) {
    connection += 1
    showConnection(cause)
  }

  /** @param {keyof Messages['connection']} state */
  function showConnection(state) {
    warnedAbout = undefined
    const { title, text, button } = messages.connection[state]
    const waits = state !== 'protocol-error' && state !== 'not-opened'
    const actions = [{ label: button, onPress: () => location.reload() }]
    // This takes only a second or two, so a notice is enough.
    if (state === 'draining') view.showNotice({ title, text, actions: [] })
    else view.showOverlay({ title, text, actions, hides: false, waits })
  }

  /** Called at a sign-out from the panel: the end of the session that follows is expected and not shown. */
  function leave() {
    isLeaving = true
    setTimeout(() => {
      isLeaving = false
    }, LEAVE_TIMEOUT_MS)
  }
}

/** @param {number} ms */
function endsIn(ms) {
  return `Your session ends in ${formatTimeLeft(ms)}`
}

function signInPath() {
  return `/oauth2/start?rd=${encodeURIComponent(location.pathname + location.search)}`
}
