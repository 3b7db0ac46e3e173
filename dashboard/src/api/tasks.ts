/** One operation by its own id, in its own words. */
import { queryOptions } from '@tanstack/react-query'
import { body, client } from './client'
import type { Operation } from './downloads'

/** Milliseconds between two looks at an operation that goes on. */
const LOOK_EVERY = 1000

const ENDED = new Set(['completed', 'failed', 'canceled'])

/** An operation in its own words that will not change any more. */
export const hasEnded = (operation: Operation): boolean => ENDED.has(operation.status)

/** How an operation stands. */
export const getTask = (taskId: string): Promise<Operation> =>
  body(client.GET('/api/tasks/{operation_id}', { params: { path: { operation_id: taskId } } }))

/** The same, looked at until it has ended; null: there is nothing to look at. */
export const taskQuery = (taskId: string | null) =>
  queryOptions({
    queryKey: ['tasks', taskId],
    queryFn: () => getTask(taskId ?? ''),
    enabled: taskId !== null,
    staleTime: Infinity,
    refetchInterval: ({ state }) => (state.data && hasEnded(state.data) ? false : LOOK_EVERY),
    // A worker may be at it all the same; the next look tells.
    retry: false,
  })
