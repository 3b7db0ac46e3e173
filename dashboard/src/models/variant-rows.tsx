/** The small tables of the cards: variants with their size, how they stand, and what can be done. */
import { Download, LoaderCircle } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { useMay } from '../api/auth'
import { requestDownload } from '../api/downloads'
import type { Variant } from '../api/hub'
import type { Model } from '../api/models'
import { bytes } from '../lib/format'
import { openInfo } from '../lib/overlay'
import { Button } from '../ui/button'
import { Tag } from '../ui/status'
import { Cut } from '../ui/tooltip'
import { useActions } from './actions'
import { factsOf } from './facts'
import styles from './repositories.module.css'
import { RowActions } from './row-actions'
import rowActions from './row-actions.module.css'
import { useSize } from './states'
import { StatusCell } from './status-cell'

export function Variants({
  label,
  first = 'Variant',
  second = 'Size',
  children,
}: {
  label: string
  first?: string
  second?: string
  children: ReactNode
}) {
  return (
    <div role="table" aria-label={label} className={styles.variants}>
      <div role="row" className={styles.heads}>
        <div role="columnheader">{first}</div>
        <div role="columnheader" className={styles.second}>
          {second}
        </div>
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
  status,
  actions,
}: {
  name: ReactNode
  second: ReactNode
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
      <div role="cell" className={styles.status}>
        {status}
      </div>
      <div role="cell" className={styles.actions}>
        {actions}
      </div>
    </div>
  )
}

const BestFit = () => <Tag tone="accent">Best fit</Tag>

/** A registered model as a variant. */
export function ModelVariant({
  model,
  name,
  second,
  isBest = false,
}: {
  model: Model
  name: string
  second: ReactNode
  isBest?: boolean
}) {
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
          {isBest && <BestFit />}
        </>
      }
      second={second}
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
  repo,
  revision,
  variant,
}: {
  repo: string
  revision: string
  variant: Variant
}) {
  const may = useMay()
  const name = variant.quantization?.method ?? variant.filename ?? 'Whole repository'
  return (
    <Row
      name={
        <>
          <Cut text={variant.filename ?? name} shown={name} className={styles.offered} />
          {variant.recommended && <BestFit />}
        </>
      }
      second={bytes(variant.sizeBytes)}
      status={<span className={styles.available}>Available</span>}
      actions={
        may('operator') && (
          <GetButton name={name} repo={repo} revision={revision} filename={variant.filename} />
        )
      }
    />
  )
}

function GetButton({
  name,
  repo,
  revision,
  filename,
}: {
  name: string
  repo: string
  revision: string
  filename: string | null
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
      aria-label={`Get ${name} of ${repo}`}
      aria-busy={isBusy}
      onClick={() => void get()}
    >
      Get
    </Button>
  )
}
