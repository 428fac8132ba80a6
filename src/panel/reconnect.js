// Reconnects to the desktop when the connection ended but the session continues. It waits until both the gateway and the
// desktop answer, and then reloads the page, which works with every client.

import { fetchDesktopStatus, fetchSession } from './gateway.js'

/** A random delay: when a replica stops, all its browsers lose the connection together but must not return together. */
const MAX_INITIAL_DELAY_MS = 1_500
const INITIAL_WAIT_MS = 1_000
const MAX_WAIT_MS = 10_000
/** After this time without a known state of the desktop, the page is reloaded: the gateway's error page tells more. */
const MAX_UNKNOWN_MS = 15_000

/** Reloading does not always help. Each reload in the last two minutes makes the next one wait longer. */
const RELOADS_KEY = 'ghostwire.reloads'
const RELOAD_HISTORY_MS = 120_000
const MAX_RELOAD_DELAY_MS = 30_000

/**
 * @typedef {object} ReconnectParts
 * @property {(connection: 'draining' | 'lost' | 'desktop-gone' | 'desktop-refused' | 'not-opened') => void} onState
 *   Called when the message for the person changes.
 * @property {(reason: string | null) => void} onEnded Called when the session has ended.
 * @property {() => boolean} isCancelled
 */

/**
 * @param {'draining' | 'lost' | 'desktop-gone' | 'not-opened'} cause
 * @param {ReconnectParts} parts
 */
export async function reconnect(cause, { onState, onEnded, isCancelled }) {
  const startedAt = Date.now()
  // A lost connection is not shown at once: a page also loses its connection when the person leaves it.
  if (cause !== 'not-opened' && cause !== 'lost') onState(cause)
  await pause(cause === 'not-opened' ? 0 : Math.random() * MAX_INITIAL_DELAY_MS)
  for (let wait = INITIAL_WAIT_MS; !isCancelled(); wait = Math.min(wait * 1.5, MAX_WAIT_MS)) {
    const session = await fetchSession()
    if (isCancelled()) return
    if (session?.state === 'ended') return onEnded(session.reason)
    if (session === undefined) {
      onState('lost')
    } else {
      const desktop = cause === 'draining' ? 'up' : await fetchDesktopStatus()
      if (isCancelled()) return
      const isUnknownForLong = desktop === 'unknown' && Date.now() - startedAt > MAX_UNKNOWN_MS
      // As far as known, the desktop is up and refused the connection. Waiting would change nothing.
      if (cause === 'not-opened' && ['up', 'unknown'].includes(desktop)) return onState(cause)
      if (desktop === 'up' || isUnknownForLong) return reloadPage(isCancelled)
      if (desktop === 'refused') onState('desktop-refused')
      else onState(desktop === 'starting' ? 'desktop-gone' : cause)
    }
    await pause(wait * (0.75 + Math.random() / 2))
  }
}

/** @param {() => boolean} isCancelled */
async function reloadPage(isCancelled) {
  const now = Date.now()
  const recent = readReloads().filter((at) => now - at < RELOAD_HISTORY_MS)
  // The first two reloads are immediate: after a restart of the desktop, two may be needed.
  if (recent.length >= 2) {
    await pause(Math.min(1_000 * 2 ** (recent.length - 1), MAX_RELOAD_DELAY_MS))
    if (isCancelled()) return
  }
  try {
    sessionStorage.setItem(RELOADS_KEY, JSON.stringify([...recent, now].slice(-10)))
  } catch {
    // Without storage, reloads are not counted.
  }
  location.reload()
}

/** @returns {number[]} */
function readReloads() {
  try {
    const stored = JSON.parse(sessionStorage.getItem(RELOADS_KEY) ?? '[]')
    return Array.isArray(stored) ? stored.filter((at) => typeof at === 'number') : []
  } catch {
    return []
  }
}

/**
 * @param {number} ms
 * @returns {Promise<void>}
 */
function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
