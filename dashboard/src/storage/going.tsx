/** Repositories whose removal was asked for here. They are followed by the page: a row may go before the word of its end. */
import { useState } from 'react'
import { bytes } from '../lib/format'
import { complain, toast } from '../ui/toasts'
import { useRemoval } from './use-removal'

/** The removal of each, by repository. */
export type Removals = ReadonlyMap<string, string>

export function useRemovals() {
  const [removals, setRemovals] = useState<Removals>(new Map())
  return {
    removals,
    add: (repo: string, taskId: string) => setRemovals((last) => new Map([...last, [repo, taskId]])),
    end: (repo: string) => setRemovals((last) => new Map([...last].filter(([other]) => other !== repo))),
  }
}

/** Says how it ended. */
export function Going({
  repo,
  taskId,
  onEnd,
}: {
  repo: string
  taskId: string
  onEnd: (repo: string) => void
}) {
  useRemoval(taskId, ({ status, error, bytesFreed }) => {
    onEnd(repo)
    if (status === 'completed') toast(`${repo} deleted${bytesFreed ? `, ${bytes(bytesFreed)} freed` : ''}`)
    else complain(`${repo} was not deleted`, `${error?.detail ?? ''} ${error?.remedy ?? ''}`.trim())
  })
  return null
}
