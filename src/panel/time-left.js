// Computes when a session ends, on this browser's clock, from the gateway's last answer.

/** How long before the end a person is warned. Shorter if the idle timeout is below two minutes: half of it. */
const WARN_BEFORE_END_MS = 60_000

/** @typedef {{ ends: 'idle' | 'expired', at: number, warnAt: number }} Deadline Times are ms since the epoch. */

/**
 * The next end of a session: by its lifetime or by inactivity.
 *
 * @param {import('./gateway.js').Live} live
 * @param {number} now
 * @returns {Deadline}
 */
export function nextEnd({ expiresIn, idleExpiresIn, idleTimeout }, now) {
  const expiresAt = now + expiresIn * 1_000
  const idleAt = idleExpiresIn === null ? Infinity : now + idleExpiresIn * 1_000
  if (idleAt >= expiresAt) {
    return { ends: 'expired', at: expiresAt, warnAt: expiresAt - WARN_BEFORE_END_MS }
  }
  const lead = Math.min(WARN_BEFORE_END_MS, (idleTimeout ?? 0) * 500)
  return { ends: 'idle', at: idleAt, warnAt: idleAt - lead }
}

/**
 * @param {number} ms
 * @returns {string}
 */
export function formatTimeLeft(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1_000))
  if (seconds < 60) return seconds === 1 ? '1 second' : `${seconds} seconds`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return minutes === 1 ? '1 minute' : `${minutes} minutes`
  const hours = Math.floor(minutes / 60)
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
}
