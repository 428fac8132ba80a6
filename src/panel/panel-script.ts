// Joins the modules of panel/ into one classic script, because only a classic script runs before the scripts of the
// desktop's page. Imports and exports are removed, so all modules share one scope: top-level names must be unique.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  AFTER_CONNECTION,
  AFTER_NEW_SIGN_IN,
  AFTER_SESSION,
  AFTER_UNKNOWN_END,
} from '../messages/end-reasons.ts'

/** In the order of their imports: a module comes after those that it imports. */
export const PANEL_MODULES: readonly string[] = [
  'watch-websockets.js',
  'gateway.js',
  'time-left.js',
  'elements.js',
  'isolate-input.js',
  'view.js',
  'reconnect.js',
  'panel.js',
]

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8')

const messages = JSON.stringify({
  session: AFTER_SESSION,
  unknown: AFTER_UNKNOWN_END,
  newSession: AFTER_NEW_SIGN_IN,
  connection: AFTER_CONNECTION,
})
const style = JSON.stringify(read('panel.css') + read('overlay.css'))

export const PANEL_SCRIPT: string = [
  '(() => {',
  "'use strict'",
  ...PANEL_MODULES.map((file) => withoutImports(read(file))),
  `startPanel(${messages}, ${style})`,
  '})()',
  '',
].join('\n')

/** A hash of the script. */
export const PANEL_VERSION: string = createHash('sha256')
  .update(PANEL_SCRIPT)
  .digest('base64url')
  .slice(0, 16)

const PANEL_PATH = '/oauth2/session.js'

/** The tag that goes first into the head of the desktop's page. ASCII only. */
export const PANEL_TAG: string = `<script src="${PANEL_PATH}?v=${PANEL_VERSION}"></script>`

function withoutImports(module: string): string {
  return module.replaceAll(/^import [^']*'[^']*'\n/gm, '').replaceAll(/^export /gm, '')
}
