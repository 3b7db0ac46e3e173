/** The heads of the table's columns; each sorts both ways. */
import { ArrowDown, ArrowUp } from 'lucide-react'
import type { Sort, SortKey } from './filters'
import styles from './model-table.module.css'
import { changeView } from './view'

const COLUMNS: readonly { key: SortKey; label: string; className: string | undefined }[] = [
  { key: 'name', label: 'Name', className: styles.name },
  { key: 'type', label: 'Type', className: styles.type },
  { key: 'source', label: 'Provider / repository and file', className: styles.source },
  { key: 'size', label: 'Size', className: styles.size },
  { key: 'downloaded', label: 'Downloaded', className: styles.downloaded },
  { key: 'status', label: 'Download status', className: styles.status },
]

/** On a phone, where rows are stacked, it is there for screen readers only; the order is chosen in the sheet. */
export function TableHead({ sort, isPhone }: { sort: Sort; isPhone: boolean }) {
  return (
    <div role="rowgroup" className={isPhone ? 'visually-hidden' : styles.head}>
      <div role="row" aria-rowindex={1} className={styles.cells}>
        {COLUMNS.map(({ key, label, className }) => (
          <div key={key} role="columnheader" className={className} aria-sort={directionOf(sort, key)}>
            {isPhone ? label : <SortButton sort={sort} of={key} label={label} />}
          </div>
        ))}
        <div role="columnheader" className={styles.actions}>
          <span className="visually-hidden">Actions</span>
        </div>
      </div>
    </div>
  )
}

function SortButton({ sort, of: key, label }: { sort: Sort; of: SortKey; label: string }) {
  const isHere = sort.key === key
  const Arrow = isHere && sort.descending ? ArrowDown : ArrowUp
  return (
    <button
      type="button"
      className={styles.sort}
      data-here={isHere || undefined}
      onClick={() => changeView({ sort: { key, descending: isHere && !sort.descending } })}
    >
      <span>{label}</span>
      <Arrow size={13} aria-hidden="true" />
    </button>
  )
}

function directionOf(sort: Sort, key: SortKey): 'ascending' | 'descending' | 'none' {
  if (sort.key !== key) return 'none'
  return sort.descending ? 'descending' : 'ascending'
}
