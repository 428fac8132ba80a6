// The panel on the desktop's page: who is signed in and for how long, a word before that ends, and a word and a way on
// when it has.

import { askForSession, stay } from './gateway.js'
import { reconnect } from './reconnect.js'
import { inWords, nearestEnd } from './time-left.js'
import { createView } from './view.js'
import { watchWebSockets } from './watch-websockets.js'

/** While a warning stands, a key on the desktop may make it untrue. */
const LOOK_WHILE_WARNING_MS = 5_000
const LOOK_AGAIN_AFTER_FAILURE_MS = 30_000
const MAX_LOOK_MS = 3_600_000
const MIN_LOOK_MS = 1_000
/** Two answers about one deadline differ by their way here. */
const SAME_DEADLINE_TOLERANCE_MS = 5_000
/** What is no older needs no look when the window comes to the front. */
const FRESH_MS = 30_000
/** From here on the tab itself says how long. */
const SOON_MS = 600_000
const RENDER_MS = 1_000
const RENDER_UNSEEN_MS = 30_000
/** A page that is still here so long after its sign-out hears of ends again. */
const LEAVES_TIMEOUT_MS = 10_000

/** The end of the old session comes a little before the cookie of the new one. */
const NEW_SESSION_TIMEOUT_MS = 1_000

const NORMAL_CLOSURES = [1000, 1005]
const SESSION_ENDED = 4401
const ACCESS_WITHDRAWN = 4403

/** Set where the panel runs, against a page that asks for the script a second time. No name that a page would use. */
const INSTALLED = Symbol.for('ghostwire.panel')

/** @typedef {{ title: string, text: string, button: string }} Words */

/**
 * @typedef {object} AllWords
 * @property {Record<string, Words>} session By the reason of the end.
 * @property {Words} unknown
 * @property {Words} anew
 * @property {Record<'draining' | 'lost' | 'desktop-gone' | 'desktop-refused' | 'protocol-error' | 'not-opened', Words>} connection
 */

/**
 * @param {AllWords} words
 * @param {string} style
 */
