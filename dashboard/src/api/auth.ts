/** Who is signed in, what they may do, and the ways in and out. */
import { type QueryClient, queryOptions, useQuery } from '@tanstack/react-query'
import { body, client, Problem, setCsrfToken, type Schemas } from './client'

export type Me = Schemas['Me']
export type Role = Me['role']
export type Methods = Schemas['Methods']
export type Credentials = { token: string } | { name: string; password: string }

/** null: nobody is signed in. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  staleTime: Infinity,
  queryFn: async ({ signal }): Promise<Me | null> => {
    try {
      return remember(await body(client.GET('/api/auth/me', { signal })))
    } catch (error) {
      if (error instanceof Problem && error.status === 401) return null
      throw error
    }
  },
})

/** The ways to sign in here. */
export const methodsQuery = queryOptions({
  queryKey: ['sign-in methods'],
  queryFn: ({ signal }): Promise<Methods> => body(client.GET('/api/auth/methods', { signal })),
})

/** The roles, each of which may do what those before it may. */
const ROLES: readonly Role[] = ['viewer', 'operator', 'admin']

/** Whether whoever is signed in may do what wants a role; nobody may anything while it is not known who that is.
 *
 * It only decides what is offered: the API checks every request itself. */
export function useMay(): (needed: Role) => boolean {
  // Read by the gate; asking again is not for a button.
  const { data: role } = useQuery({ ...meQuery, enabled: false, select: roleOf })
  return (needed) => Boolean(role) && ROLES.indexOf(role as Role) >= ROLES.indexOf(needed)
}

const roleOf = (me: Me | null): Role | null => me?.role ?? null

/** Open a session. What proves it is handed over and forgotten; the browser keeps an HttpOnly cookie. */
export async function signIn(credentials: Credentials): Promise<Me> {
  return remember(await body(client.POST('/api/auth/login', { body: credentials })))
}

/** End the session. */
export async function signOut(queries: QueryClient): Promise<void> {
  await body(client.POST('/api/auth/logout'))
  forget(queries)
}

/** What does not depend on who is signed in, or says just that. */
const FOR_EVERYBODY: readonly unknown[] = [meQuery.queryKey[0], methodsQuery.queryKey[0]]

/** Nobody is signed in any more: what was read for the one who was is not for whoever comes next. */
export function forget(queries: QueryClient): void {
  setCsrfToken(null)
  queries.setQueryData(meQuery.queryKey, null)
  queries.removeQueries({ predicate: ({ queryKey }) => !FOR_EVERYBODY.includes(queryKey[0]) })
}

function remember(me: Me): Me {
  setCsrfToken(me.csrfToken ?? null)
  return me
}
