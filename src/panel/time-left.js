// Until when a session lasts, on this browser's clock: what the gateway said of it last, counted down.

/** So long before the end (ms) a person is warned; half of it where the whole time is not much longer. */
const WARN_AHEAD_MS = 60_000

/** @typedef {{ ends: 'idle' | 'expired', at: number, warnAt: number }} Deadline Times are ms since the epoch. */

/**
 * The nearest end of a session.
 *
 * @param {import('./gateway.js').Live} live
 * @param {number} now
 * @returns {Deadline}
 */
export function nearestEnd({ expiresIn, idleExpiresIn, idleTimeout }, now) {
  const expiresAt = now + expiresIn * 1_000
  const idleAt = idleExpiresIn === null ? Infinity : now + idleExpiresIn * 1_000
  if (idleAt >= expiresAt) {
    return { ends: 'expired', at: expiresAt, warnAt: expiresAt - WARN_AHEAD_MS }
  }
  const ahead = Math.min(WARN_AHEAD_MS, (idleTimeout ?? 0) * 500)
  return { ends: 'idle', at: idleAt, warnAt: idleAt - ahead }
}

/**
 * @param {number} ms
 * @returns {string}
 */
export function inWords(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1_000))
  if (seconds < 60) return seconds === 1 ? '1 second' : `${seconds} seconds`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return minutes === 1 ? '1 minute' : `${minutes} minutes`
  const hours = Math.floor(minutes / 60)
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
}
