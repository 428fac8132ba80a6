// What a window of the painted desktop shows; the scene does the rest.

import type { SKRSContext2D } from '@napi-rs/canvas'
import type { Rectangle } from '../rfb/rectangle.ts'
import type { KeyName } from './keysyms.ts'

export interface WindowContent {
  readonly title: string
  readonly look: 'light' | 'dark'
  readonly width: number
  readonly height: number
  /** Draws what has changed since the last call, on nothing but what it drew then, and returns where. */
  paint(context: SKRSContext2D, now: number): Rectangle | undefined
  readonly keyboard?: Keyboard
}

/** Of a content that is typed into. */
export interface Keyboard {
  type(text: string): void
  press(key: KeyName): void
  control(letter: string): void
}
