/** How full the volume is, with what, and how full it will be once the queue has arrived. */
import { useQuery } from '@tanstack/react-query'
import { RefreshCw, Sparkles } from 'lucide-react'
import { memo, type ReactNode } from 'react'
import { useMay } from '../api/auth'
import { asProblem, type Problem } from '../api/client'
import type { Model } from '../api/models'
import { type Storage, storageQuery } from '../api/storage'
import { bytes, count, plural } from '../lib/format'
import { usePhone } from '../lib/media'
import { Button, ButtonLink, IconButton } from '../ui/button'
import { Bone } from '../ui/place'
import { Tip } from '../ui/tooltip'
import { Age } from './age'
import { type Segment, segmentsOf } from './segments'
import styles from './storage-header.module.css'
import { useRescan } from './use-rescan'

/** Keeps its height in every state, so that nothing below it moves when the numbers come. */
export const StorageHeader = memo(function StorageHeader({ models }: { models: readonly Model[] | null }) {
  const storage = useQuery(storageQuery)
  return (
    <section className={styles.card} aria-label="Storage">
      {storage.data ? (
        <Measured storage={storage.data} models={models} />
      ) : storage.isError ? (
        <Unread problem={asProblem(storage.error)} onRetry={() => void storage.refetch()} />
      ) : (
        <Bones />
      )}
    </section>
  )
})

function Measured({ storage, models }: { storage: Storage; models: readonly Model[] | null }) {
  const { totalBytes, usedBytes, availableBytes, availableAfterQueueBytes, modelCount, cache } = storage
  const seenAt = storage.seenAt ?? storage.scannedAt
  if (totalBytes === null || usedBytes === null) return <NotMeasured storage={storage} />
  return (
    <>
      <div className={styles.head}>
        <p className={styles.used}>
          <strong>{bytes(usedBytes)}</strong> used of {bytes(totalBytes)}
          {seenAt && (
            <span className={styles.age}>
              measured <Age at={seenAt} />
            </span>
          )}
        </p>
        <div className={styles.side}>
          <dl className={styles.facts}>
            {availableBytes !== null && <Fact name="Available">{bytes(availableBytes)}</Fact>}
            {availableAfterQueueBytes !== null && <AfterQueue left={availableAfterQueueBytes} />}
            <Fact name="Models on disk" isMinor>
              {count(modelCount)}
            </Fact>
            {cache.totalBytes !== null && (
              <Fact name="Cache" isMinor>
                <Tip text={inCache(storage)} render={<span />}>
                  {bytes(cache.totalBytes)}
                </Tip>
              </Fact>
            )}
          </dl>
          <QuickActions />
        </div>
      </div>
      <Segments segments={segmentsOf(storage, models)} total={totalBytes} />
    </>
  )
}

/** Whose the bytes of the cache are. */
const inCache = ({ cache }: Storage): string =>
  `${bytes(cache.managedBytes)} of models, ${bytes(cache.unmanagedBytes ?? 0)} not managed`

/** A phone has the second one on the page of the volume. */
function QuickActions() {
  const may = useMay()
  const isPhone = usePhone()
  const { isBusy, rescan } = useRescan()
  return (
    <div className={styles.actions}>
      {may('admin') && (
        <ButtonLink href="/storage#clean-up" size="small" icon={<Sparkles size={15} />}>
          Clean up
        </ButtonLink>
      )}
      {!isPhone && (
        <IconButton label="Rescan the cache" tip="Rescan" aria-busy={isBusy} onClick={rescan}>
          <RefreshCw size={15} className={isBusy ? styles.busy : undefined} />
        </IconButton>
      )}
    </div>
  )
}

/** No worker has looked at the volume: only what the register itself knows is told. */
function NotMeasured({ storage }: { storage: Storage }) {
  return (
    <>
      <div className={styles.head}>
        <p className={styles.used}>
          <strong>{bytes(storage.cache.managedBytes)}</strong> in {plural(storage.modelCount, 'model')}
        </p>
      </div>
      <p className={styles.sentence}>
        How full the volume is shows here once a worker has measured it.
        {storage.reservedBytes > 0 && ` The queue still needs ${bytes(storage.reservedBytes)}.`}
      </p>
    </>
  )
}

function Unread({ problem, onRetry }: { problem: Problem; onRetry: () => void }) {
  return (
    <div className={styles.unread} role="alert">
      <p>
        <span className={styles.unreadTitle}>Storage could not be read.</span> {problem.message}{' '}
        {problem.remedy}
      </p>
      <Button onClick={onRetry}>Try again</Button>
    </div>
  )
}

function Fact({
  name,
  isMinor,
  tone,
  children,
}: {
  name: string
  isMinor?: boolean
  tone?: 'bad'
  children: ReactNode
}) {
  return (
    <div className={styles.fact} data-minor={isMinor}>
      <dt>{name}</dt>
      <dd data-tone={tone}>{children}</dd>
    </div>
  )
}

function AfterQueue({ left }: { left: number }) {
  if (left < 0) return <Fact name="After queue" tone="bad">{`${bytes(-left)} short`}</Fact>
  return <Fact name="After queue">{bytes(left)}</Fact>
}

/** The bar is for the eyes; the legend below it says the same in words. */
function Segments({ segments, total }: { segments: readonly Segment[]; total: number }) {
  const free = total - segments.reduce((sum, segment) => sum + segment.bytes, 0)
  return (
    <>
      <div className={styles.bar} aria-hidden="true">
        {segments.map((segment) => (
          <Tip
            key={segment.name}
            text={`${segment.name} ${bytes(segment.bytes)}`}
            render={<span style={drawn(segment)} />}
            className={lookOf(segment)}
          />
        ))}
        <span style={{ flexGrow: Math.max(0, free) }} />
      </div>
      {/* Scrolls where it is too long for one line, so the keyboard must reach it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <ul className={styles.legend} aria-label="What takes up room" tabIndex={0}>
        {segments.map((segment) => (
          <li key={segment.name}>
            <span
              className={`${styles.square} ${lookOf(segment)}`}
              style={drawn(segment)}
              aria-hidden="true"
            />
            {segment.name} <span className={styles.bytes}>{bytes(segment.bytes)}</span>
            {segment.note && <span className={styles.bytes}> {segment.note}</span>}
          </li>
        ))}
      </ul>
    </>
  )
}

const drawn = ({ bytes: size, colour }: Segment) =>
  ({ '--colour': colour, flexGrow: size }) as React.CSSProperties

const lookOf = ({ look }: Segment): string | undefined => styles[look ?? 'filled']

function Bones() {
  return (
    <div className={styles.bones}>
      <Bone width={180} height={20} />
      <Bone height={12} />
      <Bone width="60%" />
    </div>
  )
}
