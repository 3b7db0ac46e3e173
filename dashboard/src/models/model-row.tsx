/** One model in the table. */
import { Check, Minus } from 'lucide-react'
import { memo, type Ref, useState } from 'react'
import { useMay } from '../api/auth'
import type { Model } from '../api/models'
import { bytes } from '../lib/format'
import { openDelete, openInfo } from '../lib/overlay'
import { Glyph } from '../ui/glyph'
import { Tag } from '../ui/status'
import { Cut, CutMiddle } from '../ui/tooltip'
import { factsOf, fileOf, summaryOf } from './facts'
import { sourceOf } from './filters'
import styles from './model-table.module.css'
import { RowActions } from './row-actions'
import { useDownloadStatus, useSize } from './states'
import { StatusCell } from './status-cell'

type RowProps = {
  model: Model
  /** Its place in the list, from 0, and its distance from the list's top in pixels. */
  index: number
  start: number
  isPhone: boolean
  /** Told of the row's element where heights differ. */
  measure?: Ref<HTMLDivElement>
}

/** Drawn anew only when the model itself has changed; what moves within it are its cells. */
export const ModelRow = memo(function ModelRow({ model, index, start, isPhone, measure }: RowProps) {
  return (
    <div
      ref={measure}
      role="row"
      aria-rowindex={index + 2}
      data-index={index}
      data-key={model.id}
      className={styles.row}
      style={{ transform: `translateY(${start}px)` }}
    >
      <Cells model={model} />
      {isPhone && <SwipeActions id={model.id} />}
    </div>
  )
})

/** Whether the status has a bar. */
export const isTall = (status: Model['downloadStatus']): boolean =>
  status === 'Downloading' || status === 'Paused'

function Cells({ model }: { model: Model }) {
  const isHosted = model.type === 'hosted-llm'
  const status = useDownloadStatus(model)
  const hasArrived = useArrival(status)
  return (
    <div className={styles.cells} data-arrived={hasArrived || undefined}>
      <div role="cell" className={styles.name}>
        <Glyph name={model.name} colour={factsOf(model).familyColour} hosted={isHosted} />
        <div className={styles.words}>
          <button type="button" className={styles.title} onClick={() => openInfo(model.id)}>
            <Cut text={model.name} />
          </button>
          <div className={styles.summary}>{summaryOf(model)}</div>
        </div>
      </div>
      <div role="cell" className={styles.type}>
        <Tag>{isHosted ? 'Hosted' : 'Local'}</Tag>
      </div>
      <div role="cell" className={styles.source}>
        <Source model={model} />
      </div>
      <div role="cell" className={styles.size}>
        <Size model={model} />
      </div>
      <div role="cell" className={styles.downloaded}>
        <Downloaded value={model.downloaded} />
      </div>
      <div role="cell" className={styles.status} data-tall={isTall(status) || undefined}>
        <StatusCell model={model} />
      </div>
      <div role="cell" className={styles.actions}>
        <RowActions model={model} />
      </div>
    </div>
  )
}

/** Whether its download has ended well while this row was looked at. */
function useArrival(status: Model['downloadStatus']): boolean {
  const [before, setBefore] = useState(status)
  const [hasArrived, setArrived] = useState(false)
  if (before !== status) {
    setBefore(status)
    setArrived(status === 'Downloaded' && before === 'Downloading')
  }
  return hasArrived
}

function Source({ model }: { model: Model }) {
  if (model.source === 'path')
    return (
      <>
        <div className={styles.origin}>Local path</div>
        <CutMiddle text={fileOf(model)} className={styles.file} />
      </>
    )
  return (
    <>
      <Cut text={sourceOf(model)} className={styles.origin} />
      {model.type === 'hosted-llm' ? (
        <Cut text={model.baseUrl ?? ''} className={styles.file} />
      ) : model.modelFile ? (
        <CutMiddle text={model.modelFile} className={styles.file} />
      ) : (
        <div className={styles.whole}>{fileOf(model)}</div>
      )}
    </>
  )
}

function Size({ model }: { model: Model }) {
  const size = useSize(model)
  return size === null ? <span className={styles.none}>–</span> : bytes(size)
}

function Downloaded({ value }: { value: boolean | null }) {
  if (value === null) return <span className={styles.none}>–</span>
  const Icon = value ? Check : Minus
  return (
    <span className={styles.answer} data-yes={value || undefined}>
      <Icon size={14} aria-hidden="true" />
      {value ? 'Yes' : 'No'}
    </span>
  )
}

/** What a swipe to the left brings out; its twin for everybody is the row's menu. */
function SwipeActions({ id }: { id: number }) {
  const may = useMay()
  const act = (open: (id: number) => void) => (event: React.MouseEvent) => {
    const row = event.currentTarget.closest('[role=row]')
    if (row) row.scrollLeft = 0
    open(id)
  }
  return (
    <div className={styles.swipe} aria-hidden="true">
      <button type="button" tabIndex={-1} onClick={act(openInfo)}>
        Details
      </button>
      {may('admin') && (
        <button type="button" tabIndex={-1} data-danger onClick={act(openDelete)}>
          Delete
        </button>
      )}
    </div>
  )
}
