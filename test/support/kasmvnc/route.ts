// What becomes of a request text, in the order of do_handshake() (WS.c:1891-2170): ban, Basic auth, WebSocket, `/api/`
// anywhere in the text, file.

import type { Answers } from './answer.ts'
import type { Blacklist } from './blacklist.ts'
import { answerOwner, type ApiAnswer, type ServerState } from './owner-api.ts'
import {
  authenticate,
  clientAddress,
  parseUpgrade,
  type Account,
  type Authentication,
  type Upgrade,
} from './request.ts'
import { answerStatic } from './static-files.ts'

export interface Site {
  readonly answers: Answers
  readonly blacklist: Blacklist
  readonly disableBasicAuth: boolean
  readonly state: ServerState
}

export interface AcceptedUpgrade extends Upgrade {
  readonly kind: 'upgrade'
  readonly user: string
  readonly account: Account
  readonly address: string
}

export type Routed = ({ readonly kind: 'answer' } & ApiAnswer) | AcceptedUpgrade

/** Without Basic auth everybody reads and writes, and nobody is owner: the API is dead. */
const ANYBODY: Account = { password: '', read: true, write: true, owner: false }

export function route(text: string, peer: string, site: Site): Routed {
  const { answers, blacklist, state } = site
  const answer = (bytes: Buffer): Routed => ({ kind: 'answer', bytes })

  const address = clientAddress(text, peer)
  if (blacklist.isBanned(address)) return answer(answers.banned())
  const caller: Authentication = site.disableBasicAuth
    ? { outcome: 'known', user: '', account: ANYBODY }
    : authenticate(text, state.accounts)
  if (caller.outcome !== 'known') {
    // A request without any credentials counts as a failure too.
    blacklist.addFailure(address)
    return answer(answers[caller.outcome]())
  }

  const upgrade = parseUpgrade(text)
  if (upgrade !== undefined) {
    return { kind: 'upgrade', ...upgrade, user: caller.user, account: caller.account, address }
  }
  if (text.includes('/api/')) {
    if (!caller.account.owner) return answer(answers.notOwner())
    const answered = answerOwner(text, state, answers)
    if (answered !== undefined) return { kind: 'answer', ...answered }
  }
  return answer(answerStatic(text, state.files, answers))
}
