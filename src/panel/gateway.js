// What the panel asks the gateway. None of it but `stay` counts as a person's input.

/**
 * @typedef {object} Live
 * @property {'live'} state
 * @property {string} who
 * @property {string | null} email
 * @property {'control' | 'view' | 'owner'} role
 * @property {number} expiresIn Seconds.
 * @property {number | null} idleExpiresIn Seconds.
 * @property {number | null} idleTimeout Seconds.
 */

/** @typedef {{ state: 'ended', reason: string | null }} Ended */

const ANSWER_TIMEOUT_MS = 10_000

/**
 * How the session stands; undefined when the gateway cannot say.
 *
 * @returns {Promise<Live | Ended | undefined>}
 */
export async function askForSession() {
  const answer = await ask('/oauth2/panel')
  return answer?.ok === true ? answer.json().catch(() => undefined) : undefined
}

/**
 * Whether the desktop is there; `unknown` when the gateway cannot say.
 *
 * @returns {Promise<'up' | 'starting' | 'refused' | 'unknown'>}
 */
export async function askForDesktop() {
  const answer = await ask('/oauth2/desktop_status')
  const said = answer?.ok === true ? await answer.json().catch(() => undefined) : undefined
  return ['up', 'starting', 'refused'].includes(said?.state) ? said.state : 'unknown'
}

/** A person is still there. False when that could not be told. */
export async function stay() {
  const answer = await ask('/oauth2/stay', 'POST')
  return answer?.ok === true
}

/**
 * @param {string} path
 * @param {string} [method]
 * @returns {Promise<Response | undefined>}
 */
async function ask(path, method = 'GET') {
  try {
    return await fetch(path, {
      method,
      cache: 'no-store',
      credentials: 'same-origin',
      redirect: 'error',
      // The page may have said `no-referrer`, under which a POST does not tell its origin.
      referrerPolicy: 'same-origin',
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    })
  } catch {
    return undefined
  }
}
