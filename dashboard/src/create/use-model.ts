/** One model, as the list knows it or, where the list can't be had, as the API does. */
import { useQuery } from '@tanstack/react-query'
import { asProblem, type Problem } from '../api/client'
import { getModel, type Model, modelsQuery } from '../api/models'

/** `model` null: not there yet, or never; `problem` says why. */
export function useModel(id: number): { model: Model | null; problem: Problem | null; retry: () => void } {
  const isId = Number.isSafeInteger(id) && id > 0
  const list = useQuery(modelsQuery)
  const listed = list.data?.find((model) => model.id === id) ?? null
  const alone = useQuery({
    queryKey: ['models', id],
    queryFn: () => getModel(id),
    enabled: isId && !listed && !list.isPending,
    retry: false,
  })
  const problem = !listed && alone.error ? asProblem(alone.error) : null
  return { model: listed ?? alone.data ?? null, problem, retry: () => void alone.refetch() }
}
