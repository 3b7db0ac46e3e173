/** The filters of a phone: chips to tick in a sheet, and one button that goes back to the list. */
import { ArrowDown, ArrowUp, Check } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Model } from '../api/models'
import { plural } from '../lib/format'
import { Button } from '../ui/button'
import { Drawer } from '../ui/drawer'
import styles from './filter-bar.module.css'
import {
  GROUP_NAMES,
  GROUPS,
  isFiltered,
  LAYOUT_NAMES,
  LAYOUTS,
  optionsOf,
  type Sort,
  type SortKey,
  type View,
} from './filters'
import { changeView, clearFilters, toggle } from './view'

/** What the column heads do on a wider page. */
const ORDERS: readonly { value: SortKey; label: string }[] = [
  { value: 'name', label: 'Name' },
  { value: 'source', label: 'Repository' },
  { value: 'size', label: 'Size' },
  { value: 'status', label: 'Status' },
]

export default function FilterSheet({
  open,
  onClose,
  models,
  view,
  shown,
}: {
  open: boolean
  onClose: () => void
  models: readonly Model[]
  view: View
  shown: number
}) {
  const options = optionsOf(models, view)
  return (
    <Drawer
      open={open}
      onClose={onClose}
      title="Filters"
      fit
      actions={
        isFiltered(view) && (
          <button type="button" className={styles.clearAll} onClick={clearFilters}>
            Clear all
          </button>
        )
      }
      footer={
        <Button look="primary" className={styles.show} onClick={onClose}>
          Show {plural(shown, 'model')}
        </Button>
      }
    >
      {GROUPS.map((group) => (
        <Chips key={group} title={GROUP_NAMES[group]}>
          {options[group].map(({ value, label }) => (
            <Chip
              key={value}
              type="checkbox"
              name={group}
              isOn={view[group].some((one) => one === value)}
              onChange={() => toggle(group, view[group], value)}
            >
              {label}
            </Chip>
          ))}
        </Chips>
      ))}
      <Orders sort={view.sort} />
      <Chips title="View">
        {LAYOUTS.map((layout) => (
          <Chip
            key={layout}
            type="radio"
            name="sheet-view"
            isOn={view.layout === layout}
            onChange={() => changeView({ layout })}
          >
            {LAYOUT_NAMES[layout]}
          </Chip>
        ))}
      </Chips>
    </Drawer>
  )
}

function Orders({ sort }: { sort: Sort }) {
  const { key, descending } = sort
  return (
    <Chips title="Order">
      {ORDERS.map(({ value, label }) => (
        <Chip
          key={value}
          type="radio"
          name="sheet-sort"
          isOn={key === value}
          onChange={() => changeView({ sort: { key: value, descending } })}
        >
          {label}
        </Chip>
      ))}
      <button
        type="button"
        className={styles.pill}
        onClick={() => changeView({ sort: { key, descending: !descending } })}
      >
        {descending ? <ArrowDown size={15} aria-hidden="true" /> : <ArrowUp size={15} aria-hidden="true" />}
        {descending ? 'Descending' : 'Ascending'}
      </button>
    </Chips>
  )
}

function Chips({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset className={styles.group}>
      <legend className={styles.groupName}>{title}</legend>
      <div className={styles.pills}>{children}</div>
    </fieldset>
  )
}

function Chip({
  type,
  name,
  isOn,
  onChange,
  children,
}: {
  type: 'checkbox' | 'radio'
  name: string
  isOn: boolean
  onChange: () => void
  children: ReactNode
}) {
  return (
    <label className={styles.pill} data-on={isOn || undefined}>
      <input type={type} name={name} className="visually-hidden" checked={isOn} onChange={onChange} />
      {isOn && <Check size={15} aria-hidden="true" />}
      {children}
    </label>
  )
}
