/** A verification or an update of the model that is shown: asking for it, how far it is, and how it ended. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { asProblem, type Problem } from '../api/client'
import type { Operation } from '../api/downloads'
import { type Model, readModel } from '../api/models'
import { hasEnded, taskQuery } from '../api/tasks'
import { updateFiles, verifyFiles } from '../api/updates'
import { isUnfinished, progress } from '../live/progress'
import { isWorking } from '../models/work'
import { useWork as useMoving } from '../models/states'

export type Work = ReturnType<typeof useWork>

export function useWork(model: Model) {
  const queries = useQueryClient()
  const moving = useMoving(model)
  const [taskId, setTaskId] = useState<string | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isAsking, setAsking] = useState(false)
  const active = isWorking(model) ? (model.activeOperation?.taskId ?? null) : null
  if (active && active !== taskId) setTaskId(active)
  // The stream tells how far it is, its own row how it ends.
  const { data: task } = useQuery(taskQuery(taskId))
  const ended = task && hasEnded(task) ? task : null
  useEffect(() => {
    // Word of its end may have come to us first.
    if (ended && active === ended.taskId) void readModel(queries, model.id).catch(() => null)
  }, [queries, ended, active, model.id])

  const ask = async (request: () => Promise<Operation>) => {
    if (isAsking) return
    setAsking(true)
    setProblem(null)
    try {
      const operation = await request()
      if (isUnfinished(operation)) progress.update([operation])
      setTaskId(operation.taskId)
      await readModel(queries, model.id)
    } catch (error) {
      setProblem(asProblem(error))
    } finally {
      setAsking(false)
    }
  }
  return {
    /** What goes on; null: nothing. */
    now: ended?.taskId === active ? null : moving && isFresher(task, moving) ? task : moving,
    /** What has ended while this was looked at. */
    ended: active && active !== ended?.taskId ? null : ended,
    /** Why it could not even begin. */
    problem,
    isAsking,
    verify: () => void ask(() => verifyFiles(model.id)),
    update: (commitHash?: string) => void ask(() => updateFiles(model.id, commitHash)),
  }
}

/** Whether the task's own row is newer than what the stream has told. */
const isFresher = (task: Operation | undefined, moving: Operation): task is Operation =>
  task?.taskId === moving.taskId && Date.parse(task?.updatedAt ?? '') > Date.parse(moving.updatedAt ?? '')
