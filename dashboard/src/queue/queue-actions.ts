/** Taking downloads out of the queue's view. */
import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import { useMemo } from 'react'
import { asProblem, type Problem } from '../api/client'
import { clearDownload, type Queue, type QueueItem, queueKey } from '../api/downloads'
import { complain } from '../ui/toasts'

/** Requests at a time: a browser opens about six connections, and the stream holds one. */
const AT_ONCE = 4

/** What ended leaves the view at once; its history stays at the model. */
export function useRemove(): (items: readonly QueueItem[]) => Promise<void> {
  const queries = useQueryClient()
  return useMemo(() => (items: readonly QueueItem[]) => remove(queries, items), [queries])
}

async function remove(queries: QueryClient, items: readonly QueueItem[]): Promise<void> {
  // An answer that is on its way still has them.
  await queries.cancelQueries({ queryKey: queueKey })
  const ids = items.map((item) => item.taskId)
  queries.setQueryData<Queue>(queueKey, (queue) => queue && without(queue, new Set(ids)))
  const problem = await clearAll(ids.filter((id) => id !== null))
  if (problem) complain('Not everything could be removed', `${problem.message} ${problem.remedy}`.trim())
  await queries.invalidateQueries({ queryKey: queueKey })
}

function without(queue: Queue, ids: ReadonlySet<string | null>): Queue {
  const rest = (items: QueueItem[]) => items.filter((item) => !ids.has(item.taskId))
  return { ...queue, failed: rest(queue.failed), completed: rest(queue.completed) }
}

/** The last refusal, if any; what is gone already is as it should be. */
async function clearAll(ids: readonly string[]): Promise<Problem | null> {
  let refusal: Problem | null = null
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const ended = await Promise.allSettled(ids.slice(from, from + AT_ONCE).map(clearDownload))
    for (const one of ended) {
      const problem = one.status === 'rejected' ? asProblem(one.reason) : null
      if (problem && problem.status !== 404) refusal = problem
    }
  }
  return refusal
}
