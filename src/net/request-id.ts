// The id that connects an error page with the log and the audit. It is short enough to read out over the phone.

import { randomBytes } from 'node:crypto'

export function newRequestId(): string {
  return randomBytes(8).toString('base64url')
}
