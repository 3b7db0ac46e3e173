/** Carrying a delete out: a download is canceled first, and what changed meanwhile is shown before it is asked again. */
import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { asProblem, Problem } from '../api/client'
import { type Operation, queueKey } from '../api/downloads'
import { cancelDownload, deleteModel, dropModel, type Model, modelsKey, putModel } from '../api/models'
import { getTask, hasEnded } from '../api/tasks'
import { progress } from '../live/progress'
import { complain, toast } from '../ui/toasts'
import { watchDelete } from './watch'
import { isBusy, type Known, takesFiles, wantsConsent } from './words'

export type Deleting = ReturnType<typeof useDeleting>

type Stage = 'idle' | 'canceling' | 'deleting'

/** Milliseconds: how long a canceled download may take to stop, and how often that is looked at. */
const STOPS_WITHIN = 20_000
const LOOK_EVERY = 400

/** Refusals that say that things are no longer as the person has read them. */
const CHANGED = new Set(['MODEL_IN_USE', 'CONFIRMATION_REQUIRED', 'OPERATION_CONFLICT'])

export function useDeleting({
  id,
  name,
  open,
  onClose,
  readUsage,
}: {
  id: number
  name: string
  open: boolean
  onClose: () => void
  readUsage: () => Promise<unknown>
}) {
  const queries = useQueryClient()
  const [stage, setStage] = useState<Stage>('idle')
  const [problem, setProblem] = useState<Problem | null>(null)
  const going = useRef<AbortController | null>(null)
  // Closed by the browser's Back, say: nobody waits for an answer any more.
  useEffect(() => (open ? () => going.current?.abort() : undefined), [open])

  const finish = (words: string) => {
    toast(words)
    if (!going.current?.signal.aborted) onClose()
  }
  const isGone = () => {
    forgetModel(queries, id)
    finish(`${name} was deleted already`)
  }
  const refused = async (refusal: Problem) => {
    if (refusal.status === 404) return isGone()
    if (CHANGED.has(refusal.code)) await readUsage()
    setProblem(CHANGED.has(refusal.code) ? hasChanged(refusal) : refusal)
  }
  const run = async (known: Known) => {
    if (stage !== 'idle') return
    const { signal } = (going.current = new AbortController())
    setProblem(null)
    try {
      if (isBusy(known.usage)) {
        setStage('canceling')
        await stopWork(id, signal)
      }
      if (signal.aborted) return
      setStage('deleting')
      const operation = await deleteModel(id, {
        deleteLocalFile: takesFiles(known),
        confirm: wantsConsent(known),
      })
      if (operation) follow(queries, { id, name, operation })
      else forgetModel(queries, id)
      finish(operation ? `${name} is being deleted` : `${name} deleted`)
    } catch (error) {
      const refusal = asProblem(error)
      if (!signal.aborted) await refused(refusal)
      else complain(`${name} was not deleted`, `${refusal.message} ${refusal.remedy}`.trim())
    } finally {
      setStage('idle')
    }
  }
  /** Whether the dialog may close: a delete that was sent can't be taken back. */
  const stop = () => {
    if (stage === 'canceling') going.current?.abort()
    return stage !== 'deleting'
  }
  return { stage, problem, run, stop, isGone }
}

/** Cancel what works with a model's files and wait until nothing writes to them any more. */
async function stopWork(id: number, signal: AbortSignal): Promise<void> {
  const { taskId } = await cancelDownload(id)
  if (!taskId) return
  const end = Date.now() + STOPS_WITHIN
  while (!signal.aborted && !hasEnded(await getTask(taskId))) {
    if (Date.now() > end) throw notStopped()
    await new Promise((done) => setTimeout(done, LOOK_EVERY))
  }
}

function notStopped(): Problem {
  return new Problem(0, {
    code: 'NOT_STOPPED',
    detail: 'What works with its files has not stopped yet.',
    remedy: 'Its worker may be away. Try again in a minute.',
  })
}

function hasChanged(refusal: Problem): Problem {
  return new Problem(refusal.status, {
    code: refusal.code,
    detail: 'Something has changed meanwhile.',
    remedy: 'This is how it stands now. Nothing was deleted.',
  })
}

function forgetModel(queries: QueryClient, id: number): void {
  dropModel(queries, id)
  progress.drop(id)
  void queries.invalidateQueries({ queryKey: queueKey })
}

/** Its row says so until the worker is done and the stream tells; what keeps the worker from it is told too. */
function follow(queries: QueryClient, what: { id: number; name: string; operation: Operation }): void {
  const model = queries.getQueryData<Model[]>(modelsKey)?.find((one) => one.id === what.id)
  if (model) putModel(queries, { ...model, activeOperation: what.operation })
  watchDelete(queries, what)
}
