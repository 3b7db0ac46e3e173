/** How every part of Weighbridge is. */
import { queryOptions } from '@tanstack/react-query'
import { body, client, type Schemas } from './client'

export type Health = Schemas['Health']

/** Asked once a minute: it answers for the parts behind the API, which no event tells of. */
export const healthQuery = queryOptions({
  queryKey: ['health'],
  queryFn: ({ signal }): Promise<Health> => body(client.GET('/api/health', { signal })),
  refetchInterval: 60_000,
  retry: false,
})
