// Requests of the panel to the gateway. Only `stay` counts as human input.

/**
 * @typedef {object} Live
 * @property {'live'} state
 * @property {string} who
 * @property {string | null} email
 * @property {'control' | 'view' | 'owner'} role
 * @property {boolean} canStepUp Another sign-in gives other rights.
 * @property {number} expiresIn Seconds.
 * @property {number | null} idleExpiresIn Seconds.
 * @property {number | null} idleTimeout Seconds.
 */

/** @typedef {{ state: 'ended', reason: string | null }} Ended */

const ANSWER_TIMEOUT_MS = 10_000

/**
 * Fetches the state of the session. Undefined when the gateway does not answer.
 *
 * @returns {Promise<Live | Ended | undefined>}
 */
export async function fetchSession() {
  const answer = await request('/oauth2/panel')
  return answer?.ok === true ? answer.json().catch(() => undefined) : undefined
}

/**
 * Fetches the state of the desktop. `unknown` when the gateway does not answer.
 *
 * @returns {Promise<'up' | 'starting' | 'refused' | 'unknown'>}
 */
export async function fetchDesktopStatus() {
  const answer = await request('/oauth2/desktop_status')
  const status = answer?.ok === true ? await answer.json().catch(() => undefined) : undefined
  return ['up', 'starting', 'refused'].includes(status?.state) ? status.state : 'unknown'
}

/** Tells the gateway that a person is still there. Returns false when that failed. */
export async function stay() {
  const answer = await request('/oauth2/stay', 'POST')
  return answer?.ok === true
}

/**
 * @param {string} path
 * @param {string} [method]
 * @returns {Promise<Response | undefined>}
 */
async function request(path, method = 'GET') {
  try {
    return await fetch(path, {
      method,
      cache: 'no-store',
      credentials: 'same-origin',
      redirect: 'error',
      // With the page's own policy, which may be `no-referrer`, a POST would have `Origin: null`.
      referrerPolicy: 'same-origin',
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    })
  } catch {
    return undefined
  }
}
