/** A clean-up as it goes, whoever asked for it, and how it ended. */
import { useQuery } from '@tanstack/react-query'
import { CircleCheck } from 'lucide-react'
import { useState } from 'react'
import { lastCleanUpQuery } from '../api/cache'
import type { Operation } from '../api/downloads'
import { hasEnded } from '../api/tasks'
import { arrived, bytes, plural } from '../lib/format'
import { announce } from '../live/announcer'
import { Bar } from '../ui/bar'
import { Button } from '../ui/button'
import { Notice } from '../ui/status'
import styles from './clean-up.module.css'
import { useRemoval } from './use-removal'

export type Run = ReturnType<typeof useCleanUp>

/** The one that was started here, else the one that is under way: a reload or another browser shows it too. */
export function useCleanUp() {
  const { data: last = null } = useQuery(lastCleanUpQuery)
  const [own, setOwn] = useState<string | null>(null)
  const [ended, setEnded] = useState<Operation | null>(null)
  const found = last && !hasEnded(last) ? last.taskId : null
  const operation = useRemoval(own ?? found, (one) => {
    setEnded(one)
    setOwn(null)
    announce(one.status === 'completed' ? wordsOf(one) : 'The clean-up has failed')
  })
  return {
    operation: operation && !hasEnded(operation) ? operation : null,
    isRunning: operation !== null && !hasEnded(operation),
    ended,
    start: (taskId: string | null) => {
      setEnded(null)
      setOwn(taskId)
    },
    dismiss: () => setEnded(null),
  }
}

export function Progress({ run: { operation, ended, dismiss } }: { run: Run }) {
  if (operation) return <Moving operation={operation} />
  if (!ended) return null
  const close = (
    <Button size="small" look="ghost" onClick={dismiss}>
      Dismiss
    </Button>
  )
  if (ended.status === 'completed')
    return (
      <Notice tone="ok" icon={<CircleCheck size={16} />} title={wordsOf(ended)} actions={close}>
        {ended.filesTotal > 0 && `${plural(ended.filesDone, 'item')} removed.`}
      </Notice>
    )
  return (
    <Notice
      tone="bad"
      role="alert"
      title={ended.error?.detail ?? (ended.status === 'canceled' ? 'It was canceled.' : 'It failed.')}
      actions={close}
    >
      {ended.error?.remedy}
      {ended.bytesFreed ? ` ${bytes(ended.bytesFreed)} freed until then.` : ''}
    </Notice>
  )
}

const wordsOf = ({ bytesFreed }: Operation): string =>
  bytesFreed ? `${bytes(bytesFreed)} freed` : 'Nothing was left to remove'

function Moving({ operation }: { operation: Operation }) {
  const { filesDone, filesTotal, bytesDownloaded, bytesTotal, status, percent } = operation
  const isWaiting = status === 'pending'
  return (
    <div className={styles.moving} role="group" aria-label="Clean-up in progress">
      <div className={styles.line}>
        <span className={styles.doing}>
          {isWaiting
            ? 'Waiting for a worker'
            : filesTotal
              ? `Removing ${filesDone} of ${plural(filesTotal, 'item')}`
              : 'Removing…'}
        </span>
        {!isWaiting && bytesTotal !== null && (
          <span>
            {arrived(bytesDownloaded)} of {bytes(bytesTotal)}
          </span>
        )}
      </div>
      <Bar value={isWaiting || !bytesTotal ? null : percent} label="Clean-up" />
    </div>
  )
}
