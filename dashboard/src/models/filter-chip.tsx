/** One group of filters: a chip that opens its menu and says what is chosen. */
import { ChevronDown, X } from 'lucide-react'
import styles from './filter-bar.module.css'
import { type Group, GROUP_NAMES } from './filters'
import { opens } from './open-menu'
import { changeView } from './view'

export function FilterChip({ group, chosen }: { group: Group; chosen: readonly string[] }) {
  const name = GROUP_NAMES[group]
  return (
    <span className={styles.chip} data-active={chosen.length > 0 || undefined}>
      <button type="button" className={styles.chipButton} {...opens({ kind: 'filter', group })}>
        {name}{' '}
        {chosen.length > 0 ? (
          <b>{chosen.length === 1 ? chosen[0] : chosen.length}</b>
        ) : (
          <ChevronDown size={14} />
        )}
      </button>
      {chosen.length > 0 && (
        <button
          type="button"
          className={styles.chipClear}
          aria-label={`Clear ${name.toLowerCase()}`}
          onClick={() => changeView({ [group]: [] })}
        >
          <X size={13} />
        </button>
      )}
    </span>
  )
}
