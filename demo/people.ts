// The people the demo's provider knows: one who may control the desktop, one who may watch it, one who may sign in and is
// turned away.

export interface Person {
  /** Also the `sub` of every token. */
  readonly username: string
  readonly password: string
  readonly name: string
  readonly email: string
  readonly emailVerified: boolean
  readonly groups: readonly string[]
}

/** Whoever is in it may control the desktop. */
export const DESKTOP_GROUP = 'desktop-users'
/** Whoever is in it may watch. */
export const WATCHERS_GROUP = 'desktop-watchers'

/** May control the desktop. */
export const alice: Person = {
  username: 'alice',
  password: 'alice',
  name: 'Alice Adams',
  email: 'alice@example.com',
  emailVerified: true,
  groups: [DESKTOP_GROUP],
}

/** May see the desktop, and change nothing on it. */
export const bob: Person = {
  username: 'bob',
  password: 'bob',
  name: 'Bob Brown',
  email: 'bob@example.com',
  emailVerified: true,
  groups: [WATCHERS_GROUP],
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
