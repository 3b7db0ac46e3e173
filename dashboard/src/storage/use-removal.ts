/** Something is being removed from the cache by a worker: how it stands, and what to do when it is done. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useEffectEvent } from 'react'
import { cacheKey } from '../api/cache'
import type { Operation } from '../api/downloads'
import { modelsKey } from '../api/models'
import { storageKey } from '../api/storage'
import { hasEnded, taskQuery } from '../api/tasks'

/** The operation as it moves; `onEnd` hears once that it has ended. */
export function useRemoval(taskId: string | null, onEnd: (operation: Operation) => void): Operation | null {
  const queries = useQueryClient()
  const { data: operation = null } = useQuery(taskQuery(taskId))
  const end = useEffectEvent((ended: Operation) => {
    onEnd(ended)
    for (const queryKey of [cacheKey, storageKey, modelsKey]) {
      void queries.invalidateQueries({ queryKey, exact: queryKey === modelsKey })
    }
  })
  const ended = operation && hasEnded(operation) ? operation : null
  useEffect(() => {
    if (ended) end(ended)
  }, [ended])
  return operation
}
