/** A download that runs: how far, how fast, how long. */
import { X } from 'lucide-react'
import { memo, type MouseEvent, useState } from 'react'
import { useMay } from '../api/auth'
import type { Operation, QueueItem } from '../api/downloads'
import { arrived, bytes, duration, percent, speed } from '../lib/format'
import { isStalled, progress, useProgress, useSamples } from '../live/progress'
import { useActions } from '../models/actions'
import { Bar, Sparkline } from '../ui/bar'
import { IconButton } from '../ui/button'
import { Card, keepFocus, nameOf } from './card'
import styles from './queue.module.css'
import { SpeedLimit } from './speed-limit'

export const RunningItem = memo(function RunningItem({ item }: { item: QueueItem }) {
  const name = nameOf(item)
  const now = useLatest(item)
  const samples = useSamples(item.modelId)
  const { isCanceling, cancel } = useCancel(item)
  const isTransferring = now.phase === 'transferring' && !isCanceling
  return (
    <Card item={item} actions={<CancelButton name={name} isBusy={isCanceling} onClick={cancel} />}>
      {isMeasured(now) && (
        <div className={styles.figures}>
          <Figure operation={now} />
          {isTransferring && <Sparkline samples={samples} />}
        </div>
      )}
      <div className={styles.line}>
        <span data-tone={isStalled(now) ? 'warn' : undefined}>
          {isCanceling ? 'Canceling…' : stateOf(now)}
        </span>
        {isTransferring && !isStalled(now) && <span>{speed(now.speedBytesPerSecond)}</span>}
      </div>
      <Bar
        value={isKnown(now) ? now.percent : null}
        label={name}
        look={isStalled(now) ? 'quiet' : 'moving'}
      />
      <div className={styles.line}>
        <span>{amountOf(now)}</span>
        <span>{filesOf(now)}</span>
      </div>
      <SpeedLimit item={item} limit={now.maxBytesPerSecond} />
    </Card>
  )
})

/** For those who may. */
export function CancelButton({
  name,
  isBusy,
  onClick,
}: {
  name: string
  isBusy: boolean
  onClick: (event: MouseEvent<HTMLElement>) => void
}) {
  const may = useMay()
  if (!may('operator')) return null
  return (
    <IconButton label={`Cancel ${name}`} tip="Cancel" onClick={onClick} disabled={isBusy}>
      <X size={16} />
    </IconButton>
  )
}

/** Cancel once; the words stay until the download has left the list. */
export function useCancel(item: QueueItem) {
  const actions = useActions()
  const [isCanceling, setCanceling] = useState(false)
  const cancel = async (event: MouseEvent<HTMLElement>) => {
    keepFocus(event)
    setCanceling(true)
    const isDone = await actions.cancel({ id: item.modelId, name: nameOf(item) })
    if (!isDone) setCanceling(false)
  }
  return { isCanceling, cancel: (event: MouseEvent<HTMLElement>) => void cancel(event) }
}

/** The download as it moves; when it has just ended, its last word until the list is read again. */
function useLatest(item: QueueItem): Operation {
  const moving = useProgress(item.modelId) ?? progress.lastOf(item.modelId)
  return moving?.taskId === item.taskId ? moving : item
}

function Figure({ operation }: { operation: Operation }) {
  if (operation.bytesTotal === null)
    return <span className={styles.big}>{arrived(operation.bytesDownloaded)}</span>
  return (
    <span className={styles.big}>
      {percent(operation.percent).slice(0, -1)}
      <span className={styles.unit}>%</span>
    </span>
  )
}

/** Before the first byte there is nothing to show in large letters. */
const isMeasured = ({ bytesTotal, bytesDownloaded }: Operation): boolean =>
  bytesTotal !== null || bytesDownloaded > 0

/** The bar has a length only while bytes come and their number is known. */
const isKnown = ({ phase, bytesTotal }: Operation): boolean =>
  bytesTotal !== null && phase !== 'verifying' && phase !== 'publishing'

function stateOf(operation: Operation): string {
  if (operation.phase === 'verifying') return 'Verifying the checksum'
  if (operation.phase === 'publishing') return 'Putting it in place'
  if (isStalled(operation)) return 'Stalled, retrying'
  if (operation.phase !== 'transferring') return 'Looking up the files'
  return operation.etaSeconds === null ? 'Starting' : `${duration(operation.etaSeconds)} left`
}

function amountOf({ bytesDownloaded, bytesTotal }: Operation): string {
  if (bytesTotal === null) return 'Size not known yet'
  return `${arrived(bytesDownloaded)} of ${bytes(bytesTotal)}`
}

function filesOf({ filesTotal, filesDone, phase }: Operation): string {
  if (filesTotal > 1) return `${filesDone} of ${filesTotal} files`
  return phase === 'transferring' ? 'resumable' : ''
}
