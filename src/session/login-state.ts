// The state of a login attempt between the authorization request and its response, sealed into a cookie of its own. So several
// tabs can sign in at the same time, and any replica can finish the attempt.

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createSealer, type Sealer } from '../lib/seal.ts'
import { eachCookie, type Cookies } from './cookie.ts'
import { sessionId } from './session-records.ts'

const LIFETIME_S = 600
/**
 * Size of the cookies of all attempts that are under way: a dozen with short addresses, so that tabs restored together all
 * arrive. Many proxies refuse a `Cookie` field of more than 8 KiB, and other applications have cookies too.
 */
const MAX_PENDING_BYTES = 6_144
const ROUNDS_WINDOW_MS = 60_000
const MAX_ROUNDS = 3
/** How many finished attempts this replica remembers, so that a reload does not redeem a code twice. */
const MAX_REMEMBERED = 10_000

export interface LoginState {
  /** Name of the provider that the attempt was sent to. */
  readonly provider: string
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
  readonly returnTo: string
  /** The person must have authenticated since then (ms since the epoch); undefined: at any time. */
  readonly authenticatedAfter: number | undefined
  /** Id of the session whose cookie the browser sent when the attempt began. */
  readonly sessionBefore: string | undefined
  /** What the sign-in was begun for, and what the provider was asked for: a step-up. */
  readonly stepUp?:
    | { readonly acr: readonly string[]; readonly maxAge: number | undefined }
    | undefined
  readonly createdAt: number
}

export type TakenLogin =
  | { readonly outcome: 'taken'; readonly login: LoginState }
  /** `returnTo` as long as the browser still has the cookie. */
  | { readonly outcome: 'expired'; readonly returnTo: string | undefined }
  | { readonly outcome: 'missing' | 'forged' | 'used' }

export interface LoginStates {
  /** A new attempt and the `Set-Cookie` values that start it (and drop the oldest beyond the size limit). */
  begin(
    cookieHeader: string | undefined,
    attempt: Omit<LoginState, 'state' | 'sessionBefore' | 'createdAt'>,
  ): Promise<{ login: LoginState; setCookies: string[] }>
  /** Takes the attempt that `state` names. It is used up, whatever happens next. */
  take(cookieHeader: string | undefined, state: string): Promise<TakenLogin>
  /** The `Set-Cookie` value that ends the attempt. */
  finish(state: string): string
  /** Counts a finished sign-in, so that sign-ins without effect end in a page and not in a loop. */
  countRound(cookieHeader: string | undefined): Promise<string>
  /** Three sign-ins within a minute have finished, and there is still no session. */
  isLooping(cookieHeader: string | undefined): Promise<boolean>
  clearRounds(): string
}

