// The way back to a desktop whose connection ended while the session goes on: waits until both gateway and desktop are
// there, then loads the page again, which is the one thing every client understands.

import { askForDesktop, askForSession } from './gateway.js'

/** Many browsers lose one replica at one moment, and are not to come back at one moment. */
const SPREAD_MS = 1_500
const INITIAL_WAIT_MS = 1_000
const MAX_WAIT_MS = 10_000
/** A gateway that does not know how the desktop stands is not asked for ever: its own page says more. */
const UNKNOWN_FOR_MS = 15_000

/** Loading again is no cure for everything: each of the last two minutes makes the next one wait longer. */
const RELOADS_KEY = 'ghostwire.reloads'
const REMEMBER_RELOADS_MS = 120_000
const MAX_PAUSE_MS = 30_000

/**
 * @typedef {object} ReconnectParts
 * @property {(connection: 'draining' | 'lost' | 'desktop-gone' | 'desktop-refused' | 'not-opened') => void} onState
 *   What a person may be told.
 * @property {(reason: string | null) => void} onEnded The session is over after all.
 * @property {() => boolean} isCancelled
 */

/**
 * @param {'draining' | 'lost' | 'desktop-gone' | 'not-opened'} cause
 * @param {ReconnectParts} parts
 */
export async function reconnect(cause, { onState, onEnded, isCancelled }) {
  const begunAt = Date.now()
  // Nothing is said of a lost connection at once: a page that is being left loses its connection, too.
  if (cause !== 'not-opened' && cause !== 'lost') onState(cause)
  await pause(cause === 'not-opened' ? 0 : Math.random() * SPREAD_MS)
  for (let wait = INITIAL_WAIT_MS; !isCancelled(); wait = Math.min(wait * 1.5, MAX_WAIT_MS)) {
    const session = await askForSession()
    if (isCancelled()) return
    if (session?.state === 'ended') return onEnded(session.reason)
    if (session === undefined) {
      onState('lost')
    } else {
      const desktop = cause === 'draining' ? 'up' : await askForDesktop()
      if (isCancelled()) return
      const isUnknownForLong = desktop === 'unknown' && Date.now() - begunAt > UNKNOWN_FOR_MS
      // It is there, as far as anybody knows, and refused the connection: by itself nothing will change.
      if (cause === 'not-opened' && ['up', 'unknown'].includes(desktop)) return onState(cause)
      if (desktop === 'up' || isUnknownForLong) return loadAgain(isCancelled)
      if (desktop === 'refused') onState('desktop-refused')
      else onState(desktop === 'starting' ? 'desktop-gone' : cause)
    }
    await pause(wait * (0.75 + Math.random() / 2))
  }
}

/** @param {() => boolean} isCancelled */
async function loadAgain(isCancelled) {
  const now = Date.now()
  const recent = readReloads().filter((at) => now - at < REMEMBER_RELOADS_MS)
  // The first two at once: a desktop that restarts may take two.
  if (recent.length >= 2) {
    await pause(Math.min(1_000 * 2 ** (recent.length - 1), MAX_PAUSE_MS))
    if (isCancelled()) return
  }
  try {
    sessionStorage.setItem(RELOADS_KEY, JSON.stringify([...recent, now].slice(-10)))
  } catch {
    // No storage, no memory.
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
