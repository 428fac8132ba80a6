// The people the demo's provider knows: one who may control the desktop, one who may sign in and is turned away.

export interface Person {
  /** Also the `sub` of every token. */
  readonly username: string
  readonly password: string
  readonly name: string
  readonly email: string
  readonly emailVerified: boolean
  readonly groups: readonly string[]
}

/** The group the demo's gateway lets in. */
export const DESKTOP_GROUP = 'desktop-users'

/** May control the desktop. */
export const alice: Person = {
  username: 'alice',
  password: 'alice',
  name: 'Alice Adams',
  email: 'alice@example.com',
  emailVerified: true,
  groups: [DESKTOP_GROUP],
}

/** May sign in, and is in no group that the gateway lets in. */
export const mallory: Person = {
  username: 'mallory',
  password: 'mallory',
  name: 'Mallory Moore',
  email: 'mallory@example.com',
  emailVerified: true,
  groups: [],
}
