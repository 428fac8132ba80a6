// A name for one request, short enough to read out over the phone, that joins a page to the log and the audit.

import { randomBytes } from 'node:crypto'

export function newRequestId(): string {
  return randomBytes(8).toString('base64url')
}
