/** The small tables of the cards: variants with their size, how they stand, and what can be done. */
import { Download, LoaderCircle } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { useMay } from '../api/auth'
import { requestDownload } from '../api/downloads'
import type { RepoPreview, Variant } from '../api/hub'
import type { Model } from '../api/models'
import { useRoomFor } from '../create/room'
import { bytes } from '../lib/format'
import { openInfo } from '../lib/overlay'
import { Button, ButtonLink } from '../ui/button'
import { Status, Tag } from '../ui/status'
import { Cut, Tip } from '../ui/tooltip'
import { useActions } from './actions'
import { factsOf } from './facts'
import { fitWord, Memory } from './fit'
import { Rating } from './rating'
import styles from './repositories.module.css'
import { RowActions } from './row-actions'
import rowActions from './row-actions.module.css'
import { useSize } from './states'
import { StatusCell } from './status-cell'

/** `hasNeeds`: columns for quality and memory, which only the Hub's answer knows. */
export function Variants({
  label,
  first = 'Variant',
  second = 'Size',
  hasNeeds = false,
  children,
}: {
  label: string
  first?: string
  second?: string
  hasNeeds?: boolean
  children: ReactNode
}) {
  return (
    <div role="table" aria-label={label} className={styles.variants} data-needs={hasNeeds || undefined}>
      <div role="row" className={styles.heads}>
        <div role="columnheader">{first}</div>
        <div role="columnheader" className={styles.second}>
          {second}
        </div>
        {hasNeeds && (
          <>
            <div role="columnheader">Quality</div>
            <div role="columnheader" className={styles.second}>
              Memory
            </div>
          </>
        )}
        <div role="columnheader">Status</div>
        <div role="columnheader">
          <span className="visually-hidden">Actions</span>
        </div>
      </div>
      {children}
    </div>
  )
}

function Row({
  name,
  second,
  needs,
  status,
  actions,
}: {
  name: ReactNode
  second: ReactNode
  needs?: ReactNode
  status: ReactNode
  actions: ReactNode
}) {
  return (
    <div role="row" className={styles.variant}>
      <div role="cell" className={styles.name}>
        {name}
      </div>
      <div role="cell" className={styles.second}>
        {second}
      </div>
      {needs}
      <div role="cell" className={styles.status}>
        {status}
      </div>
      <div role="cell" className={styles.actions}>
        {actions}
      </div>
    </div>
  )
}

/** The cells of quality and memory; `variant` undefined: the repository has it no more. */
function Needs({ variant, preview }: { variant: Variant | undefined; preview: RepoPreview }) {
  const quality = variant?.ratings?.quality ?? null
  return (
    <>
      <div role="cell" className={styles.quality}>
        {quality === null ? '–' : <Rating what="Quality" value={quality} />}
      </div>
      <div role="cell" className={styles.memory}>
        {variant ? (
          <Memory
            of={{ ...variant, weightsBytes: variant.sizeBytes }}
            contextLength={preview.estimateContextLength}
          />
        ) : (
          '–'
        )}{' '}
        <span className={styles.unit}>memory</span>
      </div>
    </>
  )
}

const BestFit = () => <Tag tone="accent">Best fit</Tag>

/** A registered model as a variant. */
export function ModelVariant({
  model,
  name,
  second,
  preview,
  hasNeeds = false,
}: {
  model: Model
  name: string
  second: ReactNode
  /** What the Hub says of its repository. */
  preview?: RepoPreview
  hasNeeds?: boolean
}) {
  const variant = preview?.variants.find(({ filename }) => filename === model.modelFile)
  return (
    <Row
      name={
        <>
          <button type="button" className={styles.open} onClick={() => openInfo(model.id)}>
            <Cut
              text={name === model.name ? name : `${model.name}: ${model.modelFile ?? name}`}
              shown={name}
            />
          </button>
          {variant?.recommended && <BestFit />}
        </>
      }
      second={second}
      needs={hasNeeds && preview && <Needs variant={variant} preview={preview} />}
      status={<StatusCell model={model} />}
      actions={<RowActions model={model} />}
    />
  )
}

/** What a variant is called: its quantization, else its file. */
export function variantName(model: Model): string {
  const { quantization } = factsOf(model)
  const name = (model.modelFile && quantization) ?? model.modelFile ?? 'Whole repository'
  return model.revision && model.revision !== 'main' ? `${name} @ ${model.revision.slice(0, 12)}` : name
}

/** A size that is known, or will be once the download knows. */
export function Size({ model }: { model: Model }) {
  const size = useSize(model)
  return size === null ? <span className={styles.unknown}>–</span> : bytes(size)
}

/** A variant that the repository has and the register has not. */
export function AvailableVariant({
  preview,
  revision,
  variant,
  hasNeeds,
}: {
  preview: RepoPreview
  revision: string
  variant: Variant
  hasNeeds: boolean
}) {
  const may = useMay()
  const { missing } = useRoomFor(variant.sizeBytes)
  const name = variant.quantization?.method ?? variant.filename ?? 'Whole repository'
  const what = `${name} of ${preview.repo}`
  return (
    <Row
      name={
        <>
          <Cut text={variant.filename ?? name} shown={name} className={styles.offered} />
          {variant.recommended && <BestFit />}
        </>
      }
      second={bytes(variant.sizeBytes)}
      needs={hasNeeds && <Needs variant={variant} preview={preview} />}
      status={<Standing variant={variant} missing={missing} />}
      actions={
        may('operator') &&
        (missing ? (
          <ButtonLink href="/storage#clean-up" size="small" label={`Make room for ${what}`}>
            Make room
          </ButtonLink>
        ) : (
          <GetButton what={what} repo={preview.repo} revision={revision} variant={variant} />
        ))
      }
    />
  )
}

/** What a download would meet; the room is as the volume is now, the memory as the machines are. */
function Standing({
  variant,
  missing,
}: {
  variant: Variant
  missing: { needed: number; free: number } | null
}) {
  if (missing) {
    const numbers = `Needs ${bytes(missing.needed)}, ${bytes(missing.free)} free after the queue.`
    return (
      <div className={styles.standing}>
        <Status tone="bad">No room on disk</Status>
        <Tip text={numbers} render={<span />} className={styles.cause}>
          {bytes(missing.needed - missing.free)} short<span className="visually-hidden">. {numbers}</span>
        </Tip>
      </div>
    )
  }
  const said = fitWord({ ...variant, fitsDisk: null })
  return (
    <div className={styles.standing}>
      <span className={styles.available}>Available</span>
      {said && <Status tone={said.tone}>{said.word}</Status>}
    </div>
  )
}

function GetButton({
  what,
  repo,
  revision,
  variant: { filename, sizeBytes },
}: {
  what: string
  repo: string
  revision: string
  variant: Variant
}) {
  const actions = useActions()
  const [isBusy, setBusy] = useState(false)
  const get = async () => {
    setBusy(true)
    await actions.get(filename ?? repo, () => requestDownload({ repo, filename, revision }))
    setBusy(false)
  }
  return (
    <Button
      size="small"
      icon={isBusy ? <LoaderCircle size={15} className={rowActions.busy} /> : <Download size={15} />}
      aria-label={`Get ${what}, ${bytes(sizeBytes)}`}
      aria-busy={isBusy}
      onClick={() => void get()}
    >
      {bytes(sizeBytes)}
    </Button>
  )
}
