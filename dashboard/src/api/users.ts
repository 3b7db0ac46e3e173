/** The people who may sign in. */
import { queryOptions } from '@tanstack/react-query'
import { body, client, type Schemas } from './client'

export type User = Schemas['User']
export type UserCreate = Schemas['UserCreate']
export type UserPatch = Schemas['UserPatch']

export const usersKey = ['users'] as const

/** Everybody, by name; for admins. */
export const usersQuery = queryOptions({
  queryKey: usersKey,
  queryFn: ({ signal }): Promise<User[]> => body(client.GET('/api/users', { signal })),
})

/** Add somebody who signs in with a password. */
export const createUser = (fields: UserCreate): Promise<User> =>
  body(client.POST('/api/users', { body: fields }))

/** Change what is named; it holds at once, also for sessions and tokens. */
export const changeUser = (id: number, fields: UserPatch): Promise<User> =>
  body(client.PATCH('/api/users/{user_id}', { params: { path: { user_id: id } }, body: fields }))

/** Delete somebody, with sessions and tokens. */
export const deleteUser = (id: number) =>
  body(client.DELETE('/api/users/{user_id}', { params: { path: { user_id: id } } }))

/** Change one's own password; all other sessions end. */
export const changePassword = (fields: Schemas['PasswordChange']) =>
  body(client.POST('/api/auth/password', { body: fields }))
