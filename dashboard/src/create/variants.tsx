/** The files of a repository to choose from, as a table of radios. */
import { type ReactNode, useState } from 'react'
import type { RepoPreview, Variant } from '../api/hub'
import { bytes, plural } from '../lib/format'
import { Fit, fitWord, Memory, memoryNote } from '../models/fit'
import { Rating } from '../models/rating'
import { Button } from '../ui/button'
import { Bone } from '../ui/place'
import { Radio } from '../ui/radio'
import { Status, Tag } from '../ui/status'
import { variantOf } from './choice'
import { LeaveLink } from './leave'
import form from './form.module.css'
import styles from './variants.module.css'

/** How many are shown at first. */
const FEW = 6

type Row = {
  file: string | null
  title: string
  sizeBytes: number | null
  variant: Variant | null
}

/** `chosen` undefined: none yet. `ownId`: the model that is edited may keep what is its own. */
export function Variants({
  preview,
  listKey,
  chosen,
  ownId,
  error,
  onChoose,
}: {
  preview: RepoPreview
  listKey: string
  chosen: string | null | undefined
  ownId: number | undefined
  error: ReactNode
  onChoose: (file: string | null) => void
}) {
  const [openList, setOpenList] = useState('')
  const rows = rowsOf(preview, chosen)
  const isOpen = openList === listKey
  const shown = isOpen ? rows : few(rows, chosen)
  const columns = columnsOf(preview.variants)
  if (!rows.length) return null
  return (
    <section className={form.section} aria-labelledby="variant-title">
      <div className={styles.head}>
        <h2 id="variant-title">Variant</h2>
        {columns.hasMemory && <span className={styles.note}>{memoryNote(preview)}</span>}
      </div>
      <div role="radiogroup" aria-labelledby="variant-title" className={styles.table} {...columns.attributes}>
        <div className={styles.columns} aria-hidden="true">
          <span />
          <span>Quantization</span>
          <span className={styles.number}>Size</span>
          {columns.hasQuality && <span>Quality</span>}
          {columns.hasMemory && <span className={styles.number}>Memory</span>}
          <span>{columns.hasFit && 'Fit'}</span>
        </div>
        {shown.map((row) => (
          <VariantRow
            key={row.file ?? ''}
            row={row}
            columns={columns}
            contextLength={preview.estimateContextLength}
            isChosen={row.file === chosen}
            isOwn={ownId !== undefined && row.variant?.modelId === ownId}
            onChoose={onChoose}
          />
        ))}
      </div>
      {error && <p className={form.error}>{error}</p>}
      {rows.length > FEW && (
        <Button
          look="ghost"
          size="small"
          className={styles.more}
          onClick={() => setOpenList(isOpen ? '' : listKey)}
        >
          {isOpen ? 'Show fewer files' : `Show all ${rows.length} files`}
        </Button>
      )}
      {preview.extras.length > 0 && <p className={form.hint}>{extrasText(preview)}</p>}
    </section>
  )
}

type Columns = ReturnType<typeof columnsOf>

/** A column stands only where something is known. */
function columnsOf(variants: readonly Variant[]) {
  const hasQuality = variants.some(({ ratings }) => ratings?.quality != null)
  const hasMemory = variants.some(({ memoryBytes }) => memoryBytes !== null)
  return {
    hasQuality,
    hasMemory,
    hasFit: variants.some((variant) => fitWord(variant) !== null),
    attributes: { 'data-quality': hasQuality || undefined, 'data-memory': hasMemory || undefined },
  }
}

