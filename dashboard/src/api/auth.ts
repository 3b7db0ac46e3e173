/** Who is signed in. */
import { type QueryClient, queryOptions } from '@tanstack/react-query'
import { body, client, Problem, setCsrfToken, type Schemas } from './client'

export type Me = Schemas['Me']

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

/** Open a session with a token. The token is handed over and forgotten; the browser keeps an HttpOnly cookie. */
export async function signIn(token: string): Promise<Me> {
  return remember(await body(client.POST('/api/auth/login', { body: { token } })))
}

/** End the session. */
export async function signOut(queries: QueryClient): Promise<void> {
  await body(client.POST('/api/auth/logout'))
  forget(queries)
}

/** Nobody is signed in any more: what was read for the one who was is not for whoever comes next. */
export function forget(queries: QueryClient): void {
  setCsrfToken(null)
  queries.setQueryData(meQuery.queryKey, null)
  queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== meQuery.queryKey[0] })
}

function remember(me: Me): Me {
  setCsrfToken(me.csrfToken ?? null)
  return me
}
