/** One curated model: what it is, what it takes, how it stands here, and what can be done. */
import { ExternalLink } from 'lucide-react'
import { memo } from 'react'
import type { CatalogEntry } from '../api/catalog'
import type { Model } from '../api/models'
import { bytes, count, parameters, tokens } from '../lib/format'
import { isDeleting } from '../models/actions'
import { useDownloadStatus } from '../models/states'
import { StatusCell } from '../models/status-cell'
import { Bone } from '../ui/place'
import { Status } from '../ui/status'
import { Cut, CutMiddle, Tip } from '../ui/tooltip'
import styles from './discover.module.css'
import { EntryActions, type Missing, missingText, useMissing } from './entry-actions'
import { EntryGlyph } from './entry-glyph'
import { isToGet, openDetails } from './entry-models'

export const EntryCard = memo(function EntryCard({
  entry,
  model,
}: {
  entry: CatalogEntry
  model: Model | null
}) {
  const missing = useMissing(entry, model)
  return (
    <li className={styles.card} data-key={model?.id}>
      <div className={styles.top}>
        <EntryGlyph entry={entry} family={entry.family} />
        <div className={styles.titles}>
          <h2 className={styles.title}>
            <button type="button" className={styles.name} onClick={() => openDetails(entry, model)}>
              <Cut text={entry.name} />
            </button>
          </h2>
          <Cut text={entry.repo} className={styles.repo} />
        </div>
        {model?.downloaded && <Status tone="ok">Installed</Status>}
        <HubLink entry={entry} />
      </div>
      <p className={styles.description}>{entry.description}</p>
      <Facts entry={entry} />
      <Memory memoryMb={entry.memoryMb} />
      <div className={styles.tags}>
        {entry.tags.map((tag) => (
          <span key={tag}>#{tag}</span>
        ))}
      </div>
      <div className={styles.foot}>
        <div className={styles.state}>
          <Standing entry={entry} model={model} missing={missing} />
        </div>
        <EntryActions entry={entry} model={model} missing={missing} />
      </div>
    </li>
  )
})

function HubLink({ entry }: { entry: CatalogEntry }) {
  return (
    <Tip
      text="Hugging Face"
      render={
        <a
          href={entry.links.huggingface}
          target="_blank"
          rel="noreferrer"
          aria-label={`${entry.name} on Hugging Face (opens in a new tab)`}
        />
      }
      className={styles.away}
    >
      <ExternalLink size={15} aria-hidden="true" />
    </Tip>
  )
}

/** What does not apply or is not known is not told. */
function Facts({ entry }: { entry: CatalogEntry }) {
  const { parameterCount, dimension, contextWindow, maxSequenceLength, license } = entry
  const context = contextWindow ?? maxSequenceLength
  return (
    <dl className={styles.facts}>
      {parameterCount !== null && <Fact name="Parameters">{parameters(parameterCount)}</Fact>}
      {dimension !== null && <Fact name="Dimension">{count(dimension)}</Fact>}
      {context !== null && (
        <Fact name={contextWindow === null ? 'Sequence' : 'Context'}>
          <Tip text={`${count(context)} tokens`} render={<span />}>
            {tokens(context)}
          </Tip>
        </Fact>
      )}
      {license !== null && <Fact name="License">{license}</Fact>}
      <div className={styles.file}>
        <dt>File</dt>
        <dd>
          {entry.filename === null ? (
            'Whole repository'
          ) : (
            <CutMiddle text={entry.filename} className={styles.mono} />
          )}
        </dd>
      </div>
    </dl>
  )
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

export const inBytes = (megabytes: number): string => bytes(megabytes * 1e6)

function Memory({ memoryMb }: { memoryMb: CatalogEntry['memoryMb'] }) {
  const known = Object.entries(memoryMb)
  if (!known.length) return null
  return (
    <dl className={styles.memory}>
      <Tip text="About what it takes to run: weights and context" render={<dt />}>
        Memory
      </Tip>
      {known.map(([quantization, megabytes]) => (
        <dd key={quantization}>
          <span>{quantization}</span> {inBytes(megabytes)}
        </dd>
      ))}
    </dl>
  )
}

/** The size as long as nothing moves, what moves, or why it does not. */
export function Standing({
  entry,
  model,
  missing,
}: {
  entry: CatalogEntry
  model: Model | null
  missing: Missing
}) {
  if (model && !isToGet(model)) return <Registered model={model} />
  if (missing) return <p className={styles.missing}>{missingText(missing)}</p>
  if (entry.downloadBytes === null) return <p className={styles.size}>Size not known yet</p>
  return (
    <p className={styles.size}>
      <strong>{bytes(entry.downloadBytes)}</strong> to download
    </p>
  )
}

function Registered({ model }: { model: Model }) {
  const status = useDownloadStatus(model)
  if (isDeleting(model)) return <StatusCell model={model} />
  if (status === 'Failed' && model.error)
    return (
      <>
        <Status tone="bad">Failed</Status>
        <p className={styles.cause}>
          {model.error.detail} {model.error.remedy}
        </p>
      </>
    )
  if (status === 'Downloaded' && model.activeOperation === null && model.fileSizeBytes !== null)
    return (
      <p className={styles.size}>
        <strong>{bytes(model.fileSizeBytes)}</strong> on disk
      </p>
    )
  return <StatusCell model={model} />
}

/** The place of a card while the catalog is on its way. */
export function EntrySkeleton() {
  return (
    <div className={styles.card}>
      <div className={styles.top}>
        <Bone width={30} height={30} />
        <div className={styles.boneWords}>
          <Bone width={150} />
          <Bone width={110} />
        </div>
      </div>
      <div className={styles.boneWords}>
        <Bone width="92%" />
        <Bone width="58%" />
      </div>
      <div className={styles.boneFacts}>
        <Bone width={60} height={28} />
        <Bone width={60} height={28} />
        <Bone width={60} height={28} />
      </div>
      <Bone width="70%" />
      <div className={styles.foot}>
        <Bone width={110} />
        <Bone width={96} height={28} />
      </div>
    </div>
  )
}
