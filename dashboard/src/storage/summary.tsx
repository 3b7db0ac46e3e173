/** How full the volume is, and whose the bytes of the cache are. */
import type { ReactNode } from 'react'
import type { Storage } from '../api/storage'
import { bytes, plural } from '../lib/format'
import { Age } from '../models/age'
import styles from './storage.module.css'

export function Summary({ storage }: { storage: Storage }) {
  const { totalBytes, usedBytes, availableBytes, reservedBytes, availableAfterQueueBytes: left } = storage
  const seenAt = storage.seenAt ?? storage.scannedAt
  return (
    <section className={styles.card} aria-label="Volume">
      <div className={styles.head}>
        <p className={styles.used}>
          {totalBytes !== null && usedBytes !== null ? (
            <>
              <strong>{bytes(usedBytes)}</strong> used of {bytes(totalBytes)}
            </>
          ) : (
            'How full the volume is shows here once a worker has measured it.'
          )}
          {seenAt && (
            <span className={styles.age}>
              measured <Age at={seenAt} />
            </span>
          )}
        </p>
        <dl className={styles.facts}>
          {availableBytes !== null && <Fact name="Available">{bytes(availableBytes)}</Fact>}
          <Fact name="Reserved">{bytes(reservedBytes)}</Fact>
          {left !== null && (
            <Fact name="After queue" tone={left < 0 ? 'bad' : undefined}>
              {left < 0 ? `${bytes(-left)} short` : bytes(left)}
            </Fact>
          )}
        </dl>
      </div>
      <Cache storage={storage} />
    </section>
  )
}

function Cache({ storage: { cache, modelCount, scannedAt } }: { storage: Storage }) {
  const { totalBytes, managedBytes, unmanagedBytes, unmanagedRepoCount: repos, partialBytes } = cache
  return (
    <dl className={styles.tiles}>
      <Tile name="Cache" note={totalBytes === null ? 'not scanned yet' : <Scanned at={scannedAt} />}>
        {totalBytes === null ? '–' : bytes(totalBytes)}
      </Tile>
      <Tile name="Managed" note={`in ${plural(modelCount, 'model')}`}>
        {bytes(managedBytes)}
      </Tile>
      <Tile
        name="Unmanaged"
        look="unmanaged"
        note={
          repos === null ? 'not scanned yet' : `${plural(repos, 'repository', 'repositories')} of no model`
        }
      >
        {unmanagedBytes === null ? '–' : bytes(unmanagedBytes)}
      </Tile>
      <Tile name="Unfinished" look="partial" note="half files of downloads">
        {partialBytes === null ? '–' : bytes(partialBytes)}
      </Tile>
    </dl>
  )
}

function Scanned({ at }: { at: string | null }) {
  if (!at) return 'not scanned yet'
  return (
    <>
      scanned <Age at={at} />
    </>
  )
}

function Fact({ name, tone, children }: { name: string; tone?: 'bad'; children: ReactNode }) {
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd data-tone={tone}>{children}</dd>
    </div>
  )
}

function Tile({
  name,
  look,
  note,
  children,
}: {
  name: string
  look?: 'unmanaged' | 'partial'
  note: ReactNode
  children: ReactNode
}) {
  return (
    <div className={styles.tile}>
      <dt>
        {look && <span className={styles.square} data-look={look} aria-hidden="true" />}
        {name}
      </dt>
      <dd>
        <span className={styles.big}>{children}</span>
        <span className={styles.small}>{note}</span>
      </dd>
    </div>
  )
}