function VariantRow({
  row: { file, title, sizeBytes, variant },
  columns,
  contextLength,
  isChosen,
  isOwn,
  onChoose,
}: {
  row: Row
  columns: Columns
  contextLength: number | null
  isChosen: boolean
  isOwn: boolean
  onChoose: (file: string | null) => void
}) {
  const id = `variant-${file ?? 'all'}`
  const isTaken = variant !== null && variant.modelId !== null && !isOwn
  return (
    <div className={styles.row} data-chosen={isChosen || undefined} data-taken={isTaken || undefined}>
      <Radio
        id={id}
        name="variant"
        checked={isChosen}
        disabled={isTaken}
        onChange={() => onChoose(file)}
        aria-describedby={`${id}-size ${id}-memory ${id}-state`}
      />
      <label htmlFor={id} className={styles.name}>
        <span className={styles.quantization} data-whole={file === null || undefined}>
          {title}
        </span>
        {variant?.recommended && <Tag tone="accent">Best fit</Tag>}
        {variant && variant.files > 1 && (
          <span className={styles.files}>{plural(variant.files, 'file')}</span>
        )}
      </label>
      <span id={`${id}-size`} className={styles.number}>
        {sizeBytes === null ? '–' : bytes(sizeBytes)}
      </span>
      {columns.hasQuality && (
        <span className={styles.quality}>
          {variant?.ratings?.quality == null ? (
            '–'
          ) : (
            <Rating what="Quality" value={variant.ratings.quality} />
          )}
        </span>
      )}
      {columns.hasMemory && (
        <span id={`${id}-memory`} className={styles.memory}>
          {variant ? (
            <Memory of={{ ...variant, weightsBytes: variant.sizeBytes }} contextLength={contextLength} />
          ) : (
            '–'
          )}{' '}
          <span className={styles.unit}>memory</span>
        </span>
      )}
      <span id={`${id}-state`} className={styles.state}>
        {isTaken ? (
          <LeaveLink to={`/models?info=${variant.modelId}`}>
            <Status tone={TONES[variant.status]}>{WORDS[variant.status]}</Status>
          </LeaveLink>
        ) : (
          variant && <Fit of={variant} />
        )}
      </span>
    </div>
  )
}

const WORDS = { available: 'Registered', downloading: 'Downloading', downloaded: 'Downloaded' } as const
const TONES = { available: 'quiet', downloading: 'accent', downloaded: 'ok' } as const

/** What is chosen and in no list (the file of a link, a repository that was registered whole) stands first. */
function rowsOf(preview: RepoPreview, chosen: string | null | undefined): Row[] {
  const rows: Row[] = preview.variants.map((variant) => ({
    file: variant.filename,
    title: titleOf(variant, preview.variants),
    sizeBytes: variant.sizeBytes,
    variant,
  }))
  if (chosen === undefined || variantOf(preview, chosen)) return rows
  const sizeBytes = chosen === null ? preview.totalBytes : null
  return [{ file: chosen, title: chosen ?? WHOLE, sizeBytes, variant: null }, ...rows]
}

const WHOLE = 'Whole repository'

/** The quantization, where it names one file only. */
function titleOf(variant: Variant, all: readonly Variant[]): string {
  if (variant.filename === null) return WHOLE
  const method = variant.quantization?.method
  const isOnly = all.filter(({ quantization }) => quantization?.method === method).length === 1
  return method && isOnly ? method : variant.filename
}

/** A few that have the chosen one among them. */
function few(rows: readonly Row[], chosen: string | null | undefined): readonly Row[] {
  const place = rows.findIndex(({ file }) => file === chosen)
  const from = place < FEW ? 0 : Math.min(place - FEW / 2, rows.length - FEW)
  return rows.slice(from, from + FEW)
}

function extrasText({ extras }: RepoPreview): string {
  const kinds = new Set(extras.map(({ kind }) => kind))
  const words = [
    kinds.has('projector') && 'a vision projector',
    kinds.has('imatrix') && 'an importance matrix',
  ]
  return `The repository also has ${words.filter(Boolean).join(' and ')}; register it by its file link if you need it.`
}

/** Its place, while the Hub is asked. */
export function VariantSkeleton() {
  return (
    <div className={form.section} aria-hidden="true">
      <Bone width={60} />
      <div className={styles.table}>
        {[72, 88, 64, 80].map((width) => (
          <div key={width} className={styles.row}>
            <Bone width={17} height={17} />
            <Bone width={width} />
            <Bone width={52} />
          </div>
        ))}
      </div>
    </div>
  )
}
