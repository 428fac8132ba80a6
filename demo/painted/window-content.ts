// What a window of the painted desktop shows; the scene does the rest.

import type { SKRSContext2D } from '@napi-rs/canvas'
import type { Rectangle } from '../rfb/rectangle.ts'
import type { KeyName } from './keysyms.ts'

export interface WindowContent {
  readonly title: string
  readonly look: 'light' | 'dark'
  readonly width: number
  readonly height: number
  /** Draws what has changed since the last call over the earlier picture, and returns the changed areas. */
  paint(context: SKRSContext2D, now: number): Rectangle | undefined
  readonly keyboard?: Keyboard
}

/** For content that accepts keyboard input. */
export interface Keyboard {
  type(text: string): void
  press(key: KeyName): void
  control(letter: string): void
}
