/** Downloads that wait, failed or finished. */
import { ExternalLink, RotateCcw, X } from 'lucide-react'
import { memo, useState } from 'react'
import { useMay } from '../api/auth'
import type { QueueItem } from '../api/downloads'
import { arrived, bytes, ordinal, percent } from '../lib/format'
import { useActions } from '../models/actions'
import { Age } from '../models/age'
import { hubLink } from '../models/facts'
import { Bar } from '../ui/bar'
import { Button, IconButton } from '../ui/button'
import { Notice } from '../ui/status'
import { Card, keepFocus, nameOf } from './card'
import styles from './queue.module.css'
import { CancelButton, useCancel } from './running-item'

type Remove = (items: readonly QueueItem[]) => Promise<void>

export const WaitingItem = memo(function WaitingItem({ item }: { item: QueueItem }) {
  const name = nameOf(item)
  const { isCanceling, cancel } = useCancel(item)
  return (
    <Card item={item} actions={<CancelButton name={name} isBusy={isCanceling} onClick={cancel} />}>
      {item.status === 'paused' && <Bar value={item.percent} label={name} look="paused" />}
      <div className={styles.line}>
        <span>{isCanceling ? 'Canceling…' : turnOf(item)}</span>
        <span>{amountOf(item)}</span>
      </div>
      {item.error && <p className={styles.why}>{item.error.detail}</p>}
    </Card>
  )
})

export const FailedItem = memo(function FailedItem({
  item,
  onRemove,
}: {
  item: QueueItem
  onRemove: Remove
}) {
  const name = nameOf(item)
  const may = useMay()
  const actions = useActions()
  const [isBusy, setBusy] = useState(false)
  const retry = async () => {
    setBusy(true)
    await actions.start({ id: item.modelId, name })
    setBusy(false)
  }
  return (
    <Card
      item={item}
      actions={
        <>
          {may('operator') && (
            <Button
              size="small"
              icon={<RotateCcw size={14} />}
              aria-label={`Retry ${name}`}
              disabled={isBusy}
              onClick={() => void retry()}
            >
              Retry
            </Button>
          )}
          <RemoveButton item={item} onRemove={onRemove} />
        </>
      }
    >
      <Notice tone="bad" title={item.error?.detail ?? 'It failed.'}>
        {item.error?.remedy}
        {wantsLicense(item) && item.repo && (
          <a href={hubLink(item.repo)} target="_blank" rel="noreferrer" className={styles.out}>
            Open on Hugging Face
            <ExternalLink size={12} aria-hidden="true" />
          </a>
        )}
      </Notice>
      {item.bytesDownloaded > 0 && (
        <div className={styles.line}>
          <span>{amountOf(item)} kept</span>
          <span>{percent(item.percent)}</span>
        </div>
      )}
    </Card>
  )
})

export const FinishedItem = memo(function FinishedItem({
  item,
  onRemove,
}: {
  item: QueueItem
  onRemove: Remove
}) {
  return (
    <Card
      item={item}
      actions={
        <>
          <span className={styles.finished}>
            <span>{bytes(item.bytesDownloaded)}</span>
            {item.updatedAt && (
              <span className={styles.when}>
                <Age at={item.updatedAt} />
              </span>
            )}
          </span>
          <RemoveButton item={item} onRemove={onRemove} />
        </>
      }
    />
  )
})

function RemoveButton({ item, onRemove }: { item: QueueItem; onRemove: Remove }) {
  const may = useMay()
  if (!may('operator')) return null
  return (
    <IconButton
      label={`Remove ${nameOf(item)} from this list`}
      tip="Remove from this list"
      onClick={(event) => {
        keepFocus(event)
        void onRemove([item])
      }}
    >
      <X size={16} />
    </IconButton>
  )
}

/** When it will start, or why it does not run. */
function turnOf(item: QueueItem): string {
  if (item.status === 'paused') return `Paused at ${percent(item.percent)}`
  if (item.waitingFor) return item.waitingFor
  if (item.error) return 'Tries again by itself'
  if (item.position === null || item.position <= 1) return 'Next, starts when a slot is free'
  return `${ordinal(item.position)} in the queue`
}

function amountOf({ bytesDownloaded, bytesTotal }: QueueItem): string {
  if (bytesTotal === null) return bytesDownloaded ? arrived(bytesDownloaded) : ''
  return bytesDownloaded ? `${arrived(bytesDownloaded)} of ${bytes(bytesTotal)}` : bytes(bytesTotal)
}

/** Whether a person has to do something on the repository's page first. */
const wantsLicense = (item: QueueItem): boolean =>
  item.error?.code === 'GATED_MODEL_NO_TOKEN' || item.error?.code === 'LICENSE_NOT_ACCEPTED'