/** `gateway` is this gateway's id: another one with the same secret cannot use its login states (gateway-id.ts). */
export function createLoginStates(
  secrets: readonly [string, ...string[]],
  gateway: string,
  cookies: Cookies,
  now: () => number,
): LoginStates {
  const sealer: Sealer = createSealer(secrets, 'login state')
  const used = new Map<string, number>()
  const cookieName = (state: string): string => cookies.loginPrefix + state.slice(0, ID_LENGTH)
  const roundsName = `${cookies.loginPrefix}rounds`

  async function recentRounds(cookieHeader: string | undefined): Promise<number[]> {
    const sealed = cookies.read(cookieHeader, roundsName)
    const opened = sealed === undefined ? undefined : await sealer.open(sealed, gateway)
    const times = (opened as { rounds?: number[] } | undefined)?.rounds ?? []
    return times.filter((time) => time > now() - ROUNDS_WINDOW_MS)
  }

  return {
    async begin(cookieHeader, attempt) {
      const createdAt = now()
      const sessionCookie = cookies.read(cookieHeader, cookies.sessionName)
      const login: LoginState = {
        ...attempt,
        state: newState(createdAt),
        sessionBefore: sessionCookie === undefined ? undefined : sessionId(sessionCookie),
        createdAt,
      }
      const [name, value] = [cookieName(login.state), await sealer.seal(login, gateway)]
      const room = MAX_PENDING_BYTES - name.length - value.length
      const setCookies = surplus(cookieHeader, cookies, room).map((old) => cookies.clear(old))
      setCookies.push(cookies.set(name, value, LIFETIME_S))
      return { login, setCookies }
    },

    async take(cookieHeader, state) {
      if (!STATE.test(state)) return { outcome: 'forged' }
      if (used.has(state)) return { outcome: 'used' }
      const sealed = cookies.read(cookieHeader, cookieName(state))
      if (sealed === undefined) {
        // The browser deletes the cookie when the attempt expires, so the cookie was not blocked.
        const isOld = hasExpired(createdAtOf(state), now())
        return isOld ? { outcome: 'expired', returnTo: undefined } : { outcome: 'missing' }
      }
      const login = (await sealer.open(sealed, gateway)) as LoginState | undefined
      // Compare before the code is redeemed: the code of an attacker's sign-in must never reach the token endpoint.
      if (typeof login?.state !== 'string' || !sameText(login.state, state)) {
        return { outcome: 'forged' }
      }
      if (hasExpired(login.createdAt, now())) {
        return { outcome: 'expired', returnTo: login.returnTo }
      }
      // Opening the cookie is asynchronous: a second click on the same answer may have been faster.
      if (used.has(state)) return { outcome: 'used' }
      remember(used, state, login.createdAt + LIFETIME_S * 1_000, now())
      return { outcome: 'taken', login }
    },

    finish: (state) => cookies.clear(cookieName(state)),

    async countRound(cookieHeader) {
      const rounds = [...(await recentRounds(cookieHeader)), now()].slice(-MAX_ROUNDS)
      return cookies.set(
        roundsName,
        await sealer.seal({ rounds }, gateway),
        ROUNDS_WINDOW_MS / 1_000,
      )
    },

    async isLooping(cookieHeader) {
      return (await recentRounds(cookieHeader)).length >= MAX_ROUNDS
    },

    clearRounds: () => cookies.clear(roundsName),
  }
}

// An attempt's id starts with its time, so that the oldest cookie can be found without opening any.
const ID_LENGTH = 14
const ATTEMPT_ID = /^[0-9a-z]{14}$/
const STATE = /^[0-9a-z]{14}[\w-]{43}$/

const TIME_LENGTH = 9

function newState(time: number): string {
  const id =
    time.toString(36).padStart(TIME_LENGTH, '0') +
    randomBytes(3).readUIntBE(0, 3).toString(36).padStart(5, '0')
  return id + randomBytes(32).toString('base64url')
}

/** The browser could have changed it. Use it only to choose the text of a page. */
function createdAtOf(state: string): number {
  return Number.parseInt(state.slice(0, TIME_LENGTH), 36)
}

function hasExpired(createdAt: number, now: number): boolean {
  return createdAt + LIFETIME_S * 1_000 <= now
}

/** Names of the oldest attempts, which must go so that the others fit into `room` bytes. */
function surplus(
  cookieHeader: string | undefined,
  { loginPrefix }: Cookies,
  room: number,
): string[] {
  const pending: (readonly [name: string, size: number])[] = []
  for (const [name, value] of eachCookie(cookieHeader)) {
    if (name.startsWith(loginPrefix) && ATTEMPT_ID.test(name.slice(loginPrefix.length))) {
      pending.push([name, name.length + value.length])
    }
  }
  let left = room
  return pending
    .toSorted(([a], [b]) => (a < b ? 1 : -1))
    .flatMap(([name, size]) => ((left -= size) < 0 ? [name] : []))
}

function remember(used: Map<string, number>, state: string, until: number, now: number): void {
  for (const [old, end] of used) {
    if (end > now && used.size < MAX_REMEMBERED) break
    used.delete(old)
  }
  used.set(state, until)
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
