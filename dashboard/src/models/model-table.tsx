/** The models as a table; only the rows in the window are in the page. */
import { useMemo, useRef } from 'react'
import type { Model } from '../api/models'
import { usePhone } from '../lib/media'
import { Bone } from '../ui/place'
import type { Sort } from './filters'
import { isTall, ModelRow } from './model-row'
import styles from './model-table.module.css'
import { TableHead } from './table-head'
import { useRows } from './use-rows'

/** Pixels. */
const ROW = 61

/** A phone's rows are measured too; a good guess spares the page from drawing them twice. */
const phoneHeight = (model?: Model): number => (isTall(model?.downloadStatus ?? null) ? 153 : 121)

export function ModelTable({ models, sort }: { models: readonly Model[]; sort: Sort }) {
  const isPhone = usePhone()
  const body = useRef<HTMLDivElement>(null)
  const keys = useMemo(() => models.map((model) => model.id), [models])
  const { rows, height, measure } = useRows(body, {
    keys,
    heightOf: (index) => (isPhone ? phoneHeight(models[index]) : ROW),
    isFixed: !isPhone,
    overscan: 6,
  })
  return (
    <div role="table" aria-label="Models" aria-rowcount={models.length + 1} className={styles.table}>
      <TableHead sort={sort} isPhone={isPhone} />
      <div ref={body} role="rowgroup" className={styles.body} style={{ height }}>
        {rows.map(({ key, index, start }) => {
          const model = models[index]
          return (
            model && (
              <ModelRow
                key={key}
                model={model}
                index={index}
                start={start}
                isPhone={isPhone}
                measure={measure}
              />
            )
          )
        })}
      </div>
    </div>
  )
}

const WIDTHS = [
  [118, 200, 150],
  [138, 185, 180],
  [158, 165, 200],
]

/** The same grid with bars where text will stand. */
export function TableSkeleton({ sort }: { sort: Sort }) {
  const isPhone = usePhone()
  return (
    <div className={styles.table} aria-busy="true">
      <p className="visually-hidden" role="status">
        Loading models…
      </p>
      <div aria-hidden="true" inert>
        <TableHead sort={sort} isPhone={isPhone} />
        {Array.from({ length: 8 }, (_, index) => (
          <BoneRow key={index} widths={WIDTHS[index % WIDTHS.length] ?? []} />
        ))}
      </div>
    </div>
  )
}

function BoneRow({ widths: [name, origin, file] }: { widths: readonly number[] }) {
  return (
    <div className={styles.bones}>
      <div className={styles.cells}>
        <div className={styles.name}>
          <Bone width={30} height={30} />
          <div className={styles.boneWords}>
            <Bone width={name} />
            <Bone width={72} />
          </div>
        </div>
        <div className={styles.type}>
          <Bone width={44} />
        </div>
        <div className={`${styles.source} ${styles.boneWords}`}>
          <Bone width={origin} />
          <Bone width={file} />
        </div>
        <div className={styles.size}>
          <Bone width={48} />
        </div>
        <div className={styles.downloaded}>
          <Bone width={36} />
        </div>
        <div className={styles.status}>
          <Bone width={120} />
        </div>
        <div className={styles.actions}>
          <Bone width={56} />
        </div>
      </div>
    </div>
  )
}
