/** A delete that was accepted may still be refused by the worker: somebody has begun to use the model meanwhile. */
import { type QueryClient, matchQuery } from '@tanstack/react-query'
import type { Operation } from '../api/downloads'
import { type Model, modelsKey, readModel } from '../api/models'
import { getTask, hasEnded } from '../api/tasks'
import { complain } from '../ui/toasts'

type Doomed = { id: number; name: string; operation: Operation }

/** Told when the model is in the list and is not being deleted any more: then its operation says why. */
export function watchDelete(queries: QueryClient, { id, name, operation }: Doomed): void {
  const { taskId } = operation
  if (!taskId) return
  let isLooking = false
  const stop = queries.getQueryCache().subscribe(({ type, query }) => {
    if (!matchQuery({ queryKey: modelsKey, exact: true }, query)) return
    if (type === 'removed') return stop()
    if (type !== 'updated' || isLooking) return
    const models = query.state.data as Model[] | undefined
    const model = models?.find((one) => one.id === id)
    if (!models || model?.activeOperation?.taskId === taskId) return
    if (!model) return stop()
    isLooking = true
    void look()
  })
  const look = async () => {
    try {
      const ended = await getTask(taskId)
      // A list that was on its way when the delete began does not know of it.
      if (!hasEnded(ended)) return
      stop()
      if (ended.status === 'completed') return
      await readModel(queries, id)
      complain(`${name} was not deleted`, `${ended.error?.detail ?? ''} ${ended.error?.remedy ?? ''}`.trim())
    } catch {
      // Gone, or the server is: the next list tells.
    } finally {
      isLooking = false
    }
  }
}
