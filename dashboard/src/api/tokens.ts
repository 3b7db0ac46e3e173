/** API tokens: what scripts and machines call with. */
import { queryOptions } from '@tanstack/react-query'
import { body, client, type Schemas } from './client'

export type Token = Schemas['Token']
export type NewToken = Schemas['NewToken']
export type TokenCreate = Schemas['TokenCreate']

export const tokensKey = ['tokens'] as const

/** One's own, the newest first; an admin sees everybody's. Never a token itself. */
export const tokensQuery = queryOptions({
  queryKey: tokensKey,
  queryFn: ({ signal }): Promise<Token[]> => body(client.GET('/api/tokens', { signal })),
})

/** Make a token for oneself. No later answer shows it again. */
export const createToken = (fields: TokenCreate): Promise<NewToken> =>
  body(client.POST('/api/tokens', { body: fields }))

/** End a token, and the sessions that were opened with it. */
export const revokeToken = (id: number) =>
  body(client.DELETE('/api/tokens/{token_id}', { params: { path: { token_id: id } } }))
