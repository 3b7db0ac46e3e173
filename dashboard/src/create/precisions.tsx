/** What a repository of safetensors takes at each precision that it may be loaded with. */
import type { RepoPreview } from '../api/hub'
import { bytes } from '../lib/format'
import { Fit } from '../models/fit'
import { Status } from '../ui/status'
import form from './form.module.css'
import styles from './precisions.module.css'

type Sizes = NonNullable<RepoPreview['estimatedSizes']>

const NAMES: readonly { key: keyof Sizes; name: string; what: string }[] = [
  { key: 'q4', name: 'q4', what: '4 bits a weight' },
  { key: 'q8', name: 'q8', what: '8 bits a weight' },
  { key: 'fp16', name: 'fp16', what: '16 bits a weight' },
]

/** Nothing where the number of parameters is not known, or each file is a choice with its own numbers. */
export function Precisions({ preview: { estimatedSizes, variants } }: { preview: RepoPreview }) {
  if (!estimatedSizes || variants.some(({ kind }) => kind === 'gguf')) return null
  const hasFit = NAMES.some(({ key }) => estimatedSizes[key].fits !== null)
  return (
    <section className={form.section} aria-labelledby="precisions-title">
      <div className={styles.head}>
        <h2 id="precisions-title">Precision</h2>
        <span className={styles.note}>Estimates, for whoever loads it. The download is the same.</span>
      </div>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">Loaded as</th>
            <th scope="col">Disk</th>
            <th scope="col">Memory</th>
            {hasFit && <th scope="col">Fit</th>}
          </tr>
        </thead>
        <tbody>
          {NAMES.map(({ key, name, what }) => (
            <tr key={key}>
              <th scope="row">
                <code>{name}</code> <span className={styles.what}>{what}</span>
              </th>
              <td>{bytes(estimatedSizes[key].diskBytes)}</td>
              <td>{bytes(estimatedSizes[key].memoryBytes)}</td>
              {hasFit && <td>{fitOf(estimatedSizes[key].fits)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

const fitOf = (fits: boolean | null) =>
  fits === null ? (
    <Status tone="quiet">Not known</Status>
  ) : (
    <Fit of={{ fits, fitsMemory: fits, fitsDisk: null }} />
  )
