/** Repositories whose removal was asked for here. They are followed by the page: a row may go before the word of its end. */
import { useState } from 'react'
import { bytes } from '../lib/format'
import { complain, toast } from '../ui/toasts'
import { useRemoval } from './use-removal'

/** The removal of each, by the repository's key (`keyOfRepo`). */
export type Removals = ReadonlyMap<string, string>

export function useRemovals() {
  const [removals, setRemovals] = useState<Removals>(new Map())
  return {
    removals,
    add: (key: string, taskId: string) => setRemovals((last) => new Map([...last, [key, taskId]])),
    end: (key: string) => setRemovals((last) => new Map([...last].filter(([other]) => other !== key))),
  }
}

/** Says how it ended. */
export function Going({
  repoKey,
  taskId,
  onEnd,
}: {
  repoKey: string
  taskId: string
  onEnd: (key: string) => void
}) {
  const [repo] = repoKey.split(' ')
  useRemoval(taskId, ({ status, error, bytesFreed }) => {
    onEnd(repoKey)
    if (status === 'completed') toast(`${repo} deleted${bytesFreed ? `, ${bytes(bytesFreed)} freed` : ''}`)
    else complain(`${repo} was not deleted`, `${error?.detail ?? ''} ${error?.remedy ?? ''}`.trim())
  })
  return null
}
