// All messages of error pages in one table.

import { DESKTOP_FAILURES, type DesktopFailure } from './desktop-failures.ts'
import type { FailureMessage } from './failure-message.ts'
import { LOGIN_FAILURES, type LoginFailure } from './login-failures.ts'
import { REQUEST_FAILURES, type RequestFailure } from './request-failures.ts'

export type FailureKind = LoginFailure | RequestFailure | DesktopFailure

export const FAILURES: Readonly<Record<FailureKind, FailureMessage>> = {
  ...LOGIN_FAILURES,
  ...REQUEST_FAILURES,
  ...DESKTOP_FAILURES,
}