export function startPanel(words, style) {
  // Framed, somebody else's page is in charge.
  if (window.top !== window || INSTALLED in window) return
  Object.defineProperty(window, INSTALLED, { value: true })

  const view = createView(style, { onSignOut: leave, onOpen: render })
  /** @type {{ live: import('./gateway.js').Live, at: number } | undefined} */
  let known
  let isOver = false
  let isLeaving = false
  /** @type {'idle' | 'expired' | undefined} */
  let warnedOf
  /** The deadline whose warning this person put aside, ms since the epoch. */
  let dismissed = 0
  let connection = 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let looking
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let rendering
  /** The path of the desktop's own stream: other sockets of this page may end as they like. */
  let streamPath = /** @type {string | undefined} */ (undefined)
  /** @type {Set<WebSocket>} */
  const open = new Set()

  watchWebSockets({
    onOpen(socket) {
      const path = new URL(socket.url).pathname
      streamPath ??= path
      open.add(socket)
      if (path !== streamPath || isOver) return
      // The client found its way back by itself.
      connection += 1
      view.showNotice(undefined)
      view.closeOverlay()
      warnedOf = undefined
      void look()
    },
    onClose(socket, { code, reason }) {
      const wasOpen = open.delete(socket)
      if (isOver || isLeaving || NORMAL_CLOSURES.includes(code)) return
      if (code === SESSION_ENDED || code === ACCESS_WITHDRAWN) return end(reason)
      const path = new URL(socket.url).pathname
      if (path !== (streamPath ?? path)) return
      // The picture is still there: this one was a try, or one of two.
      if ([...open].some(({ url }) => new URL(url).pathname === path)) return
      if (code === 1002) return stop('protocol-error')
      const cause = code === 1001 ? 'draining' : code === 1013 ? 'desktop-gone' : 'lost'
      comeBack(wasOpen ? cause : 'not-opened')
    },
  })

  addEventListener('pagehide', () => {
    isLeaving = true
  })
  addEventListener('pageshow', ({ persisted }) => {
    isLeaving = false
    if (persisted) void look()
  })
  addEventListener('online', () => void look())
  document.addEventListener('visibilitychange', () => {
    if (isOver && document.visibilityState === 'visible') void lookForNewSession()
    // A computer that slept has counted nothing.
    const isFresh = known !== undefined && Date.now() - known.at < FRESH_MS
    if (document.visibilityState === 'visible' && !isFresh) void look()
  })
  if (document.readyState === 'loading') {
    document.addEventListener('DOMContentLoaded', begin, { once: true })
  } else begin()

  function begin() {
    view.mount()
    void look()
  }

  async function look() {
    clearTimeout(looking)
    const session = await askForSession()
    if (isOver) return
    if (session?.state === 'ended') return end(session.reason)
    clearTimeout(looking)
    if (session === undefined) {
      looking = setTimeout(look, LOOK_AGAIN_AFTER_FAILURE_MS)
      return
    }
    known = { live: session, at: Date.now() }
    view.showPerson(session)
    judge()
  }

  /** Warns when it is time, and sets the time of the next look: never sooner than somebody can need to know. */
  function judge() {
    if (known === undefined) return
    const now = Date.now()
    const { ends, at, warnAt } = nearestEnd(known.live, known.at)
    if (now >= warnAt) {
      const isDismissed = Math.abs(at - dismissed) < SAME_DEADLINE_TOLERANCE_MS
      if (warnedOf !== ends && !isDismissed) warn(ends, at)
    } else if (warnedOf !== undefined) {
      warnedOf = undefined
      view.showNotice(undefined)
    }
    const wait = now < warnAt ? warnAt - now : Math.min(LOOK_WHILE_WARNING_MS, at - now)
    looking = setTimeout(look, Math.min(Math.max(wait, MIN_LOOK_MS), MAX_LOOK_MS))
    render()
  }

  /**
   * @param {'idle' | 'expired'} ends
   * @param {number} at
   */
  function warn(ends, at) {
    warnedOf = ends
    const title = endsIn(at - Date.now())
    const dismiss = {
      label: 'Dismiss',
      isQuiet: true,
      onPress() {
        dismissed = at
        warnedOf = undefined
        view.showNotice(undefined)
      },
    }
    view.showNotice(
      ends === 'idle'
        ? {
            title,
            text: 'Nothing was typed or moved for a while. To stay, press the button or just go on working.',
            actions: [{ label: 'Stay', onPress: () => void stayHere() }],
          }
        : {
            title,
            text: 'A session lasts for a limited time. Your desktop goes on; sign in again to return to it.',
            actions: [{ label: 'Sign in again now', href: signInPath() }, dismiss],
          },
    )
  }

  async function stayHere() {
    await stay()
    await look()
  }

  function render() {
    clearTimeout(rendering)
    if (known === undefined || isOver) return
    const now = Date.now()
    const expiresAt = known.at + known.live.expiresIn * 1_000
    const left = expiresAt - now
    view.showTimeLeft(left, left < SOON_MS)
    if (warnedOf !== undefined) {
      view.retitleNotice(endsIn(nearestEnd(known.live, known.at).at - now))
    }
    const isSeen = view.isCardOpen || warnedOf !== undefined || left < SOON_MS
    rendering = setTimeout(render, isSeen ? RENDER_MS : RENDER_UNSEEN_MS)
  }

  /**
   * The session is over.
   *
   * @param {string | null} reason
   */
  function end(reason) {
    if (isOver || isLeaving) return
    isOver = true
    connection += 1
    clearTimeout(looking)
    clearTimeout(rendering)
    const { title, text, button } =
      reason !== null && Object.hasOwn(words.session, reason)
        ? /** @type {Words} */ (words.session[reason])
        : words.unknown
    const actions = [{ label: button, href: signInPath() }]
    view.showOverlay({ title, text, actions, hides: true, waits: false })
    setTimeout(lookForNewSession, NEW_SESSION_TIMEOUT_MS)
  }

  /** A sign-in in another window ends the session of this one, and is good for both. */
  async function lookForNewSession() {
    const session = await askForSession()
    if (session?.state !== 'live') return
    const { title, text, button } = words.anew
    const actions = [{ label: button, href: location.origin + location.pathname + location.search }]
    view.showOverlay({ title, text, actions, hides: true, waits: false })
  }

  /** @param {'draining' | 'lost' | 'desktop-gone' | 'not-opened'} cause */
  function comeBack(cause) {
    connection += 1
    const mine = connection
    void reconnect(cause, {
      onState: (state) => showConnection(state),
      onEnded: end,
      isCancelled: () => mine !== connection || isLeaving,
    })
  }

  /** @param {'protocol-error'} cause */
  function stop(cause) {
    connection += 1
    showConnection(cause)
  }

  /** @param {keyof AllWords['connection']} state */
  function showConnection(state) {
    warnedOf = undefined
    const { title, text, button } = words.connection[state]
    const waits = state !== 'protocol-error' && state !== 'not-opened'
    const actions = [{ label: button, onPress: () => location.reload() }]
    // Over in a second or two: no page over the page for that.
    if (state === 'draining') view.showNotice({ title, text, actions: [] })
    else view.showOverlay({ title, text, actions, hides: false, waits })
  }

  /** By this person's own hand: the end that follows needs no word. */
  function leave() {
    isLeaving = true
    setTimeout(() => {
      isLeaving = false
    }, LEAVES_TIMEOUT_MS)
  }
}

/** @param {number} ms */
function endsIn(ms) {
  return `Your session ends in ${inWords(ms)}`
}

function signInPath() {
  return `/oauth2/start?rd=${encodeURIComponent(location.pathname + location.search)}`
}
